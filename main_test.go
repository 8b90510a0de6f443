package kymo

import (
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"testing"
)

// TestMain gives the example a hub to ship to.
func TestMain(m *testing.M) {
	hub := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(http.StatusAccepted)
		io.WriteString(w, `{"accepted": 1, "duplicate": false}`)
	}))
	os.Setenv("KYMO_HUB", hub.URL)
	code := m.Run()
	hub.Close()
	os.Exit(code)
}
