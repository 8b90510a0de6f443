package probe

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/ClickHouse/clickhouse-go/v2"
	sqldriver "github.com/go-sql-driver/mysql"
	"github.com/kymohq/kymo/health"
	"github.com/kymohq/kymo/internal/serverstest"
)

// A server of another protocol is not healthy, and does not make the probe hang.
func TestOtherProtocols(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			_, _ = conn.Write([]byte("HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n"))
			_ = conn.Close()
		}
	}()
	for typ, url := range map[string]string{"postgres": "postgres://app:geheim@%s/db", "mysql": "mysql://app:geheim@%s/db",
		"redis": "redis://:geheim@%s", "clickhouse": "clickhouse://app:geheim@%s/db"} {
		probe := openProbe(t, Spec{Type: typ, URL: fmt.Sprintf(url, listener.Addr())})
		for range 3 {
			if _, err := runProbe(t, probe, enough); health.StatusOf(err) != health.Down {
				t.Errorf("%s says of a web server: %v", typ, err)
			}
		}
	}
}

func TestLines(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	l := &lines{}
	// A driver may connect with a context of its own when the run is over already.
	run, over := context.WithCancel(t.Context())
	stop := l.cutAfter(run)
	over()
	if conn, err := l.dial(t.Context(), "tcp", listener.Addr().String()); !errors.Is(err, context.Canceled) {
		t.Errorf("after the run there is a connection: %v, %v", conn, err)
	}
	stop()
	if conn, err := l.dial(t.Context(), "tcp", listener.Addr().String()); err != nil || len(l.open) != 1 {
		t.Errorf("between runs: %v, %v, %d are open", conn, err, len(l.open))
	}
	l.end()
	if conn, err := l.dial(t.Context(), "tcp", listener.Addr().String()); err == nil || len(l.open) != 0 {
		t.Errorf("after the end there is a connection: %v, %d are open", conn, len(l.open))
	}
}

// terminator is a proxy that terminates TLS.
type terminator struct {
	net.Listener
	mu   sync.Mutex
	open []net.Conn
}

func terminate(t *testing.T, target string) *terminator {
	t.Helper()
	web := httptest.NewUnstartedServer(nil)
	web.StartTLS() // for its certificate
	web.Close()
	listener, err := tls.Listen("tcp", "127.0.0.1:0", web.TLS.Clone())
	if err != nil {
		t.Fatal(err)
	}
	s := &terminator{Listener: listener}
	t.Cleanup(func() { _ = listener.Close(); s.cut() })
	go func() {
		for {
			client, err := listener.Accept()
			if err != nil {
				return
			}
			server, err := net.Dial("tcp", target)
			if err != nil {
				_ = client.Close()
				continue
			}
			s.mu.Lock()
			s.open = append(s.open, client, server)
			s.mu.Unlock()
			go func() { _, _ = io.Copy(server, client); _ = server.Close() }()
			go func() { _, _ = io.Copy(client, server); _ = client.Close() }()
		}
	}()
	return s
}

func (s *terminator) cut() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, conn := range s.open {
		_ = conn.Close()
	}
	s.open = nil
}

// TLS is on top of our own connections, and hides from the drivers whether these still
// work. Then a run tries a second time.
func TestTLS(t *testing.T) {
	t.Parallel()
	redis, clickhouse := serverstest.Redis(t), serverstest.ClickHouse(t, "geheim")
	for _, test := range []struct{ typ, target, url string }{
		{"redis", redis.Addr(), "rediss://%s?skip_verify=true"},
		{"clickhouse", clickhouse.Addr(), "clickhouse://default:geheim@%s?secure=true&skip_verify=true"},
	} {
		front := terminate(t, test.target)
		url := fmt.Sprintf(test.url, front.Addr())
		probe := openProbe(t, Spec{Type: test.typ, URL: url})
		for range 3 {
			wantHealthy(t, probe)
			front.cut()
		}
		strict := strings.Replace(url, "skip_verify=true", "", 1)
		wantProblem(t, openProbe(t, Spec{Type: test.typ, URL: strict}), enough, health.Down, "certificate signed by an unknown authority")
		plain := strings.Replace(url, front.Addr().String(), test.target, 1)
		if _, err := runProbe(t, openProbe(t, Spec{Type: test.typ, URL: plain}), short); health.StatusOf(err) != health.Down {
			t.Errorf("%s without TLS: %v", test.typ, err)
		}
	}
}

func TestNetworkFault(t *testing.T) {
	for _, test := range []struct {
		err  error
		want fault
	}{
		{&net.OpError{Op: "dial", Err: os.NewSyscallError("connect", syscall.ECONNREFUSED)}, "connection refused"},
		{&net.DNSError{Name: "db.internal", IsNotFound: true}, "no such host: db.internal"},
		{&net.DNSError{Name: "db.internal", IsTimeout: true}, "the name server has no address for db.internal"},
		{syscall.ENETUNREACH, "no route to host"},
		{fmt.Errorf("read: %w", io.ErrUnexpectedEOF), "connection closed by the server"},
		{&tls.CertificateVerificationError{Err: x509.UnknownAuthorityError{}}, "certificate signed by an unknown authority"},
		{x509.HostnameError{Certificate: &x509.Certificate{}, Host: "h"}, "certificate is for another host"},
		{x509.CertificateInvalidError{Reason: x509.Expired}, "certificate is not valid: it has expired, is not valid yet, or is for another use"},
		{tls.RecordHeaderError{Msg: "x"}, "the server does not speak TLS"},
		{os.ErrDeadlineExceeded, "timed out"},
		{io.ErrShortWrite, ""},
	} {
		if got := networkFault(test.err); got != test.want {
			t.Errorf("%v is %q, not %q", test.err, got, test.want)
		}
	}
}

// Errors of servers that these tests cannot cause.
func TestReasons(t *testing.T) {
	my := &mySQL{config: &sqldriver.Config{User: "app"}}
	house := &clickHouse{user: "app"}
	for _, test := range []struct {
		err  error
		want string
	}{
		{my.reason(&sqldriver.MySQLError{Number: 1040, Message: "x"}), "too many connections"},
		{my.reason(&sqldriver.MySQLError{Number: 1053, Message: "x"}), "connection closed by the server"},
		{my.reason(sqldriver.ErrInvalidConn), "connection closed by the server"},
		{house.reason(&clickhouse.Exception{Code: 202, Message: "x"}), "too many connections"},
		{house.reason(&clickhouse.Exception{Code: 516, Message: "x"}), `password authentication failed for user "app"`},
	} {
		if test.err.Error() != test.want {
			t.Errorf("is %q, not %q", test.err, test.want)
		}
	}
}
