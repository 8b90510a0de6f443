package core

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/kymohq/kymo/health"
	"github.com/kymohq/kymo/hub/internal/report"
	"github.com/kymohq/kymo/hub/internal/store"
	"github.com/kymohq/kymo/hub/internal/store/pebblestore"
	"github.com/kymohq/kymo/hub/internal/store/storetest"
	"github.com/kymohq/kymo/internal/printable"
	"github.com/kymohq/kymo/internal/wire"
)

// Two names as another program may have written them, and what both look like.
const (
	turned   = "n\u202em"
	isolated = "n\u2066m"
	shown    = "n\uFFFDm"
)

// keepRaw puts names that deceive into a store, past the hub's intake: a service twice
// that looks the same, and an endpoint of a service with a clean name.
func keepRaw(t *testing.T, st store.Store) {
	t.Helper()
	b := wire.NewBuilder()
	add := func(n int, service, name string) {
		for i := range n {
			b.Add(&wire.Request{
				Key:  wire.Key{Service: service, Endpoint: "/" + name, Method: "GET", Status: 500},
				User: name, Error: name, Start: noon.Add(-time.Minute).UnixMilli() - int64(i), Duration: time.Second,
			})
		}
	}
	add(3, turned, turned)
	add(2, isolated, isolated)
	add(4, "shop", turned)
	add(7, "shop", "plain")
	at := noon.Add(-10 * time.Second).UnixMilli()
	details, _ := json.Marshal(map[string]string{turned: turned})
	b.AddHealth(wire.HealthResult{Service: turned, Check: turned, Status: health.Healthy, From: at - 60_000, To: at})
	b.AddHealth(wire.HealthResult{Service: turned, Check: turned, Status: health.Down, From: at, To: at, Reason: turned, Details: string(details)})
	b.AddHealth(wire.HealthResult{Check: "plain", Status: health.Healthy, From: at, To: at})
	batch := b.Batch(turned, 1)
	batch.Drops = []wire.Drop{{Service: turned, At: at, Count: 6}}
	if _, err := st.Append(t.Context(), batch); err != nil {
		t.Fatal(err)
	}
}

// Stored names are shown clean, even if another program stored them, and can be found
// by the name that is shown.
func TestStoredNamesAreShownClean(t *testing.T) {
	for engine, open := range map[string]func(t *testing.T) store.Store{
		"pebble": func(t *testing.T) store.Store {
			st, err := pebblestore.Open("data", pebblestore.Options{FS: vfs.NewMem()})
			if err != nil {
				t.Fatal(err)
			}
			return st
		},
		"oracle": func(*testing.T) store.Store { return storetest.NewOracle() },
	} {
		t.Run(engine, func(t *testing.T) {
			st := open(t)
			keepRaw(t, st)
			h, err := New(st, setup{}.config(t), setup{}.options())
			if err != nil {
				t.Fatal(err)
			}
			defer closeHub(t, h)
			checkClean(t, h)
		})
	}
}

func checkClean(t *testing.T, h *Hub) {
	t.Helper()
	ask := func(path string, query ...string) string {
		t.Helper()
		for i := 0; i < len(query); i += 2 {
			path += "&" + query[i] + "=" + url.QueryEscape(query[i+1])
		}
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequestWithContext(context.Background(), http.MethodGet, "http://localhost"+path, nil))
		body := w.Body.String()
		if w.Code != http.StatusOK {
			t.Errorf("%s: %d %s", path, w.Code, body)
		}
		if clean := string(printable.JSON([]byte(strings.ReplaceAll(body, "\r\n", "\n")))); clean != strings.ReplaceAll(body, "\r\n", "\n") {
			t.Errorf("%s: %+q", path, body)
		}
		return body
	}

	var endpoints []report.Endpoint
	decode(t, ask("/metrics/endpoints?hours=1"), &endpoints)
	counts := make(map[string]uint64)
	for _, e := range endpoints {
		counts[e.Service+" "+e.Endpoint] = e.TotalRequests
	}
	if want := map[string]uint64{shown + " /" + shown: 5, "shop /" + shown: 4, "shop /plain": 7}; fmt.Sprint(counts) != fmt.Sprint(want) || len(endpoints) != 3 {
		t.Errorf("endpoints %v, want %v", counts, want)
	}

	for _, test := range []struct {
		query []string
		want  int
	}{
		{nil, 16},
		{[]string{"service", shown}, 5},
		{[]string{"service", "shop"}, 11},
		{[]string{"endpoint", "/" + shown}, 9},
		{[]string{"service", "shop", "endpoint", "/" + shown}, 4},
		{[]string{"service", shown, "endpoint", "/" + shown, "method", "GET"}, 5},
	} {
		var p report.Performance
		decode(t, ask("/metrics/performance?hours=1", test.query...), &p)
		if int(p.TotalRequests) != test.want {
			t.Errorf("performance of %q: %d requests, want %d", test.query, p.TotalRequests, test.want)
		}
		if drops := p.Trust.Dropped; drops != 6 && (test.query == nil || test.query[1] == shown) || drops != 0 && test.query != nil && test.query[1] == "shop" {
			t.Errorf("performance of %q: %d dropped requests", test.query, drops)
		}
		var s struct {
			Total struct {
				Requests int `json:"requests"`
			} `json:"total"`
		}
		decode(t, ask("/api/v1/timeseries?minutes=60", test.query...), &s)
		if s.Total.Requests != test.want {
			t.Errorf("series of %q: %d requests, want %d", test.query, s.Total.Requests, test.want)
		}
		requests(t, ask, test.want, test.query...)
		if csv := ask("/api/v1/requests/export?minutes=60&format=csv", test.query...); strings.Count(csv, "\n") != test.want+1 {
			t.Errorf("export of %q: %s", test.query, csv)
		}
	}
	requests(t, ask, 9, "user", shown)
	requests(t, ask, 4, "user", shown, "service", "shop")
	requests(t, ask, 0, "user", "\uFFFD")
	requests(t, ask, 0, "endpoint", "/\uFFFD")

	ask("/api/v1/heatmap?minutes=60", "endpoint", "/"+shown)
	if users := ask("/api/v1/users?minutes=60"); strings.Count(users, shown) != 1 {
		t.Errorf("users: %s", users)
	}
	if services := ask("/api/v1/services"); services != `{"services":["`+shown+`","shop"]}`+"\n" {
		t.Errorf("services: %s", services)
	}
	var past report.History
	decode(t, ask("/api/v1/health/history?hours=1", "name", shown+"/"+shown), &past)
	if len(past.Transitions) != 1 || past.Transitions[0].Reason != shown || !strings.Contains(string(past.Transitions[0].Details), shown) {
		t.Errorf("history: %+v", past)
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequestWithContext(context.Background(), http.MethodGet, "http://localhost/api/v1/health/history?name=n", nil))
	if w.Code != http.StatusNotFound || !printable.Is(strings.TrimSpace(w.Body.String())) {
		t.Errorf("another check: %d %s", w.Code, w.Body)
	}
}

// requests fails the test unless a query has so many requests.
func requests(t *testing.T, ask func(string, ...string) string, want int, query ...string) {
	t.Helper()
	var page struct {
		Requests []json.RawMessage `json:"requests"`
	}
	decode(t, ask("/api/v1/requests?minutes=60", query...), &page)
	if len(page.Requests) != want {
		t.Errorf("requests of %q: %d, want %d", query, len(page.Requests), want)
	}
}

func decode(t *testing.T, body string, into any) {
	t.Helper()
	if err := json.Unmarshal([]byte(body), into); err != nil {
		t.Fatalf("%v: %s", err, body)
	}
}
