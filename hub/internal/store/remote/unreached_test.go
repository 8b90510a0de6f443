package remote

import (
	"context"
	"errors"
	"fmt"
	"net"
	"syscall"
	"testing"
	"time"
)

func TestUnreached(t *testing.T) {
	_, refused := net.Dial("tcp", "127.0.0.1:1")
	ctx, cancel := context.WithDeadline(t.Context(), time.Now().Add(-time.Hour))
	defer cancel()
	_, late := (&net.Dialer{}).DialContext(ctx, "tcp", "127.0.0.1:1")
	lost := &net.OpError{Op: "read", Net: "tcp", Addr: &net.TCPAddr{}, Err: errors.New("broken")}
	for _, test := range []struct {
		err  error
		want string
	}{
		{refused, "no server answers at 127.0.0.1:1 (connection refused)"},
		{fmt.Errorf("failed to connect to `user=kymo`: %w", refused), "no server answers at 127.0.0.1:1 (connection refused)"},
		{late, "no server answers at 127.0.0.1:1 in time"},
		{&net.OpError{Op: "dial", Err: &net.DNSError{Name: "db", Err: "no such host"}}, "the host db has no address (no such host)"},
		{&net.OpError{Op: "dial", Addr: &net.TCPAddr{Port: 1}, Err: errors.New("odd")}, "no server answers at :1 (odd)"},
		{lost, lost.Error()},
		{errors.New("password authentication failed"), "password authentication failed"},
	} {
		got := Unreached(test.err)
		if got.Error() != test.want || !errors.Is(got, test.err) {
			t.Errorf("got %v, want %s", got, test.want)
		}
	}
	if !errors.Is(Unreached(refused), syscall.ECONNREFUSED) || Unreached(nil) != nil {
		t.Error("what the error wraps is gone")
	}
}
