package main

import (
	"errors"
	"fmt"
	"net"
	"syscall"
)

// listen opens a TCP port.
func listen(address string) (net.Listener, error) {
	l, err := net.Listen("tcp", address)
	if err != nil {
		if errors.Is(err, syscall.EADDRINUSE) {
			return nil, fmt.Errorf("listen: %s is in use by another process; stop it, or name another with --listen host:port", address)
		}
		return nil, fmt.Errorf("listen: cannot listen on %s: %w", address, err)
	}
	return l, nil
}
