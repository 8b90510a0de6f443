package kymo

import (
	"context"
	"net/http"
	"net/http/httptest"
	"testing"
	"unsafe"

	"github.com/kymohq/kymo/internal/wire"
)

// what are the parts of a request that an adapter has set.
type what struct {
	endpoint, method, user string
	status                 int
}

func whatOf(r wire.Request) what {
	return what{r.Endpoint, r.Method, r.User, r.Status}
}

func TestExchangeIsRecordedOnce(t *testing.T) {
	m, sink := monitor(t)
	_, x := m.Begin(t.Context())
	if got := x.ResponseTime(); got != "0ms" {
		t.Errorf("ResponseTime() = %q, want 0ms", got)
	}
	for range 2 {
		x.End(Request{Route: "/users/:id", Method: "PUT", Status: 202, User: "ada"})
	}
	if got, want := whatOf(one(t, m, sink)), (what{"/users/{id}", "PUT", "ada", 202}); got != want {
		t.Errorf("recorded %+v, want %+v", got, want)
	}
}

// Handlers take precedence, then adapters further in.
func TestExchangesOfOneRequestAreJoined(t *testing.T) {
	for _, c := range []struct {
		name    string
		handler func(ctx context.Context)
		inner   Request
		want    what
	}{
		{"the inner one says nothing", nil, Request{}, what{"/outer", "GET", "outer", 201}},
		{
			"the inner one says all", nil,
			Request{Route: "/inner", Method: "PUT", Status: 404, User: "inner"},
			what{"/inner", "GET", "inner", 404},
		},
		{
			"the handler says all",
			func(ctx context.Context) {
				SetRouteContext(ctx, "/handler")
				SetUserContext(ctx, "handler")
			},
			Request{Route: "/inner", User: "inner"},
			what{"/handler", "GET", "handler", 201},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			m, sink := monitor(t)
			ctx, outer := m.Begin(t.Context())
			outer.ResponseTime()
			ctx, inner := m.Begin(ctx)
			if outer.Joined() || !inner.Joined() {
				t.Errorf("Joined() = %t and %t, want it of the inner one", outer.Joined(), inner.Joined())
			}
			if got := inner.ResponseTime(); got != "" {
				t.Errorf("the inner ResponseTime() = %q, want none", got)
			}
			if c.handler != nil {
				c.handler(ctx)
			}
			inner.End(c.inner)
			outer.End(Request{Route: "/outer", Method: "GET", Status: 201, User: "outer"})
			if got := whatOf(one(t, m, sink)); got != c.want {
				t.Errorf("recorded %+v, want %+v", got, c.want)
			}
		})
	}
}

func TestExchangeWithinTheMiddleware(t *testing.T) {
	m, sink := monitor(t)
	do(m.Middleware(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, x := m.Begin(r.Context())
		w.WriteHeader(http.StatusOK)
		x.End(Request{Route: "/pkg.Service/Method", Status: 503, User: "ada"})
	})), "POST", "/")
	if got, want := whatOf(one(t, m, sink)), (what{"/pkg.Service/Method", "POST", "ada", 503}); got != want {
		t.Errorf("recorded %+v, want %+v", got, want)
	}
}

func TestProbesOfAdaptersAreCounted(t *testing.T) {
	m, sink := monitor(t)
	_, x := m.Begin(t.Context())
	x.End(Request{Route: "/healthz"})
	_, x = m.Begin(t.Context())
	x.End(Request{Route: "/users", Probe: true})
	m.Record(Request{Route: "/jobs", Probe: true})
	ctx, outer := m.Begin(t.Context())
	_, inner := m.Begin(ctx)
	inner.End(Request{Probe: true})
	outer.End(Request{Route: "/users"})
	_, x = m.Begin(t.Context())
	x.End(Request{Route: "/grpc.health.v1.Health/Check"})
	if got := one(t, m, sink).Endpoint; got != "/grpc.health.v1.Health/Check" {
		t.Errorf("%q was recorded", got)
	}
	if got := m.Stats().Probes; got != 4 {
		t.Errorf("%d probes were counted, want 4", got)
	}
}

func TestSkipAsksTheFilters(t *testing.T) {
	m, _ := monitor(t)
	if m.Skip(func() *http.Request { t.Error("the request was made without filters"); return nil }) {
		t.Error("Skip without filters")
	}
	m, _ = monitor(t, WithFilter(func(r *http.Request) bool { return r.URL.Path != "/skip" }))
	for path, want := range map[string]bool{"/skip": true, "/keep": false} {
		if got := m.Skip(func() *http.Request { return httptest.NewRequest("GET", path, nil) }); got != want {
			t.Errorf("Skip of %s = %t, want %t", path, got, want)
		}
	}
	if got := m.Stats().Ignored; got != 1 {
		t.Errorf("%d requests were ignored, want 1", got)
	}
}

// values is a context that has values of its own, like fasthttp's.
type values struct {
	context.Context
	m map[any]any
}

func (v values) Value(key any) any { return v.m[key] }

func TestContextKeyLetsOtherContextsHoldTheRequest(t *testing.T) {
	m, sink := monitor(t)
	ctx, x := m.Begin(t.Context())
	user := []byte("ada")
	c := values{t.Context(), map[any]any{ContextKey(): ctx.Value(ContextKey())}}
	if !SetUserContext(c, unsafeString(user)) {
		t.Error("the request was not found")
	}
	copy(user, "bob") // the server reads the next request
	x.End(Request{})
	if got := one(t, m, sink).User; got != "ada" {
		t.Errorf("the user is %q, want ada", got)
	}
}

// unsafeString returns a string that shares b's memory, as fasthttp's strings do.
func unsafeString(b []byte) string { return unsafe.String(&b[0], len(b)) }
