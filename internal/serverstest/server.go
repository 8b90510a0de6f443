//go:build linux

package serverstest

import (
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

// Server is what the servers of all kinds can do.
type Server struct {
	t       testing.TB
	name    string
	dir     string
	port    int
	command func() *exec.Cmd // a process can be started once only
	ready   func() bool      // whether it answers
	ask     syscall.Signal   // which stops it without waiting for clients
	process *process
}

// newServer makes a directory for a server and promises to clean up.
func newServer(t testing.TB, name string) *Server {
	t.Helper()
	// t.TempDir is for this user alone, and too long for the path of a socket.
	dir, err := os.MkdirTemp("", "kymo-"+name+"-")
	if err != nil {
		t.Fatal(err)
	}
	s := &Server{t: t, name: name, dir: dir, port: FreePort(t), ask: syscall.SIGTERM}
	t.Cleanup(func() {
		if s.process != nil {
			_ = s.process.stop(s.ask) // killed if it did not want to
		}
		_ = os.RemoveAll(dir)
	})
	return s
}

// Addr is where it listens, as host:port.
func (s *Server) Addr() string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(s.port)) }

// Port is where it listens.
func (s *Server) Port() int { return s.port }

// Start starts it again after Stop or Kill, on the same port, and returns when it answers.
func (s *Server) Start() {
	s.t.Helper()
	s.launch()
	s.await()
}

// launch is the first half of Start: several servers can be started at once.
func (s *Server) launch() {
	s.t.Helper()
	p, err := start(s.command(), s.log())
	if err != nil {
		s.t.Fatalf("start %s: %v\n%s", s.name, err, s.lastWords())
	}
	s.process = p
}

// await is the other half.
func (s *Server) await() {
	s.t.Helper()
	if err := s.process.ready(s.ready); err != nil {
		s.t.Fatalf("start %s: %v\n%s", s.name, err, s.lastWords())
	}
}

// Stop stops it; its clients lose their connections.
func (s *Server) Stop() {
	s.t.Helper()
	if err := s.process.stop(s.ask); err != nil {
		s.t.Fatalf("stop %s: %v\n%s", s.name, err, s.lastWords())
	}
}

// Kill ends it as a crash does, with all of its processes, and waits for the end.
func (s *Server) Kill() {
	s.t.Helper()
	if err := s.process.kill(); err != nil {
		s.t.Fatalf("kill %s: %v", s.name, err)
	}
}

// Freeze keeps it from running, with all of its processes: connections to it
// open, and nothing answers.
func (s *Server) Freeze() {
	s.t.Helper()
	if err := s.process.freeze(); err != nil {
		s.t.Fatalf("freeze %s: %v", s.name, err)
	}
}

// Thaw lets it run again.
func (s *Server) Thaw() { s.process.thaw() }

func (s *Server) path(name string) string { return filepath.Join(s.dir, name) }
func (s *Server) log() string             { return s.path("log") }

// write makes a file in the server's directory.
func (s *Server) write(name, text string) {
	s.t.Helper()
	if err := os.WriteFile(s.path(name), []byte(text), 0o600); err != nil {
		s.t.Fatal(err)
	}
}

// run runs a program that prepares or asks the server, and returns its output.
func (s *Server) run(cmd *exec.Cmd) string {
	s.t.Helper()
	var problem strings.Builder
	cmd.Stderr = &problem
	out, err := cmd.Output()
	if err != nil {
		s.t.Fatalf("%s: %s: %v\n%s%s", s.name, filepath.Base(cmd.Path), err, out, problem.String())
	}
	return strings.TrimSpace(string(out))
}

// lastWords is the end of its log.
func (s *Server) lastWords() string {
	text, _ := os.ReadFile(s.log())
	return string(text[max(0, len(text)-2000):])
}

// url makes a URL; an empty user or password is left out.
func (s *Server) url(scheme, user, password, path string) string {
	u := url.URL{Scheme: scheme, Host: s.Addr(), Path: "/" + path}
	switch {
	case password != "":
		u.User = url.UserPassword(user, password)
	case user != "":
		u.User = url.User(user)
	}
	return u.String()
}

// program finds a program by the patterns where it may be, newest version last
// of each, or fails with what to install.
func program(t testing.TB, debian string, patterns ...string) string {
	t.Helper()
	for _, pattern := range patterns {
		if found, _ := filepath.Glob(pattern); len(found) > 0 { // patterns are well-formed
			return found[len(found)-1]
		}
		if path, err := exec.LookPath(filepath.Base(pattern)); err == nil {
			return path
		}
	}
	t.Fatalf("%s is not installed: run `make servers`, or install Debian's package %s",
		filepath.Base(patterns[0]), debian)
	return ""
}

// dials reports whether something listens there.
func (s *Server) dials() bool {
	conn, err := net.Dial("tcp", s.Addr())
	if err == nil {
		_ = conn.Close()
	}
	return err == nil
}
