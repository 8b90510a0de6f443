package webserver

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"
)

// brief are limits that a test can wait for.
var brief = Limits{
	Idle: 100 * time.Millisecond, Body: 150 * time.Millisecond, Rate: 1000, Leftover: 50 * time.Millisecond, Discard: 150 * time.Millisecond,
	Write: 300 * time.Millisecond, Stall: 50 * time.Millisecond,
}

// hang is when a test gives up on what should have happened long ago.
const hang = 20 * time.Second

// guarded serves a handler behind Guard in a server that has no limits, with small
// buffers.
func guarded(t *testing.T, limits Limits, h http.HandlerFunc) *httptest.Server {
	t.Helper()
	server := httptest.NewUnstartedServer(Guard(h, limits))
	server.Config.ConnState = func(c net.Conn, state http.ConnState) {
		if state == http.StateNew {
			_ = c.(*net.TCPConn).SetWriteBuffer(16 << 10)
		}
	}
	server.Start()
	t.Cleanup(server.Close)
	return server
}

type client struct {
	net.Conn
	*bufio.Reader
}

func (c *client) Read(p []byte) (int, error) { return c.Reader.Read(p) }

func dial(t *testing.T, s *httptest.Server) *client {
	t.Helper()
	c, err := net.Dial("tcp", s.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	if err := c.SetReadDeadline(time.Now().Add(hang)); err != nil {
		t.Fatal(err)
	}
	return &client{c, bufio.NewReader(c)}
}

// send sends a request: its line, its fields, and what there is of its body.
func (c *client) send(t *testing.T, line, fields, body string) {
	t.Helper()
	if _, err := fmt.Fprintf(c.Conn, "%s / HTTP/1.1\r\nHost: x\r\n%s\r\n%s", line, fields, body); err != nil {
		t.Fatal(err)
	}
}

// answer reads an answer, and reports whether the connection is to be closed.
func (c *client) answer(t *testing.T) (text string, closing bool) {
	t.Helper()
	resp, err := http.ReadResponse(c.Reader, nil)
	if err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(b), resp.Close
}

func (c *client) wantEnd(t *testing.T) {
	t.Helper()
	if n, err := io.Copy(io.Discard, c); errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("the connection is open after %s; %d bytes came", hang, n)
	}
}

// TestLeftovers are bodies that the handler does not read, or not to their ends.
func TestLeftovers(t *testing.T) {
	s := guarded(t, brief, func(w http.ResponseWriter, r *http.Request) {
		switch r.Header.Get("Do") {
		case "close":
			r.Body.Close()
		case "read one":
			_, _ = r.Body.Read(make([]byte, 1))
		case "say close":
			w.Header().Set("Connection", "close")
		case "panic":
			panic(http.ErrAbortHandler)
		case "silence":
			return
		case "refuse":
			w.WriteHeader(http.StatusRequestEntityTooLarge)
		}
		_, _ = io.WriteString(w, "fine")
	})
	big := strings.Repeat("x", 300_000)
	for name, c := range map[string]struct {
		fields, body string
		reused       bool
	}{
		"none":                     {"", "", true},
		"there":                    {"Content-Length: 5\r\n", "12345", true},
		"there, chunked":           {"Transfer-Encoding: chunked\r\n", "5\r\n12345\r\n0\r\n\r\n", true},
		"there, closed":            {"Content-Length: 5\r\nDo: close\r\n", "12345", true},
		"there, read in part":      {"Content-Length: 5\r\nDo: read one\r\n", "12345", true},
		"there, no answer":         {"Content-Length: 5\r\nDo: silence\r\n", "12345", true},
		"there, large":             {"Content-Length: 300000\r\n", big, false},
		"there, large and chunked": {"Transfer-Encoding: chunked\r\n", "493e0\r\n" + big + "\r\n0\r\n\r\n", false},
		"too large":                {"Content-Length: 300000\r\nDo: refuse\r\n", big, true},
		"too large and chunked":    {"Transfer-Encoding: chunked\r\nDo: refuse\r\n", "493e0\r\n" + big + "\r\n0\r\n\r\n", true},
		"too large, in part":       {"Content-Length: 300001\r\nDo: refuse\r\n", big, false},
		"far too large":            {"Content-Length: 134217729\r\nDo: refuse\r\n", "", false},
		"in part":                  {"Content-Length: 5\r\n", "1234", false},
		"unsent":                   {"Content-Length: 5\r\n", "", false},
		"unsent, chunked":          {"Transfer-Encoding: chunked\r\n", "", false},
		"unsent, closed":           {"Content-Length: 5\r\nDo: close\r\n", "", false},
		"unsent, no answer":        {"Content-Length: 5\r\nDo: silence\r\n", "", false},
		"unsent, to be closed":     {"Content-Length: 5\r\nDo: say close\r\n", "", false},
		"expecting":                {"Content-Length: 5\r\nExpect: 100-continue\r\n", "", false},
	} {
		t.Run(name, func(t *testing.T) {
			conn := dial(t, s)
			conn.send(t, "POST", c.fields, c.body)
			text, closing := conn.answer(t)
			if want := "fine"; text != want && !strings.Contains(c.fields, "silence") || closing == c.reused {
				t.Errorf("%q; closing: %v", text, closing)
			}
			if !c.reused {
				conn.wantEnd(t)
				return
			}
			conn.send(t, "GET", "", "")
			if text, _ := conn.answer(t); text != "fine" {
				t.Errorf("on the same connection: %q", text)
			}
		})
	}
	panicking := dial(t, s)
	panicking.send(t, "POST", "Content-Length: 5\r\nDo: panic\r\n", "")
	panicking.wantEnd(t)
}

