package health

import (
	"context"
	"fmt"
	"math"
	"os"
	"runtime/debug"
	"runtime/metrics"
	"strconv"
	"strings"
)

// nearlyAll is the share of the memory limit from which a process is degraded.
const nearlyAll = 0.9

// Memory returns a probe of the memory that the Go runtime has taken from the system. It
// is degraded from nine tenths of the limit on, which is in bytes. A limit of 0 means the
// process's own: GOMEMLIMIT, or else that of the cgroup. If there is neither, the probe is
// healthy.
func Memory(limit int64) Probe {
	return Probe{Kind: "memory", Local: true, Run: func(context.Context) (Details, error) {
		limit := limit
		if limit <= 0 {
			limit = memoryLimit("/sys/fs/cgroup")
		}
		used := memoryUsed()
		details := Details{"used_bytes": used}
		if limit <= 0 {
			return details, nil
		}
		details["limit_bytes"] = limit
		if share := float64(used) / float64(limit); share >= nearlyAll {
			return details, Degradedf("%.0f%% of the memory limit is in use", 100*share)
		}
		return details, nil
	}}
}

// memoryUsed returns what the runtime compares with its own limit: what Go has mapped
// and not returned. Reading it does not stop the world.
func memoryUsed() int64 {
	s := []metrics.Sample{{Name: "/memory/classes/total:bytes"}, {Name: "/memory/classes/heap/released:bytes"}}
	metrics.Read(s)
	return int64(s[0].Value.Uint64() - s[1].Value.Uint64())
}

// memoryLimit is the process's own limit, 0 if there is none that can be read.
func memoryLimit(cgroup string) int64 {
	if limit := debug.SetMemoryLimit(-1); limit != math.MaxInt64 {
		return limit
	}
	for _, name := range []string{"/memory.max", "/memory/memory.limit_in_bytes"} { // cgroups version 2 and 1
		text, err := os.ReadFile(cgroup + name)
		if err != nil {
			continue
		}
		// "max" is none, as is version 1's nearly the largest there is.
		if n, err := strconv.ParseInt(strings.TrimSpace(string(text)), 10, 64); err == nil && n < 1<<60 {
			return n
		}
	}
	return 0
}

// Goroutines returns a probe of the number of goroutines: degraded over the limit, down
// over twice the limit. A number that only ever grows is a leak.
func Goroutines(limit int) Probe {
	return Probe{Kind: "goroutines", Local: true, Run: func(context.Context) (Details, error) {
		s := []metrics.Sample{{Name: "/sched/goroutines:goroutines"}}
		metrics.Read(s)
		n := int(s[0].Value.Uint64())
		details := Details{"goroutines": n}
		switch {
		case n > 2*limit:
			return details, fmt.Errorf("%d goroutines, more than twice %d", n, limit)
		case n > limit:
			return details, Degradedf("%d goroutines, more than %d", n, limit)
		}
		return details, nil
	}}
}
