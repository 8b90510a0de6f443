//go:build linux || darwin || freebsd

package probe

import "syscall"

// diskSpace returns the bytes that are free for all users, and all bytes, of the
// file system where path is.
func diskSpace(path string) (free, total uint64, err error) {
	var stat syscall.Statfs_t
	if err := syscall.Statfs(path, &stat); err != nil {
		return 0, 0, err
	}
	block := uint64(stat.Bsize)
	return uint64(max(0, int64(stat.Bavail))) * block, uint64(stat.Blocks) * block, nil
}
