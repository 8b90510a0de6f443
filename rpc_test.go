package kymo

import (
	"context"
	"net/http"
	"testing"

	"github.com/kymohq/kymo/wire"
)

// A server of gRPC sends no status to a client that has canceled the call.
func TestCanceledCallIs499(t *testing.T) {
	for _, p := range protocols {
		t.Run(p.name, func(t *testing.T) {
			m, sink := monitor(t)
			returned := make(chan struct{})
			h := m.Middleware(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				w.Header().Set("Content-Type", "application/grpc")
				w.Write([]byte{0, 0, 0, 0, 1, 'x'})
				w.(http.Flusher).Flush()
				<-r.Context().Done()
			}))
			s := p.server(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				defer close(returned)
				h.ServeHTTP(w, r)
			}))
			defer s.Close()
			ctx, cancel := context.WithCancel(context.Background())
			req, _ := http.NewRequestWithContext(ctx, "POST", s.URL+"/test.v1.Echo/Say", http.NoBody)
			resp, err := s.Client().Do(req)
			if err != nil {
				t.Fatal(err)
			}
			cancel()
			resp.Body.Close()
			<-returned
			if got := one(t, m, sink); got.Status != wire.ClientClosed || got.Endpoint != "/test.v1.Echo/Say" {
				t.Errorf("recorded %+v", got)
			}
		})
	}
}
