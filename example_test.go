package kymo_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"

	"github.com/kymohq/kymo"
)

func ExampleNew() {
	m := kymo.New("orders")             // ships to the hub at KYMO_HUB, or http://127.0.0.1:5966
	defer m.Close(context.Background()) // after http.Server.Shutdown

	mux := http.NewServeMux()
	mux.HandleFunc("GET /orders/{id}", func(w http.ResponseWriter, r *http.Request) {
		kymo.SetUser(w, "alice")
		fmt.Fprintln(w, "order", r.PathValue("id"))
	})
	handler := m.Middleware(mux) // for http.ListenAndServe(":8080", handler)

	response := httptest.NewRecorder()
	handler.ServeHTTP(response, httptest.NewRequest("GET", "/orders/42", nil))
	fmt.Print(response.Header().Get("X-Response-Time"), " ", response.Body)
	// Output: 0ms order 42
}
