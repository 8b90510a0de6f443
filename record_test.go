package kymo

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/kymohq/kymo/internal/wire"
)

func TestRecord(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, sink := monitor(t)
		now := time.Now()
		time.Sleep(time.Minute)
		m.Record(Request{
			Route: "/jobs/:kind", Method: "POST", Status: 503, Start: now, Duration: 2 * time.Second,
			FirstByte: time.Second, Size: 7, User: "carol",
		})
		m.Record(Request{Duration: time.Second})
		m.Record(Request{Route: "jobs/email", Method: "JOB", Status: 9999, Duration: -1, FirstByte: time.Hour, Size: -1,
			User: strings.Repeat("u", 1000), Error: strings.Repeat("e", 1000)})
		m.Record(Request{Route: "/feed", Method: "GET", Stream: true, Duration: time.Hour, FirstByte: time.Millisecond})
		closeMonitor(t, m)
		got := make(map[string]wire.Request)
		for _, r := range sink.kept() {
			got[r.Endpoint] = r
		}
		want := wire.Request{
			Key: wire.Key{Service: "test", Endpoint: "/jobs/{kind}", Method: "POST", Status: 503}, Process: got["/jobs/{kind}"].Process,
			User: "carol", Start: now.UnixMilli(), Duration: 2 * time.Second, FirstByte: time.Second, Size: 7,
		}
		if got["/jobs/{kind}"] != want {
			t.Errorf("recorded %+v", got["/jobs/{kind}"])
		}
		if r := got[wire.Unmatched]; r.Status != 200 || r.Start != now.Add(59*time.Second).UnixMilli() || r.FirstByte != time.Second || r.Method != wire.MethodOther {
			t.Errorf("recorded %+v", r)
		}
		if r := got["jobs/email"]; r.Status != 500 || r.Duration != 0 || r.Size != 0 || len(r.User) != wire.MaxUser || len(r.Error) != wire.MaxError {
			t.Errorf("recorded %+v", r)
		}
		if r := got["/feed"]; r.Duration != time.Millisecond || r.Lifetime != time.Hour {
			t.Errorf("recorded %+v", r)
		}
		m.Record(Request{})
		if s := m.Stats(); s.Recorded != 5 || s.Dropped != 1 {
			t.Errorf("stats %+v", s)
		}
	})
}

func TestBegin(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, sink := monitor(t)
		ctx, x := m.Begin(context.Background())
		time.Sleep(1500 * time.Millisecond)
		if v := x.ResponseTime(); v != "1500ms" {
			t.Errorf("X-Response-Time is %q", v)
		}
		time.Sleep(time.Second)
		if !SetUserContext(ctx, "carol") || !SetErrorContext(ctx, "E") || x.ResponseTime() != "1500ms" {
			t.Error("the request was not found, or its header's time has changed")
		}
		x.End(Request{Route: "/a/:id", Method: "GET", Status: 201, User: "nobody"})
		x.End(Request{Route: "/twice"})
		if SetUserContext(ctx, "late") {
			t.Error("a request that is over was found")
		}
		got := one(t, m, sink)
		if got.Endpoint != "/a/{id}" || got.Status != 201 || got.User != "carol" || got.Error != "E" || got.Duration != 2500*time.Millisecond || got.FirstByte != 1500*time.Millisecond {
			t.Errorf("recorded %+v", got)
		}
	})
}

func TestBeginIsCountedApart(t *testing.T) {
	m, sink := monitor(t)
	_, x := m.Begin(context.Background())
	x.End(Request{Route: "/healthz"})
	ctx, x := m.Begin(context.Background())
	IgnoreContext(ctx)
	x.End(Request{Route: "/a"})
	ctx, x = m.Begin(context.Background())
	SetRouteContext(ctx, "/named")
	SetStreamContext(ctx)
	x.End(Request{Route: "/a", Duration: time.Second, FirstByte: 1})
	if got := one(t, m, sink); got.Endpoint != "/named" || got.Lifetime != time.Second {
		t.Errorf("recorded %+v", got)
	}
	if s := m.Stats(); s.Probes != 1 || s.Ignored != 1 || s.Recorded != 1 {
		t.Errorf("stats %+v", s)
	}
}

// TestBeginWithinMiddleware: one request, with what both know of it.
func TestBeginWithinMiddleware(t *testing.T) {
	m, sink := monitor(t)
	other, otherSink := monitor(t)
	do(m.Middleware(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctx, x := m.Begin(r.Context())
		if !SetUserContext(ctx, "") || x.ResponseTime() != "" {
			t.Error("the request is not the middleware's")
		}
		otherContext, y := other.Begin(ctx)
		SetRouteContext(otherContext, "") // reaches both, and is nothing
		y.End(Request{Route: "/other"})
		w.WriteHeader(200)
		x.End(Request{Route: "/a.B/C", Status: 404, User: "carol", Error: "E", Stream: true})
	})), "POST", "/x")
	if got := one(t, m, sink); got.Endpoint != "/a.B/C" || got.Status != 404 || got.User != "carol" || got.Lifetime == 0 {
		t.Errorf("recorded %+v", got)
	}
	if got := one(t, other, otherSink); got.Endpoint != "/other" {
		t.Errorf("recorded %+v", got)
	}
}
