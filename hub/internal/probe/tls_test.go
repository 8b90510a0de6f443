package probe

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"io"
	"math/big"
	"net"
	"os"
	"testing"
	"time"

	"github.com/kymohq/kymo/health"
)

// authority signs certificates.
type authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	raw  [][]byte // what a server shows beside its own certificate
}

// trusted is an authority that this process trusts, as a machine trusts its own.
var trusted = newAuthority("Kymo Test CA")

// The system's roots are read once: they must be ours before anyone asks.
func init() {
	file, err := os.CreateTemp("", "kymo-ca-*.pem")
	if err == nil {
		defer os.Remove(file.Name())
		err = errors.Join(pem.Encode(file, &pem.Block{Type: "CERTIFICATE", Bytes: trusted.cert.Raw}), file.Close(),
			os.Setenv("SSL_CERT_FILE", file.Name()))
	}
	if err == nil {
		_, err = x509.SystemCertPool()
	}
	if err != nil {
		panic(err)
	}
}

func newAuthority(name string) *authority {
	a := &authority{}
	a.cert, a.key = sign(nil, &x509.Certificate{
		Subject: pkix.Name{CommonName: name}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(1000 * day),
		IsCA: true, BasicConstraintsValid: true,
	})
	return a
}

// intermediate returns an authority signed by a, valid until a time.
func (a *authority) intermediate(notAfter time.Time) *authority {
	b := &authority{}
	b.cert, b.key = sign(a, &x509.Certificate{
		Subject: pkix.Name{Organization: []string{"Between"}}, NotBefore: time.Now().Add(-time.Hour), NotAfter: notAfter,
		IsCA: true, BasicConstraintsValid: true,
	})
	b.raw = [][]byte{b.cert.Raw}
	return b
}

// issue makes a server's certificate for 127.0.0.1 and these names.
func (a *authority) issue(notBefore, notAfter time.Time, names ...string) tls.Certificate {
	template := &x509.Certificate{Subject: pkix.Name{CommonName: "server"}, NotBefore: notBefore, NotAfter: notAfter, DNSNames: names}
	if len(names) == 0 {
		template.IPAddresses = []net.IP{net.IPv4(127, 0, 0, 1)}
	}
	cert, key := sign(a, template)
	return tls.Certificate{Certificate: append([][]byte{cert.Raw}, a.raw...), PrivateKey: key}
}

// sign makes a certificate that a signed; without a, one that signed itself.
func sign(a *authority, template *x509.Certificate) (*x509.Certificate, *ecdsa.PrivateKey) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(err)
	}
	template.SerialNumber = big.NewInt(time.Now().UnixNano())
	if a == nil {
		a = &authority{cert: template, key: key}
	}
	raw, err := x509.CreateCertificate(rand.Reader, template, a.cert, &key.PublicKey, a.key)
	if err != nil {
		panic(err)
	}
	cert, err := x509.ParseCertificate(raw)
	if err != nil {
		panic(err)
	}
	return cert, key
}

const day = 24 * time.Hour

// lasting returns a certificate of the trusted authority that expires after d.
func lasting(left time.Duration) tls.Certificate {
	return trusted.issue(time.Now().Add(-2*365*day), time.Now().Add(left))
}

// serve accepts connections until the test ends and gives each to f, which owns it.
func serve(t *testing.T, listener net.Listener, f func(net.Conn)) string {
	t.Helper()
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go f(conn)
		}
	}()
	t.Cleanup(func() { _ = listener.Close(); <-done })
	return listener.Addr().String()
}

func listen(t *testing.T) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// greets sends something to each client, and closes the connection.
func greets(text string) func(net.Conn) {
	return func(c net.Conn) {
		_, _ = io.WriteString(c, text)
		_ = c.(*net.TCPConn).CloseWrite()
		_, _ = io.Copy(io.Discard, c) // unread words would make a reset of it
		_ = c.Close()
	}
}

// closedTCP returns an address on which nothing listens.
func closedTCP(t *testing.T) string {
	t.Helper()
	l := listen(t)
	defer l.Close()
	return l.Addr().String()
}

// frozen returns the address of a server that accepts connections and never answers.
func frozen(t *testing.T) string {
	t.Helper()
	return serve(t, listen(t), func(c net.Conn) {
		_, _ = io.Copy(io.Discard, c)
		_ = c.Close()
	})
}

