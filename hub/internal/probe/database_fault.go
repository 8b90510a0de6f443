package probe

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/kymohq/kymo/health"
	"github.com/kymohq/kymo/internal/duration"
	"github.com/kymohq/kymo/internal/timeout"
)

// fault is an error text of this package, without secrets. Texts of drivers
// and servers become faults only through explain.
type fault string

func (f fault) Error() string { return string(f) }

const (
	errLost    = fault("connection closed by the server")
	errTooMany = fault("too many connections")
)

// errPassword is the error of a user and password that the server refuses.
func errPassword(user string) fault {
	if user == "" {
		return "password authentication failed"
	}
	return fault(fmt.Sprintf("password authentication failed for user %q", user))
}

// explain turns an error into a text for the people who have to fix the problem.
// It does not wrap the error, whose text may contain secrets.
func explain(ctx context.Context, err error, hide secrets) error {
	if err == nil || health.StatusOf(err) != health.Down {
		return err
	}
	if own := fault(""); errors.As(err, &own) && own != errLost {
		return own
	}
	// At the deadline drivers return all kinds of errors, some of them a moment
	// before ctx is done.
	deadline, bounded := ctx.Deadline()
	switch {
	case bounded && !time.Now().Before(deadline):
		if limit := timeout.Of(ctx); limit > 0 {
			return errors.New("no answer within " + duration.Text(limit))
		}
		return errors.New("no answer in time")
	case ctx.Err() != nil:
		return health.Unknownf("stopped before there was an answer")
	}
	if known := networkFault(err); known != "" {
		return known
	}
	return errors.New(hide.show(lastCause(err)))
}

// lastCause returns the text of an error without those of the errors around it, as far as
// it can be told.
func lastCause(err error) string {
	text := err.Error()
	if i := strings.LastIndex(text, "tls: "); i >= 0 { // of this side, or an alert of the other
		return "the TLS handshake failed: " + text[i+len("tls: "):]
	}
	if system := syscall.Errno(0); errors.As(err, &system) {
		return system.Error()
	}
	return text
}

// networkFault describes an error of the network, or returns "" if it is
// another one.
func networkFault(err error) fault {
	var (
		name      *net.DNSError
		late      net.Error
		authority x509.UnknownAuthorityError
		hostname  x509.HostnameError
		invalid   x509.CertificateInvalidError
		record    tls.RecordHeaderError
	)
	dial := (*net.OpError)(nil)
	socket := errors.As(err, &dial) && dial.Net == "unix"
	switch {
	case errors.Is(err, syscall.ECONNREFUSED):
		return "connection refused"
	case socket && errors.Is(err, syscall.ENOENT):
		return "there is no socket"
	case socket && errors.Is(err, syscall.EACCES):
		return "the hub may not open the socket"
	case errors.As(err, &name) && name.IsNotFound:
		return fault(fmt.Sprintf("no such host: %s", name.Name))
	case errors.As(err, &name):
		return fault(fmt.Sprintf("the name server has no address for %s", name.Name))
	case errors.Is(err, syscall.EHOSTUNREACH), errors.Is(err, syscall.ENETUNREACH):
		return "no route to host"
	case isLost(err):
		return errLost
	case errors.As(err, &authority):
		return "certificate signed by an unknown authority"
	case errors.As(err, &hostname):
		return "certificate is for another host"
	case errors.As(err, &invalid):
		return "certificate is not valid: it has expired, is not valid yet, or is for another use"
	case errors.As(err, &record):
		return "the server does not speak TLS"
	case errors.Is(err, os.ErrDeadlineExceeded), errors.As(err, &late) && late.Timeout():
		return "timed out"
	}
	return ""
}

// isLost reports whether a connection broke.
func isLost(err error) bool {
	for _, lost := range []error{errLost, io.EOF, io.ErrUnexpectedEOF, net.ErrClosed, syscall.ECONNRESET, syscall.EPIPE} {
		if errors.Is(err, lost) {
			return true
		}
	}
	return false
}

// findings are the problems of a server that answers.
type findings struct{ degraded, unknown []string }

func (f *findings) degradef(format string, args ...any) {
	f.degraded = append(f.degraded, fmt.Sprintf(format, args...))
}

func (f *findings) unsuref(format string, args ...any) {
	f.unknown = append(f.unknown, fmt.Sprintf(format, args...))
}

// connections judges how many are used of how many there may be. A server that
// has none left is degraded whatever the share: others get none.
func (f *findings) connections(used, limit int64, share float64) {
	if share == 0 {
		share = 1
	}
	if limit > 0 && float64(used) >= share*float64(limit) {
		f.degradef("%d of %d connections used", used, limit)
	}
}

// lag judges how far replication is behind; limit 0 is any.
func (f *findings) lag(lag, limit time.Duration) {
	if limit > 0 && lag >= limit {
		f.degradef("replication is %s behind", duration.Text(lag))
	}
}

// memory judges how much is used of how much there may be.
func (f *findings) memory(used, limit int64, share float64) {
	if share > 0 && limit > 0 && float64(used) >= share*float64(limit) {
		f.degradef("%.0f %% of its memory limit used", 100*float64(used)/float64(limit))
	}
}

// err is all of it in one error; nil if there is nothing.
func (f *findings) err() error {
	switch all := slices.Concat(f.degraded, f.unknown); {
	case len(f.degraded) > 0:
		return health.Degradedf("%s", strings.Join(all, "; "))
	case len(f.unknown) > 0:
		return health.Unknownf("%s", strings.Join(all, "; "))
	}
	return nil
}
