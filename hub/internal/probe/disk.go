package probe

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"

	"github.com/kymohq/kymo/health"
)

const (
	defaultMinFree = 0.1
	// A check is down if less than min_free divided by downDivisor is free.
	downDivisor = 10
)

// diskProbe measures how much space is free where path is.
type diskProbe struct {
	path    string
	minFree float64
	space   func(path string) (free, total uint64, err error)
}

func newDisk(s *Spec) (health.Probe, error) {
	switch {
	case !filepath.IsAbs(s.Path):
		return health.Probe{}, wrong("path", "must be absolute, like /var/lib")
	case !(s.MinFree >= 0 && s.MinFree < 1): // not a number is neither
		return health.Probe{}, wrong("min_free", "is %v; it is a share, from 0 to 1: 0.1 is one tenth", s.MinFree)
	}
	d := &diskProbe{path: s.Path, minFree: s.MinFree, space: diskSpace}
	if d.minFree == 0 {
		d.minFree = defaultMinFree
	}
	return networkProbe(target{"disk", d.path}, nil, d.run, nil), nil
}

// run makes a system call, which cannot be canceled: if the disk hangs, so
// does the run, which the registry then reports as stuck.
func (d *diskProbe) run(context.Context) (health.Details, error) {
	free, total, err := d.space(d.path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, fault(fmt.Sprintf("there is no %s", d.path))
	case err != nil:
		return nil, err
	case total == 0:
		return nil, health.Unknownf("%s is on a file system without a size", d.path)
	}
	details := health.Details{"free_bytes": free, "total_bytes": total}
	share := float64(free) / float64(total)
	problem := fmt.Sprintf("%.1f %% free, under %g %%", 100*share, 100*d.minFree)
	switch {
	case share < d.minFree/downDivisor:
		return details, fault(problem)
	case share < d.minFree:
		return details, health.Degradedf("%s", problem)
	}
	return details, nil
}
