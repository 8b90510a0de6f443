//go:build !(linux || darwin || freebsd)

package probe

import "github.com/kymohq/kymo/health"

func diskSpace(string) (free, total uint64, err error) {
	return 0, 0, health.Unknownf("this system does not report how full a disk is")
}