// tlsServer returns the address of a server with this certificate that only does
// handshakes.
func tlsServer(t *testing.T, cert tls.Certificate) string {
	t.Helper()
	return serve(t, tls.NewListener(listen(t), &tls.Config{Certificates: []tls.Certificate{cert}}), func(c net.Conn) {
		_, _ = io.Copy(io.Discard, c)
		_ = c.Close()
	})
}

func TestTLSCertificates(t *testing.T) {
	now := time.Now()
	for _, c := range []struct {
		name    string
		cert    tls.Certificate
		spec    Spec // the rest of it
		status  health.Status
		problem string
		days    int
		issuer  string
	}{
		{"long", lasting(90*day + time.Hour), Spec{}, health.Healthy, "", 90, "Kymo Test CA"},
		{"as long as it must", lasting(14*day + time.Hour), Spec{}, health.Healthy, "", 14, "Kymo Test CA"},
		{"soon", lasting(13*day + time.Hour), Spec{}, health.Degraded, "certificate expires in 13 days", 13, "Kymo Test CA"},
		{"soon by its own measure", lasting(29*day + time.Hour), Spec{ExpiresIn: 30 * day}, health.Degraded, "certificate expires in 29 days", 29, "Kymo Test CA"},
		{"very soon", lasting(5*time.Hour + 20*time.Second), Spec{}, health.Degraded, "certificate expires in 5 h", 0, "Kymo Test CA"},
		{"soon, and nothing else matters", newAuthority("Nobody").issue(now.Add(-day), now.Add(2*day+time.Hour), "else.example"),
			Spec{Insecure: true}, health.Degraded, "certificate expires in 2 days", 2, "Nobody"},
		{"over", lasting(-day - time.Hour), Spec{}, health.Down, "certificate has expired on " + now.Add(-day-time.Hour).UTC().Format(time.DateOnly), -2, "Kymo Test CA"},
		{"over, and nothing else matters", lasting(-day - time.Hour), Spec{Insecure: true}, health.Down, "certificate has expired", -2, "Kymo Test CA"},
		{"too early", trusted.issue(now.Add(3*day), now.Add(90*day+time.Hour)), Spec{}, health.Down, "certificate is not valid before", 90, "Kymo Test CA"},
		{"for another host", trusted.issue(now.Add(-day), now.Add(90*day+time.Hour), "else.example"), Spec{}, health.Down, "certificate is for another host", 90, "Kymo Test CA"},
		{"of an unknown authority", newAuthority("Nobody").issue(now.Add(-day), now.Add(90*day+time.Hour)), Spec{}, health.Down, "certificate signed by an unknown authority", 90, "Nobody"},
		{"signed by one that ends before it", trusted.intermediate(now.Add(3*day+time.Hour)).issue(now.Add(-day), now.Add(90*day)),
			Spec{}, health.Degraded, "certificate expires in 3 days", 3, "O=Between"},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.spec.Type, c.spec.URL = "tls", "tls://"+tlsServer(t, c.cert)
			p := openProbe(t, c.spec)
			var details health.Details
			if c.status == health.Healthy {
				details = wantHealthy(t, p)
			} else {
				details = wantProblem(t, p, enough, c.status, c.problem)
			}
			ends, err := time.Parse(time.RFC3339, details["not_after"].(string))
			if err != nil || details["days_left"] != c.days || details["issuer"] != c.issuer || ends.Before(now.Add(time.Duration(c.days)*day)) {
				t.Errorf("details are %v, not %d days of %s", details, c.days, c.issuer)
			}
		})
	}
	t.Run("nobody there", func(t *testing.T) {
		wantProblem(t, openProbe(t, Spec{Type: "tls", URL: "tls://" + closedTCP(t)}), enough, health.Down, "connection refused")
	})
	t.Run("no TLS", func(t *testing.T) {
		addr := serve(t, listen(t), greets("220 mail ESMTP\r\n"))
		wantProblem(t, openProbe(t, Spec{Type: "tls", URL: "tls://" + addr}), enough, health.Down, "the server does not speak TLS")
	})
	t.Run("frozen", func(t *testing.T) {
		wantProblem(t, openProbe(t, Spec{Type: "tls", URL: "https://" + frozen(t) + "/path"}), short, health.Down, "no answer within 150 ms")
	})
	t.Run("the usual port", func(t *testing.T) { // where nothing listens, or at least nothing that we trust
		if err := openProbe(t, Spec{Type: "tls", URL: "tls://127.0.0.1"}); err.Kind != "tls" {
			t.Errorf("it is a %s", err.Kind)
		}
	})
}
