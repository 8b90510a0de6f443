package webserver

import (
	"errors"
	"fmt"
	"net"
	"syscall"
)

// Listen opens a TCP port. Its error tells what to do about it.
func Listen(address string) (net.Listener, error) {
	l, err := net.Listen("tcp", address)
	if err == nil {
		return l, nil
	}
	if errors.Is(err, syscall.EADDRINUSE) {
		return nil, fmt.Errorf("listen: %s is in use by another process; stop it, or choose another host:port", address)
	}
	return nil, fmt.Errorf("listen: cannot listen on %s: %w", address, listenCause(err))
}

// listenCause returns the part of the network's error that helps a user, and what to do.
func listenCause(err error) error {
	var dns *net.DNSError
	var number syscall.Errno
	switch {
	case errors.As(err, &dns):
		return fmt.Errorf("the name %s has no address (%s); name an address of this machine, like 127.0.0.1", dns.Name, dns.Err)
	case errors.Is(err, syscall.EADDRNOTAVAIL):
		return errors.New("this machine does not have the address; name one that it has, like 127.0.0.1")
	case errors.Is(err, syscall.EACCES):
		return errors.New("this user may not use the port; take one above 1023")
	case errors.As(err, &number):
		return number
	}
	return err
}
