package health

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"log/slog"
	"math"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"strings"
	"testing"
	"time"
)

// looked runs a probe with more time than a server that answers takes.
func looked(t *testing.T, p Probe) Result {
	t.Helper()
	return lookedFor(t, p, 10*time.Second)
}

func lookedFor(t *testing.T, p Probe, limit time.Duration) Result {
	t.Helper()
	f, err := Run(t.Context(), p, Timeout(limit))
	if err != nil {
		t.Fatal(err)
	}
	if p.Close != nil {
		if err := p.Close(); err != nil {
			t.Error(err)
		}
	}
	return f
}

func expect(t *testing.T, what string, f Result, status Status, reason string) {
	t.Helper()
	if f.Status != status || !strings.Contains(f.Reason, reason) || (status == Healthy) != (f.Reason == "") {
		t.Errorf("%s: %v (%s), want %v with %q", what, f.Status, f.Reason, status, reason)
	}
}

func TestHTTP(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/down":
			w.WriteHeader(http.StatusServiceUnavailable)
		case "/none":
			http.NotFound(w, r)
		case "/moved":
			http.Redirect(w, r, "/", http.StatusFound)
		case "/cut":
			w.Header().Set("Content-Length", "100")
		}
	}))
	defer server.Close()
	address := func(path string) string {
		return strings.Replace(server.URL, "://", "://user:secret@", 1) + path + "?key=secret"
	}
	expect(t, "well", looked(t, HTTP(address("/"))), Healthy, "")
	expect(t, "moved", looked(t, HTTP(address("/moved"))), Healthy, "")
	expect(t, "down", looked(t, HTTP(address("/down"))), Down, "answered 503 Service Unavailable")
	expect(t, "none", looked(t, HTTP(address("/none"))), Down, "answered 404 Not Found")
	expect(t, "cut", looked(t, HTTP(address("/cut"))), Down, "EOF")
	expect(t, "silent", lookedFor(t, HTTP("http://"+silent(t)), 50*time.Millisecond), Down, "no answer within 50 ms")
	expect(t, "another client", looked(t, HTTPClient(server.URL, server.Client())), Healthy, "")
	for _, bad := range []string{"http://user:secret@127.0.0.1:1/?key=secret", "http://user:secret@%zz", "nothing"} {
		f := looked(t, HTTP(bad))
		expect(t, bad, f, Down, "")
		if strings.Contains(f.Reason, "secret") {
			t.Errorf("%q shows a secret", f.Reason)
		}
	}
}

func TestTCP(t *testing.T) {
	expect(t, "open", looked(t, TCP(silent(t))), Healthy, "")
	expect(t, "closed", looked(t, TCP("127.0.0.1:1")), Down, "connection refused")
}

func TestDNS(t *testing.T) {
	expect(t, "localhost", looked(t, DNS("localhost", nil)), Healthy, "")
	// A resolver that says that there is no such name.
	none := &net.Resolver{PreferGo: true, Dial: func(context.Context, string, string) (net.Conn, error) {
		client, server := net.Pipe()
		go func() {
			defer server.Close()
			query := make([]byte, 512)
			n, err := server.Read(query) // over a stream: two bytes of length before
			if err != nil {
				return
			}
			query[2+2], query[2+3] = 0x81, 0x83 // a response: NXDOMAIN
			_, _ = server.Write(query[:n])      // who asked may have left
		}()
		return client, nil
	}}
	expect(t, "no such name", looked(t, DNS("none.invalid.", none)), Down, "the name does not exist")
	broken := &net.Resolver{PreferGo: true, Dial: func(context.Context, string, string) (net.Conn, error) { return nil, errGone }}
	expect(t, "no resolver", looked(t, DNS("a.invalid.", broken)), Down, "connection refused")
}

// serveTLS serves with a certificate for 127.0.0.1 that ends when it is said.
func serveTLS(t *testing.T, end time.Time) (address string, roots *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test"}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-1000 * time.Hour), NotAfter: end, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewUnstartedServer(http.NotFoundHandler())
	server.TLS = &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}}
	server.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	server.StartTLS()
	t.Cleanup(server.Close)
	roots = x509.NewCertPool()
	roots.AddCert(cert)
	return server.Listener.Addr().String(), roots
}

