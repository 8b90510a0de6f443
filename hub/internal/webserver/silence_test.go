package webserver

import (
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"testing"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

// loopback returns an open listener.
func loopback(t *testing.T) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// endless answers without an end, and returns its error.
func endless(failed chan<- error) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		var err error
		for err == nil {
			_, err = w.Write(make([]byte, 64<<10))
		}
		failed <- err
	})
}

// TestHTTP2WithoutReading is a client whose windows are open, but which takes nothing from the
// connection: only the server can notice that.
func TestHTTP2WithoutReading(t *testing.T) {
	certified := httptest.NewTLSServer(nil)
	certificates := certified.TLS.Certificates
	certified.Close()

	failed := make(chan error, 1)
	server := newServer(Guard(endless(failed), brief), quiet)
	if c := server.HTTP2; c.WriteByteTimeout != answerTime || c.SendPingTimeout != pingTime {
		t.Errorf("got %+v", c)
	}
	server.HTTP2.WriteByteTimeout = 200 * time.Millisecond
	l := loopback(t)
	s := start(tls.NewListener(l, &tls.Config{Certificates: certificates, NextProtos: []string{"h2"}}), server)
	defer s.Stop(time.Millisecond)

	c, err := tls.Dial("tcp", l.Addr().String(), &tls.Config{InsecureSkipVerify: true, NextProtos: []string{"h2"}})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := io.WriteString(c, http2.ClientPreface); err != nil {
		t.Fatal(err)
	}
	var header headerBlock
	for _, f := range [][2]string{{":method", "GET"}, {":scheme", "https"}, {":authority", "localhost"}, {":path", "/"}} {
		header.add(t, f[0], f[1])
	}
	const most = 1<<31 - 1
	framer := http2.NewFramer(c, c)
	if err := errors.Join(
		framer.WriteSettings(http2.Setting{ID: http2.SettingInitialWindowSize, Val: most}),
		framer.WriteWindowUpdate(0, most-65_535),
		framer.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: header.block, EndStream: true, EndHeaders: true}),
	); err != nil {
		t.Fatal(err)
	}
	select {
	case <-failed:
	case <-time.After(hang):
		t.Fatal("the handler is still writing")
	}
	if err := c.SetReadDeadline(time.Now().Add(hang)); err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(io.Discard, c); errors.Is(err, os.ErrDeadlineExceeded) {
		t.Error("the connection is open")
	}
}

// headerBlock is a header of HTTP/2 that is being encoded.
type headerBlock struct {
	block   []byte
	encoder *hpack.Encoder
}

func (h *headerBlock) Write(b []byte) (int, error) {
	h.block = append(h.block, b...)
	return len(b), nil
}

func (h *headerBlock) add(t *testing.T, name, value string) {
	if h.encoder == nil {
		h.encoder = hpack.NewEncoder(h)
	}
	if err := h.encoder.WriteField(hpack.HeaderField{Name: name, Value: value}); err != nil {
		t.Fatal(err)
	}
}

// TestSlowReaders are seen to read although the kernel could buffer all that they read
// in the limit, and more.
func TestSlowReaders(t *testing.T) {
	const size, piece = 6 << 20, 64 << 10
	failed := make(chan error, 1)
	s := start(loopback(t), newServer(Guard(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, err := w.Write(make([]byte, size))
		failed <- err
	}), Limits{Write: 2 * time.Second}), quiet))
	defer s.Stop(StopTime)
	resp, err := http.Get(s.URL())
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for err == nil {
		<-tick.C
		_, err = io.CopyN(io.Discard, resp.Body, piece)
	}
	if !errors.Is(err, io.EOF) {
		t.Error(err)
	}
	if err := <-failed; err != nil {
		t.Error(err)
	}
}
