package demo

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/kymohq/kymo"
)

// TestResult is of a hub that lost requests, a shop that did not answer and an SDK
// whose hub refuses all it sends.
func TestResult(t *testing.T) {
	refusing := httptest.NewServer(http.NotFoundHandler())
	defer refusing.Close()
	d := &demo{Config: Config{Hub: fakeHub(t, 4)}, service: "shop", load: newLoad("http://127.0.0.1:1", 1)}
	monitor := kymo.New("shop", kymo.WithHub(refusing.URL), kymo.WithLogger(quiet))
	monitor.Middleware(http.NotFoundHandler()).ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", "/", nil))
	ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	if monitor.Close(ctx) == nil {
		t.Error("the monitor shipped to a hub that refuses")
	}
	d.load.sent.Store(4)
	d.load.login(d.load.customers[0])
	r, err := d.result(monitor)
	if err != nil {
		t.Fatal(err)
	}
	if r.Service != "shop" || r.Sent != 5 || r.Failed != 1 || r.Report.TotalRequests != 4 || r.Stats.Dropped+r.Stats.Pending == 0 {
		t.Errorf("got %+v", r)
	}
	d.Hub = clientOf(t, "http://127.0.0.1:1")
	if _, err := d.result(monitor); err == nil || !strings.HasPrefix(err.Error(), "no hub answers") {
		t.Errorf("without a hub: %v", err)
	}
}

// TestRunErrors: without its hub a demo does not begin.
func TestRunErrors(t *testing.T) {
	c, _ := troubled(t)
	_, err := Run(t.Context(), Config{Hub: clientOf(t, "http://127.0.0.1:1"), Backends: c.Backends, Logger: quiet})
	if err == nil || !strings.HasPrefix(err.Error(), "no hub answers") {
		t.Error(err)
	}
}