func TestTLS(t *testing.T) {
	const day = 24 * time.Hour
	for _, c := range []struct {
		name   string
		left   time.Duration
		config func(*x509.CertPool) *tls.Config
		status Status
		reason string
	}{
		{"well", 100 * day, func(p *x509.CertPool) *tls.Config { return &tls.Config{RootCAs: p} }, Healthy, ""},
		{"ends soon", 3*day + time.Hour, func(p *x509.CertPool) *tls.Config { return &tls.Config{RootCAs: p} }, Degraded, "in 3 days"},
		{"ended", -day, func(p *x509.CertPool) *tls.Config { return &tls.Config{RootCAs: p} }, Down, "the certificate expired on"},
		{"ended, not verified", -day, func(*x509.CertPool) *tls.Config { return &tls.Config{InsecureSkipVerify: true} }, Down, "the certificate expired on"},
		{"untrusted", 100 * day, func(*x509.CertPool) *tls.Config { return nil }, Down, "unknown authority"},
		{"of another host", 100 * day, func(p *x509.CertPool) *tls.Config { return &tls.Config{RootCAs: p, ServerName: "example.com"} }, Down, "certificate"},
	} {
		address, roots := serveTLS(t, time.Now().Add(c.left))
		expect(t, c.name, looked(t, TLS(address, c.config(roots))), c.status, c.reason)
	}
	expect(t, "nobody there", looked(t, TLS("127.0.0.1:1", nil)), Down, "connection refused")
}

func TestDisk(t *testing.T) {
	dir := t.TempDir()
	free, total, err := room(dir)
	if err != nil {
		t.Fatal(err)
	}
	share := float64(free) / float64(total)
	f := looked(t, Disk(dir, share/2))
	expect(t, "room", f, Healthy, "")
	if !strings.Contains(string(f.Details), `"total_bytes":`) {
		t.Errorf("got %s", f.Details)
	}
	expect(t, "little room", looked(t, Disk(dir, share*2)), Degraded, "% of the disk is free")
	expect(t, "no room", looked(t, Disk(dir, share*20)), Down, "% of the disk is free")
	expect(t, "no such path", looked(t, Disk(filepath.Join(dir, "none"), 0.1)), Down, "no such file")
}

func TestMemory(t *testing.T) {
	used := memoryUsed()
	if used < 1<<20 || used > 16<<30 {
		t.Fatalf("%d bytes in use", used)
	}
	expect(t, "plenty", looked(t, Memory(100*used)), Healthy, "")
	expect(t, "nearly all", looked(t, Memory(used)), Degraded, "of the memory limit is in use")

	dir := t.TempDir()
	if got := memoryLimit(dir); got != 0 {
		t.Errorf("a limit of %d from nowhere", got)
	}
	for text, want := range map[string]int64{"1048576\n": 1 << 20, "max\n": 0, "9223372036854771712\n": 0} {
		if err := os.WriteFile(filepath.Join(dir, "memory.max"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if got := memoryLimit(dir); got != want {
			t.Errorf("%q is a limit of %d, want %d", text, got, want)
		}
	}
	defer debug.SetMemoryLimit(debug.SetMemoryLimit(1 << 40))
	if got := memoryLimit(dir); got != 1<<40 {
		t.Errorf("GOMEMLIMIT is %d", got)
	}
	expect(t, "the process's own limit", looked(t, Memory(0)), Healthy, "")
	debug.SetMemoryLimit(math.MaxInt64)
	expect(t, "whatever limit this machine has", looked(t, Memory(-1)), Healthy, "")
}

func TestGoroutines(t *testing.T) {
	end := make(chan struct{})
	defer close(end)
	for range 50 {
		go func() { <-end }()
	}
	n := runtime.NumGoroutine() + 1 // the probe's
	expect(t, "few", looked(t, Goroutines(n+100)), Healthy, "")
	expect(t, "many", looked(t, Goroutines(n*3/4)), Degraded, "goroutines, more than")
	expect(t, "far too many", looked(t, Goroutines(n/3)), Down, "more than twice")
}

// What looks at the process alone may be for liveness; nothing else may.
func TestWhichProbesAreLocal(t *testing.T) {
	for name, p := range map[string]Probe{"memory": Memory(0), "goroutines": Goroutines(1e6), "self": Self(func(context.Context) error { return nil })} {
		if _, err := Run(t.Context(), p, Liveness()); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, p := range map[string]Probe{"sql": SQL(nil), "http": HTTP(""), "tcp": TCP(""), "dns": DNS("", nil), "tls": TLS("", nil), "disk": Disk("/", 0)} {
		if _, err := Run(t.Context(), p, Liveness()); !errors.Is(err, ErrLocalOnly) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
