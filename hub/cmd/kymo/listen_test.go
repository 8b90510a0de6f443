package main

import (
	"errors"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/kymohq/kymo/hub/internal/config"
)

var quiet = slog.New(slog.DiscardHandler)

func TestListenErrors(t *testing.T) {
	l, err := listen("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	_, err = listen(l.Addr().String())
	if want := " is in use by another process; stop it, or name another with --listen host:port"; err == nil || !strings.HasSuffix(err.Error(), want) {
		t.Errorf("a taken port: %v", err)
	}
	if _, err = listen("192.0.2.1:0"); err == nil ||
		err.Error() != "listen: cannot listen on 192.0.2.1:0: this machine does not have the address; name one that it has, like 127.0.0.1" {
		t.Errorf("an address of another machine: %v", err)
	}
	store := filepath.Join(t.TempDir(), "data")
	runKymo(t, nil, "serve", "--listen", l.Addr().String(), "--store", store).
		expect(t, exitFailed, "is in use by another process")
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

func TestServerThatFails(t *testing.T) {
	l, err := listen("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
	conf := config.Default()
	conf.Store = filepath.Join(t.TempDir(), "data")
	h, err := openHub(conf, quiet)
	if err != nil {
		t.Fatal(err)
	}
	err = new(serveCommand).serve(&environment{ctx: t.Context()}, l, &reloader{began: conf, hub: h, logger: quiet})
	if err == nil || !strings.HasPrefix(err.Error(), "serve: accept") {
		t.Errorf("got %v", err)
	}
}
