package e2e

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// hub is kymo serve in a process of its own. Each start of one hub is over the
// same directory and on the same port.
type hub struct {
	t       *testing.T
	store   string
	flags   []string // of kymo serve, beside those that every hub gets
	files   string   // where its ready file and its log are
	url     string   // from the first start on
	command *exec.Cmd
	ended   chan struct{} // closed once the process is gone
	status  error         // what it ended with, set before ended is closed
}

// startHub starts a hub that keeps its data in the directory store, and ends it
// with the test. Flags are given to kymo serve.
func startHub(t *testing.T, store string, flags ...string) *hub {
	t.Helper()
	h := &hub{t: t, store: store, flags: flags, files: t.TempDir()}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("the hub's log ends with:\n%s", h.log())
		}
	})
	t.Cleanup(func() {
		if h.command != nil {
			_ = h.command.Process.Signal(syscall.SIGCONT) // It may be frozen, or gone.
			<-h.ended
		}
	})
	h.start()
	return h
}

// start starts the hub and waits until it is ready.
func (h *hub) start() {
	h.t.Helper()
	h.launch()
	var url []byte
	eventually(h.t, time.Minute, "the hub is ready", func() bool {
		select {
		case <-h.ended:
			h.t.Fatalf("the hub ended at its start: %v", h.status)
		default:
		}
		url, _ = os.ReadFile(h.readyFile())
		return url != nil
	})
	switch got := strings.TrimSpace(string(url)); {
	case h.url == "" && strings.HasPrefix(got, "http://127.0.0.1:"):
		h.url = got // and never written again, for senders read it
	case got != h.url:
		h.t.Fatalf("the ready file says %q after %q", got, h.url)
	}
}

// launch starts the hub's process. It may not be ready yet.
func (h *hub) launch() {
	h.t.Helper()
	if err := os.Remove(h.readyFile()); err != nil && !os.IsNotExist(err) {
		h.t.Fatal(err)
	}
	address := "127.0.0.1:0"
	if h.url != "" {
		address = strings.TrimPrefix(h.url, "http://")
	}
	log, err := os.OpenFile(h.logFile(), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		h.t.Fatal(err)
	}
	defer log.Close() // The process has its own.
	args := []string{"serve", "--listen", address, "--store", h.store, "--ready-file", h.readyFile()}
	command := kymo(h.t, append(args, h.flags...)...)
	command.Stderr = log
	command.Cancel = func() error { return command.Process.Signal(syscall.SIGTERM) }
	command.WaitDelay = 20 * time.Second
	if err := command.Start(); err != nil {
		h.t.Fatal(err)
	}
	ended := make(chan struct{})
	h.command, h.ended = command, ended
	go func() {
		h.status = command.Wait()
		close(ended)
	}()
}

func (h *hub) readyFile() string { return filepath.Join(h.files, "ready") }
func (h *hub) logFile() string   { return filepath.Join(h.files, "log") }

// log returns the end of what the hub has logged.
func (h *hub) log() string {
	log, err := os.ReadFile(h.logFile())
	if err != nil {
		return err.Error()
	}
	return string(log[max(0, len(log)-1500):])
}

// kill ends the hub by SIGKILL.
func (h *hub) kill() {
	h.t.Helper()
	h.signal(syscall.SIGKILL)
	<-h.ended
}

// stop ends the hub by SIGTERM, as an operator does.
func (h *hub) stop() {
	h.t.Helper()
	h.signal(syscall.SIGTERM)
	<-h.ended
	if h.status != nil {
		h.t.Errorf("the hub, asked to stop: %v", h.status)
	}
}

func (h *hub) signal(s syscall.Signal) {
	h.t.Helper()
	if err := h.command.Process.Signal(s); err != nil {
		h.t.Fatalf("the hub cannot be sent %v, for it ended by itself: %v", s, err)
	}
}

// restarts are the two ways in which a hub may come to a new start.
var restarts = []struct {
	name string
	end  func(*hub)
}{
	{"stopped", (*hub).stop},
	{"killed", (*hub).kill},
}

// client asks hubs. No answer may take longer than its timeout.
var client = &http.Client{Timeout: 30 * time.Second, Transport: &http.Transport{MaxIdleConnsPerHost: 16}}

// get reads the answer to a GET, which must be 200, as JSON.
func (h *hub) get(path string, into any) http.Header {
	h.t.Helper()
	resp, err := client.Get(h.url + path)
	if err != nil {
		h.t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		h.t.Fatalf("GET %s: %s %v\n%s", path, resp.Status, err, body)
	}
	if err := json.Unmarshal(body, into); err != nil {
		h.t.Fatalf("GET %s: %v\n%s", path, err, body)
	}
	return resp.Header
}

// answer is a hub's to a POST.
type answer struct {
	status int
	header http.Header
	body   []byte
}

// post posts a body with the given pairs of header names and values. It may be
// called from any goroutine.
func (h *hub) post(path string, body io.Reader, header ...string) (answer, error) {
	req, err := http.NewRequest(http.MethodPost, h.url+path, body)
	if err != nil {
		return answer{}, err
	}
	req.GetBody = nil // The client would repeat a body with an Idempotency-Key by itself.
	for i := 0; i+1 < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	resp, err := client.Do(req)
	if err != nil {
		return answer{}, err
	}
	defer resp.Body.Close()
	got, err := io.ReadAll(resp.Body)
	return answer{resp.StatusCode, resp.Header, got}, err
}

// receipt is what the hub says of a body that is durable.
type receipt struct {
	Accepted  int
	Duplicate bool
	Dropped   int
}

// receipt reads the answer, which must be 202.
func (a *answer) receipt() (r receipt, err error) {
	if a.status != http.StatusAccepted {
		return r, fmt.Errorf("the hub answered %d: %s", a.status, a.body)
	}
	return r, json.Unmarshal(a.body, &r)
}

// problem is what is wrong with a request (RFC 9457).
type problem struct {
	Status int
	Title  string
	Detail string
	Errors []struct{ Location, Message string }
}

// problem reads the answer, which must be a problem document.
func (a *answer) problem() (p problem, err error) {
	if got := a.header.Get("Content-Type"); got != "application/problem+json" {
		return p, fmt.Errorf("Content-Type is %q: %.200s", got, a.body)
	}
	if err := json.Unmarshal(a.body, &p); err != nil {
		return p, err
	}
	if p.Status != a.status || p.Title == "" || p.Detail == "" {
		return p, fmt.Errorf("status %d comes with %s", a.status, a.body)
	}
	return p, nil
}

// mustPost posts a body that the hub must take as so many new requests.
func (h *hub) mustPost(path string, body []byte, requests int, header ...string) {
	h.t.Helper()
	a, err := h.post(path, bytes.NewReader(body), header...)
	if err != nil {
		h.t.Fatal(err)
	}
	if r, err := a.receipt(); err != nil || r != (receipt{Accepted: requests}) {
		h.t.Fatalf("POST %s of %d requests: %+v, %v", path, requests, r, err)
	}
}

// onlyLong skips a test in short mode; make test-long runs it.
func onlyLong(t *testing.T) {
	if testing.Short() {
		t.Skip("it takes long; make test-long runs it")
	}
}

// eventually waits until the condition holds.
func eventually(t *testing.T, limit time.Duration, what string, holds func() bool) {
	t.Helper()
	deadline := time.After(limit)
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for !holds() {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("not within %v: %s", limit, what)
		}
	}
}
