package kymo

import (
	"net/http"
	"testing"
)

// Echo and gorilla/mux call a middleware anew for each request.
func TestChainThatIsBuiltAnewIsLoggedOnce(t *testing.T) {
	var l logs
	m, sink := monitor(t, WithLogger(l.logger()))
	for range 5 {
		do(m.Middleware(nothing), "GET", "/users/1")
	}
	do(m.Middleware(http.NewServeMux()), "GET", "/users/1") // 404 does not show it
	closeMonitor(t, m)
	if n := l.count("answered without a route"); n != 1 || l.count("remedy=") != 1 {
		t.Errorf("logged %d times: %s", n, l.b.String())
	}
	if n := len(sink.kept()); n != 6 {
		t.Errorf("recorded %d", n)
	}
}
