package hub

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/kymohq/kymo/hub/internal/webserver"
)

// TestHugeBodies: a client that sends 100 MB before it reads, as most libraries do,
// gets the answer with the reason, rather than a broken pipe.
func TestHugeBodies(t *testing.T) {
	h, err := Open(t.TempDir(), Config{Logger: quiet, limits: webserver.Limits{Discard: time.Minute}})
	if err != nil {
		t.Fatal(err)
	}
	defer h.Close(context.Background())
	server := httptest.NewServer(h)
	defer server.Close()

	const size = 100_000_000
	mega := strings.Repeat(" ", 1_000_000)
	for _, c := range []struct {
		name    string
		chunked bool
		says    string
	}{
		{"announced", false, "the body has 100000000 bytes; at most "},
		{"in chunks", true, "the body has more than 8388608 bytes"},
	} {
		t.Run(c.name, func(t *testing.T) {
			conn, err := net.Dial("tcp", server.Listener.Addr().String())
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			if err := conn.SetDeadline(time.Now().Add(time.Minute)); err != nil {
				t.Fatal(err)
			}
			fields, piece, end := fmt.Sprintf("Content-Length: %d", size), mega, ""
			if c.chunked {
				fields, piece, end = "Transfer-Encoding: chunked", fmt.Sprintf("%x\r\n%s\r\n", len(mega), mega), "0\r\n\r\n"
			}
			fmt.Fprintf(conn, "POST /api/v1/requests HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n%s\r\n\r\n", fields)
			for i := range size / len(mega) {
				if _, err := io.WriteString(conn, piece); err != nil {
					t.Fatalf("after %d MB: %v", i, err)
				}
			}
			if _, err := io.WriteString(conn, end); err != nil {
				t.Fatal(err)
			}
			resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
			if err != nil {
				t.Fatal(err)
			}
			defer resp.Body.Close()
			if body, err := io.ReadAll(resp.Body); err != nil || resp.StatusCode != http.StatusRequestEntityTooLarge || !strings.Contains(string(body), c.says) {
				t.Errorf("got %d %s %v", resp.StatusCode, body, err)
			}
		})
	}
}
