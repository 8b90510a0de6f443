//go:build linux || darwin || freebsd

package health

import "syscall"

// room returns the bytes that are free where the path is, and all there are.
func room(path string) (free, total uint64, err error) {
	var s syscall.Statfs_t
	if err := syscall.Statfs(path, &s); err != nil {
		return 0, 0, err
	}
	block := uint64(s.Bsize)
	return uint64(s.Bavail) * block, uint64(s.Blocks) * block, nil
}
