package kymotest_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/kymohq/kymo"
	"github.com/kymohq/kymo/kymotest"
)

func newServer(m *kymo.Monitor) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /orders/{id}", func(w http.ResponseWriter, r *http.Request) {
		kymo.SetUser(w, "alice")
		fmt.Fprintln(w, "order", r.PathValue("id"))
	})
	return m.Middleware(mux)
}

func ExampleNew() {
	// Of the service's tests:
	_ = func(t *testing.T) {
		m, sink := kymotest.New(t)
		newServer(m).ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", "/orders/42", nil))

		got := sink.Requests()
		if len(got) != 1 || got[0].Endpoint != "/orders/{id}" || got[0].User != "alice" {
			t.Errorf("recorded %+v", got)
		}
	}
}

// A monitor that the service makes itself can be given a Sink, too.
func ExampleSink() {
	sink := new(kymotest.Sink)
	m := kymo.New("orders", kymo.WithSink(sink), kymo.WithLogger(sink.Logger()))
	newServer(m).ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", "/orders/42", nil))
	if err := m.Close(context.Background()); err != nil {
		fmt.Println(err)
	}
	for _, r := range sink.Requests() {
		fmt.Println(r.Method, r.Endpoint, r.Status, r.User, r.Size)
	}
	// Output: GET /orders/{id} 200 alice 9
}

// The adapter of a router is the middleware that its package has for it; here it
// is the SDK's own, and the router is http.ServeMux.
func ExampleRun() {
	_ = func(t *testing.T) {
		kymotest.Run(t, kymotest.Adapter{
			New: func(s kymotest.Setup) http.Handler {
				mux := http.NewServeMux()
				mux.HandleFunc("GET /users/{id}", func(w http.ResponseWriter, r *http.Request) {
					kymo.SetUserContext(r.Context(), r.PathValue("id"))
					fmt.Fprintln(w, "user", r.PathValue("id"))
				})
				mux.HandleFunc("GET /upgrade", func(w http.ResponseWriter, _ *http.Request) { kymotest.Upgrade(w) })
				// and so on for the other routes
				if s.Monitor == nil {
					return mux
				}
				return s.Monitor.Middleware(mux)
			},
			Unsupported: map[kymotest.Feature]string{
				kymotest.Recovers: "the standard library has no middleware that recovers",
			},
		})
	}
}
