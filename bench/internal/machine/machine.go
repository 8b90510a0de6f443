// Package machine describes the machine and the versions of a measurement.
package machine

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"strings"
	"time"

	"github.com/kymohq/kymo/bench/internal/measure"
)

// Describe says in one line what machine this is.
func Describe() string {
	return fmt.Sprintf("%d cores of %s, Linux %s, %s, GOMAXPROCS %d", runtime.NumCPU(),
		cpu(readFile("/proc/cpuinfo")), strings.TrimSpace(readFile("/proc/sys/kernel/osrelease")),
		runtime.Version(), runtime.GOMAXPROCS(0))
}

// cpu finds the processor's name in the text of /proc/cpuinfo.
func cpu(info string) string {
	for line := range strings.Lines(info) {
		if name, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(name) == "model name" {
			return strings.TrimSpace(value)
		}
	}
	return "an unnamed CPU"
}

func readFile(path string) string {
	data, err := os.ReadFile(path)
	if err != nil {
		return ""
	}
	return string(data)
}

// Module returns the version of a module that this program was built with.
func Module(path string) string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	for _, dep := range info.Deps {
		if dep.Path == path {
			return dep.Version
		}
	}
	return "not built in"
}

// SyncTime is the median time to make 4 KiB durable in dir.
func SyncTime(dir string) (time.Duration, error) {
	f, err := os.Create(filepath.Join(dir, "sync"))
	if err != nil {
		return 0, fmt.Errorf("measure fsync: %w", err)
	}
	defer os.Remove(f.Name())
	defer f.Close()
	block := make([]byte, 4096)
	var times []float64
	for range 50 {
		start := time.Now()
		if _, err := f.Write(block); err != nil {
			return 0, fmt.Errorf("measure fsync: %w", err)
		}
		if err := f.Sync(); err != nil {
			return 0, fmt.Errorf("measure fsync: %w", err)
		}
		times = append(times, float64(time.Since(start)))
	}
	return time.Duration(measure.Median(times)), nil
}
