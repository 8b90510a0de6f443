package remote

import (
	"errors"
	"fmt"
	"net"
	"syscall"
)

// Unreached returns an error with a short text if err means that a server could not
// be reached, and any other err unchanged. The result wraps err.
func Unreached(err error) error {
	var dns *net.DNSError
	var op *net.OpError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &dns):
		return redacted{err, fmt.Sprintf("the host %s has no address (%s)", dns.Name, dns.Err)}
	case !errors.As(err, &op) || op.Op != "dial" || op.Addr == nil:
		return err
	case op.Timeout():
		return redacted{err, fmt.Sprintf("no server answers at %s in time", op.Addr)}
	}
	cause := op.Err
	if number, ok := errors.AsType[syscall.Errno](op.Err); ok {
		cause = number
	}
	return redacted{err, fmt.Sprintf("no server answers at %s (%v)", op.Addr, cause)}
}
