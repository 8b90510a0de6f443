package health

import (
	"context"
	"fmt"
)

// Disk returns a probe of the free space on the file system of path, as available to
// users other than root: degraded if the free share is under minFree (0.1 is a tenth),
// down if it is under a tenth of minFree.
func Disk(path string, minFree float64) Probe {
	return Probe{Kind: "disk", Run: func(context.Context) (Details, error) {
		free, total, err := room(path)
		if err != nil {
			return nil, err
		}
		share := float64(free) / float64(max(total, 1))
		details := Details{"free_bytes": free, "total_bytes": total}
		switch {
		case share < minFree/10:
			return details, fmt.Errorf("%.1f%% of the disk is free", 100*share)
		case share < minFree:
			return details, Degradedf("%.1f%% of the disk is free", 100*share)
		}
		return details, nil
	}}
}
