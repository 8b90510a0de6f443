package kymofiber

import (
	"bufio"
	"bytes"
	"io"
	"net"
	"net/http"
	"testing"

	"github.com/gofiber/fiber/v3"
)

// serve runs the app on a port of its own and returns the address.
func serve(t *testing.T, app *fiber.App) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- app.Listener(ln, fiber.ListenConfig{DisableStartupMessage: true}) }()
	t.Cleanup(func() {
		ln.Close()
		<-ended
	})
	return ln.Addr().String()
}

// dial returns a connection to which request was written, as it stands.
func dial(t *testing.T, address, request string) (net.Conn, *bufio.Reader) {
	t.Helper()
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	if _, err := io.WriteString(conn, request); err != nil {
		t.Fatal(err)
	}
	return conn, bufio.NewReader(conn)
}

// get makes a request on a connection of its own and returns the response's bytes.
func get(t *testing.T, address, method, path string, header ...string) []byte {
	t.Helper()
	request := method + " " + path + " HTTP/1.1\r\nHost: shop.example\r\nConnection: close\r\n"
	for _, h := range header {
		request += h + "\r\n"
	}
	_, r := dial(t, address, request+"\r\n")
	answer, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return answer
}

// parse reads a response.
func parse(t *testing.T, method string, answer []byte) *http.Response {
	t.Helper()
	resp, err := http.ReadResponse(bufio.NewReader(bytes.NewReader(answer)), &http.Request{Method: method})
	if err != nil {
		t.Fatalf("%v in %q", err, answer)
	}
	return resp
}