// TestEndlessLeftovers: a body that goes on and on is read for a while, and the
// connection ends.
func TestEndlessLeftovers(t *testing.T) {
	s := guarded(t, brief, func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusRequestEntityTooLarge)
		_, _ = io.WriteString(w, "fine")
	})
	conn := dial(t, s)
	conn.send(t, "POST", "Transfer-Encoding: chunked\r\n", "")
	go func() {
		tick := time.NewTicker(5 * time.Millisecond) // or the limit of bytes would end it first
		defer tick.Stop()
		for range tick.C {
			if _, err := io.WriteString(conn.Conn, "1\r\nx\r\n"); err != nil {
				return
			}
		}
	}()
	if text, closing := conn.answer(t); text != "fine" || !closing {
		t.Errorf("%q; closing: %v", text, closing)
	}
}

// TestBodiesHaveARate under which they end, and over which they do not.
func TestBodiesHaveARate(t *testing.T) {
	read := make(chan error, 1)
	handler := func(w http.ResponseWriter, r *http.Request) {
		_, err := io.Copy(io.Discard, r.Body)
		read <- err
	}
	drip := func(s *httptest.Server, every time.Duration, drop string) error {
		c := dial(t, s)
		c.send(t, "POST", "Content-Length: 2000\r\n", "")
		tick := time.NewTicker(every)
		defer tick.Stop()
		for sent := 0; sent < 2000; sent += len(drop) {
			select {
			case err := <-read:
				return err
			case <-tick.C:
				_, _ = io.WriteString(c.Conn, drop) // If it was cut off, the handler says so.
			}
		}
		return <-read
	}
	s := guarded(t, brief, handler)
	if err := drip(s, 10*time.Millisecond, "."); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("a byte at a time: %v", err)
	}
	if err := drip(s, time.Hour, "."); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("not a byte: %v", err)
	}
	fast := brief
	fast.Idle, fast.Body, fast.Rate = hang, 200*time.Millisecond, 1 // a second for each byte
	if err := drip(guarded(t, fast, handler), 10*time.Millisecond, strings.Repeat(".", 50)); err != nil {
		t.Errorf("fast enough: %v", err)
	}
}

