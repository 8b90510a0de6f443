//go:build !linux

package webserver

import "net"

// boundUnsent is for Linux.
func boundUnsent(net.Conn) {}
