package health

import (
	"context"
	"fmt"
)

// Disk looks at the room left where the path is, for users who are not root:
// degraded if the share that is free is under least (0.1 is a tenth), down under
// a tenth of that.
func Disk(path string, least float64) Probe {
	return Probe{Kind: "disk", Run: func(context.Context) (Details, error) {
		free, total, err := room(path)
		if err != nil {
			return nil, err
		}
		share := float64(free) / float64(max(total, 1))
		details := Details{"free_bytes": free, "total_bytes": total}
		switch {
		case share < least/10:
			return details, fmt.Errorf("%.1f%% of the disk is free", 100*share)
		case share < least:
			return details, Degradedf("%.1f%% of the disk is free", 100*share)
		}
		return details, nil
	}}
}