// TestLongWorkAfterTheBody is not canceled by the deadline of the body.
func TestLongWorkAfterTheBody(t *testing.T) {
	for name, http2 := range map[string]bool{"HTTP/1.1": false, "HTTP/2": true} {
		t.Run(name, func(t *testing.T) {
			limits := brief
			limits.Idle, limits.Body = time.Second, time.Second
			s := httptest.NewUnstartedServer(Guard(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				_, err := io.Copy(io.Discard, r.Body)
				for range 2 { // the second part long after the first
					select {
					case <-time.After(3 * time.Second / 2):
						_, werr := io.WriteString(w, "part")
						err = errors.Join(err, werr, http.NewResponseController(w).Flush())
					case <-r.Context().Done():
						err = errors.Join(err, r.Context().Err())
					}
				}
				if err != nil {
					t.Error(err)
				}
			}), limits))
			s.EnableHTTP2 = http2
			s.Config.WriteTimeout = time.Second // The guard's is for each piece.
			s.StartTLS()
			defer s.Close()
			resp, err := s.Client().Post(s.URL, "text/plain", strings.NewReader("body"))
			if err != nil {
				t.Fatal(err)
			}
			defer resp.Body.Close()
			if b, err := io.ReadAll(resp.Body); string(b) != "partpart" || err != nil {
				t.Errorf("got %q, %v", b, err)
			}
		})
	}
}

// TestAnswersThatAreNotTaken fail, after the limit or when they are cut off.
func TestAnswersThatAreNotTaken(t *testing.T) {
	answers, failed := make(chan *Answer, 1), make(chan error, 1)
	handler := func(w http.ResponseWriter, _ *http.Request) {
		a := AnswerOf(struct{ http.ResponseWriter }{w})
		if a != nil {
			t.Error("found without Unwrap")
		}
		answers <- AnswerOf(w)
		var err error
		for err == nil {
			_, err = w.Write(make([]byte, 1<<20))
		}
		_, after := w.Write(nil)
		failed <- errors.Join(err, after, http.NewResponseController(w).Flush())
	}
	s := guarded(t, brief, handler)
	c := dial(t, s)
	c.send(t, "GET", "", "")
	<-answers
	if err := <-failed; !errors.Is(err, os.ErrDeadlineExceeded) || !errors.Is(err, errCutOff) {
		t.Errorf("after the limit: %v", err)
	}
	c.wantEnd(t)

	patient := brief
	patient.Write = time.Hour
	s = guarded(t, patient, handler)
	c = dial(t, s)
	c.send(t, "GET", "", "")
	a := <-answers
	for a.Stalled() == 0 {
		select {
		case err := <-failed:
			t.Fatal(err)
		case <-time.After(time.Millisecond):
		}
	}
	a.CutOff()
	if d := a.Stalled(); d != 0 {
		t.Errorf("cut off, and stalled for %s", d)
	}
	if err := <-failed; !errors.Is(err, os.ErrDeadlineExceeded) || !errors.Is(err, errCutOff) {
		t.Errorf("cut off: %v", err)
	}
	c.wantEnd(t)
	a.CutOff() // when all is over, which must change nothing
	if AnswerOf(httptest.NewRecorder()) != nil {
		t.Error("found without Guard")
	}
}

// TestAnswersThatAreTaken slowly, but steadily, are whole.
func TestAnswersThatAreTaken(t *testing.T) {
	const size = 4 << 20 // takes longer than the limit of one write
	steady := brief
	steady.Write = 2 * time.Second
	s := guarded(t, steady, func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(http.StatusEarlyHints)
		w.(http.Flusher).Flush()
		if n, err := w.Write(make([]byte, size)); n != size || err != nil {
			t.Errorf("got %d, %v", n, err)
		}
	})
	resp, err := http.Get(s.URL)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	n := int64(0)
	for err == nil {
		<-tick.C
		var m int64
		m, err = io.CopyN(io.Discard, resp.Body, 32<<10)
		n += m
	}
	if n != size || !errors.Is(err, io.EOF) {
		t.Errorf("%d bytes, %v", n, err)
	}
}

// TestDefaultLimits end every wait in a minute.
func TestDefaultLimits(t *testing.T) {
	l := Limits{}.withDefaults()
	for _, d := range []time.Duration{
		headerTime, answerTime, 2 * pingTime, l.Idle, l.Write, l.Stall + l.Discard,
		l.Body + l.Discard + l.Leftover + time.Duration(60/l.Rate)*time.Second, // at a byte a second
	} {
		if d <= 0 || d >= time.Minute {
			t.Errorf("%s is not a limit of less than a minute", d)
		}
	}
	if l.Rate != 64<<10 || *l != *l.withDefaults() {
		t.Errorf("got %+v", l)
	}
}
