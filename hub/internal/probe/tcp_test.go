package probe

import (
	"bufio"
	"io"
	"net"
	"strings"
	"testing"

	"github.com/kymohq/kymo/health"
)

func TestTCP(t *testing.T) {
	// It greets, and answers each line with the same in capitals.
	addr := serve(t, listen(t), func(c net.Conn) {
		defer c.Close()
		_, _ = io.WriteString(c, "220 hello\r\n")
		for lines := bufio.NewScanner(c); lines.Scan(); {
			_, _ = io.WriteString(c, strings.ToUpper(lines.Text())+"\n")
			if lines.Text() == "quit" {
				return
			}
		}
	})
	for _, c := range []struct{ body, contains string }{{"", ""}, {"", "hello"}, {"ping\n", "PING"}, {"ping\n", "o\r\nPI"}} {
		p := openProbe(t, Spec{Type: "tcp", URL: "tcp://" + addr, Body: c.body, Contains: c.contains})
		if details := wantHealthy(t, p); details["address"] != addr {
			t.Errorf("address is %v, not %s", details["address"], addr)
		}
	}
	p := openProbe(t, Spec{Type: "tcp", URL: "tcp://" + addr, Body: "quit\n", Contains: "PONG"})
	wantProblem(t, p, enough, health.Down, `answer does not contain "PONG"`)
	p = openProbe(t, Spec{Type: "tcp", URL: "tcp://" + addr, Body: "ping\n", Contains: "PONG"})
	wantProblem(t, p, short, health.Down, "no answer within 150 ms") // it may still come

	endless := serve(t, listen(t), func(c net.Conn) {
		for {
			if _, err := io.WriteString(c, strings.Repeat("noise", 100)); err != nil {
				_ = c.Close()
				return
			}
		}
	})
	p = openProbe(t, Spec{Type: "tcp", URL: "tcp://" + endless, Contains: "sense"})
	wantProblem(t, p, enough, health.Down, `the first 65536 bytes of the answer do not contain "sense"`)
}

// If a server closes the connection with bytes unread, writing fails, or reading.
func TestTCPReset(t *testing.T) {
	addr := serve(t, listen(t), func(c net.Conn) {
		_ = c.(*net.TCPConn).SetLinger(0)
		_ = c.Close()
	})
	p := openProbe(t, Spec{Type: "tcp", URL: "tcp://" + addr, Body: strings.Repeat("words", 1<<20), Contains: "ok"})
	wantProblem(t, p, enough, health.Down, "connection closed by the server")
}
