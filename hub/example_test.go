package hub_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"time"

	"github.com/kymohq/kymo"
	"github.com/kymohq/kymo/health"
	"github.com/kymohq/kymo/hub"
)

// A service with the hub in its own process.
func ExampleOpen() {
	dir, err := os.MkdirTemp("", "kymo-example-")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	h, err := hub.Open(dir, hub.Config{Retention: hub.Retention{Age: 30 * 24 * time.Hour}})
	if err != nil {
		log.Fatal(err)
	}
	m := kymo.New("orders", kymo.WithSink(h))

	mux := http.NewServeMux()
	mux.HandleFunc("GET /orders/{id}", func(http.ResponseWriter, *http.Request) {})
	service := m.Middleware(mux)
	service.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", "/orders/7", nil))

	ctx := context.Background()
	if err := m.Close(ctx); err != nil { // ships what is left
		log.Fatal(err)
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest("GET", "http://localhost/api/v1/services", nil))
	fmt.Print(w.Body)
	if err := h.Close(ctx); err != nil {
		log.Fatal(err)
	}
	// Output: {"services":["orders"]}
}

// What the hub checks itself: any probe of package health, or of package checks.
func ExampleCheck() {
	config := hub.Config{
		Checks: []hub.Check{
			{Name: "site", Probe: health.HTTP("https://shop.example/"), Interval: 30 * time.Second, Critical: true},
			{Name: "disk", Probe: health.Disk("/", 0.1)},
		},
		Services: []hub.Service{{Name: "orders", Silence: time.Minute, DownAfter: 5 * time.Minute}},
	}
	fmt.Println(len(config.Checks), "checks")
	// Output: 2 checks
}

// A wrong configuration is refused before anything is created.
func ExampleOpen_wrongConfig() {
	_, err := hub.Open("./kymo-data", hub.Config{Retention: hub.Retention{Age: time.Minute}})
	if f, ok := errors.AsType[*health.FieldError](err); ok {
		fmt.Println(f.Field, f.Err)
	}
	// Output: Retention.Age is 1m0s; must be from 1h to 87600h0m0s
}
