package probe

import (
	"errors"
	"path/filepath"
	"testing"

	"github.com/kymohq/kymo/health"
)

func TestDisk(t *testing.T) {
	dir := t.TempDir()
	p := openProbe(t, Spec{Type: "disk", Path: dir, MinFree: 1e-9})
	details := wantHealthy(t, p)
	free, total := details["free_bytes"].(uint64), details["total_bytes"].(uint64)
	if free == 0 || total == 0 || free > total {
		t.Errorf("%d of %d bytes are free", free, total)
	}
	missing := filepath.Join(dir, "missing")
	wantProblem(t, openProbe(t, Spec{Type: "disk", Path: missing}), enough, health.Down, "there is no "+missing)
}

// full is a disk of a thousand bytes.
func full(free uint64) func(string) (uint64, uint64, error) {
	return func(string) (uint64, uint64, error) { return free, 1000, nil }
}

func TestDiskSpace(t *testing.T) {
	for _, c := range []struct {
		minFree float64
		space   func(string) (uint64, uint64, error)
		status  health.Status
		problem string
	}{
		{0.1, full(100), health.Healthy, ""},
		{0.1, full(99), health.Degraded, "9.9 % free, under 10 %"},
		{0.1, full(10), health.Degraded, "1.0 % free, under 10 %"},
		{0.1, full(9), health.Down, "0.9 % free, under 10 %"},
		{0.5, full(499), health.Degraded, "49.9 % free, under 50 %"},
		{0.5, full(49), health.Down, "4.9 % free, under 50 %"},
		{0.1, func(string) (uint64, uint64, error) { return 0, 0, nil }, health.Unknown, "without a size"},
		{0.1, func(string) (uint64, uint64, error) { return 0, 0, errors.New("input/output error") }, health.Down, "input/output error"},
	} {
		d := &diskProbe{path: "/data", minFree: c.minFree, space: c.space}
		p := tests.watch("disk", networkProbe(target{"disk", d.path}, nil, d.run, nil))
		if c.status == health.Healthy {
			wantHealthy(t, p)
			continue
		}
		wantProblem(t, p, enough, c.status, c.problem)
	}
	if p, err := New(&Spec{Type: "disk", Path: "/"}); err != nil || p.Kind != "disk" {
		t.Errorf("without min_free: %v %v", p.Kind, err)
	}
}
