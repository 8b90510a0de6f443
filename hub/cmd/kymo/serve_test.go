package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/kymohq/kymo/hub/internal/config"
	"github.com/kymohq/kymo/hub/internal/reload"
)

// serving runs `kymo serve` in this process until stop, which returns its status.
func serving(t *testing.T, args ...string) (hub string, stop func() int) {
	t.Helper()
	ready := filepath.Join(t.TempDir(), "url")
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan int, 1)
	var stderr strings.Builder
	go func() {
		ended <- run(ctx, append([]string{"serve", "--ready-file", ready}, args...), nil, io.Discard, &stderr, nil)
	}()
	for range 3000 {
		content, err := os.ReadFile(ready)
		if err == nil {
			return strings.TrimSpace(string(content)), func() int { cancel(); return <-ended }
		}
		time.Sleep(10 * time.Millisecond) // between two looks, not instead of one
	}
	cancel()
	<-ended
	t.Fatalf("the hub was not ready in 30 s: %s", stderr.String())
	return "", nil
}

var quiet = slog.New(slog.DiscardHandler)

func TestServerThatFails(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
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
	r := &reload.Reloader{Initial: conf, Hub: h, Logger: quiet}
	err = new(serveCommand).serve(&environment{ctx: t.Context()}, l, r, nil, nil)
	if err == nil || !strings.HasPrefix(err.Error(), "serve: accept") {
		t.Errorf("got %v", err)
	}
}

// A port that another process has is an error, before the data is touched.
func TestServeOnATakenPort(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	store := filepath.Join(t.TempDir(), "data")
	runKymo(t, nil, "serve", "--listen", l.Addr().String(), "--store", store).
		expect(t, exitFailed, "is in use by another process")
	if _, err := os.Stat(store); !os.IsNotExist(err) {
		t.Errorf("the store: %v", err)
	}
}

// TestStopInTheMiddleOfAnImport: what the hub acknowledged before it stopped is
// there after it, and what it did not comes again; nothing is lost or counted twice.
func TestStopInTheMiddleOfAnImport(t *testing.T) {
	store := filepath.Join(t.TempDir(), "data")
	hub, stop := serving(t, "--listen", "127.0.0.1:0", "--store", store)
	address, err := url.Parse(hub)
	if err != nil {
		t.Fatal(err)
	}

	rows, input := io.Pipe()
	begin := time.Now().Add(-time.Hour).UnixMilli()
	feed := func(n int) {
		var b strings.Builder
		for i := range n {
			fmt.Fprintf(&b, "%d,/a,GET,1000,200,\n", begin+int64(i))
		}
		if _, err := io.WriteString(input, b.String()); err != nil {
			t.Error(err)
		}
	}
	imported := make(chan *ran)
	go func() {
		imported <- runKymo(t, rows, "import", "--format", "csv", "--hub", hub, "-")
	}()
	const each = 100_000
	feed(each) // returns when it was read, which is in the middle of sending it
	if status := stop(); status != exitOK {
		t.Errorf("serve ended with %d", status)
	}
	_, stop = serving(t, "--listen", address.Host, "--store", store)
	feed(each)
	input.Close()
	(<-imported).expect(t, exitOK, "")

	r := runKymo(t, nil, "report", "--hub", hub)
	r.expect(t, exitOK, "")
	if !strings.Contains(r.stdout.String(), "\n 200,000  ") {
		t.Errorf("reported\n%s", r.stdout.String())
	}
	if status := stop(); status != exitOK {
		t.Errorf("serve ended with %d", status)
	}
}
