//go:build !linux && !darwin && !freebsd

package health

import "runtime"

func room(string) (free, total uint64, err error) {
	return 0, 0, Unknownf("free space cannot be read on %s", runtime.GOOS)
}
