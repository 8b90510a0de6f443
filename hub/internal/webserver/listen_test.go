package webserver

import (
	"errors"
	"net"
	"os"
	"strings"
	"syscall"
	"testing"
)

func TestListenErrors(t *testing.T) {
	l, err := Listen("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	_, err = Listen(l.Addr().String())
	if want := " is in use by another process; stop it, or choose another host:port"; err == nil || !strings.HasSuffix(err.Error(), want) {
		t.Errorf("a taken port: %v", err)
	}
	if _, err = Listen("192.0.2.1:0"); err == nil ||
		err.Error() != "listen: cannot listen on 192.0.2.1:0: this machine does not have the address; name one that it has, like 127.0.0.1" {
		t.Errorf("an address of another machine: %v", err)
	}
}

// The causes that a test cannot bring about for every user.
func TestListenCause(t *testing.T) {
	call := func(err error) error {
		return &net.OpError{Op: "listen", Net: "tcp", Err: os.NewSyscallError("bind", err)}
	}
	for want, err := range map[string]error{
		"this user may not use the port; take one above 1023": call(syscall.EACCES),
		"network is unreachable":                              call(syscall.ENETUNREACH),
		"odd":                                                 errors.New("odd"),
	} {
		if got := listenCause(err).Error(); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}
