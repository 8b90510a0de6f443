package api

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/kymohq/kymo/hub/internal/report"
	"github.com/kymohq/kymo/hub/internal/store"
	"github.com/kymohq/kymo/hub/internal/store/storetest"
	"github.com/kymohq/kymo/internal/wire"
)

// recorder notes the identities that reach the store, and fails if told to.
type recorder struct {
	*storetest.Oracle
	seen  []string
	fails error
	floor int64
}

func (r *recorder) Append(ctx context.Context, batches ...*wire.Batch) ([]bool, error) {
	if r.fails != nil {
		return nil, r.fails
	}
	for _, b := range batches {
		r.seen = append(r.seen, b.Instance)
		if n := len(r.seen); b.Sequence != uint64(n) && (n == 1 || r.seen[n-2] == b.Instance) {
			return nil, errors.New("a number was left out")
		}
	}
	return r.Oracle.Append(ctx, batches...)
}

var _ store.Floorer = (*recorder)(nil)

func (r *recorder) Floor() int64 { return r.floor }

func (r *recorder) LowerFloor(_ context.Context, to int64) error {
	r.floor = min(r.floor, to)
	return nil
}

const oneMetric = `{"endpoint":"/a","method":"GET","response_time_ms":1,"status_code":200`

// TestNoGapsFromRefusals: after bodies were refused in every way, the hub's own sequence
// numbers continue without a gap, or start again under another name.
func TestNoGapsFromRefusals(t *testing.T) {
	st := &recorder{Oracle: storetest.NewOracle()}
	a := newAPI(st, nil)
	post := func(body string, want int) {
		t.Helper()
		if w := ask(a, "POST /api/v1/requests", body, "Content-Type", "application/json"); w.Code != want {
			t.Fatalf("%d for %s: %s", w.Code, body, w.Body)
		}
	}
	for i := range 20 {
		post(oneMetric+"}", http.StatusAccepted)
		post(oneMetric, http.StatusUnprocessableEntity)
		post(oneMetric+`,"service":"`+strings.Repeat("s", i+1)+`"}`, map[bool]int{true: 202, false: 422}[i < 7])
	}
	st.fails = store.ErrFull
	post(oneMetric+"}", http.StatusServiceUnavailable)
	st.fails = nil
	before := len(st.seen)
	post(oneMetric+"}", http.StatusAccepted)
	if st.seen[before-1] == st.seen[before] {
		t.Error("after a failed append, which may leave a gap, the name is the same")
	}
}

// TestForgottenStartsAreLeftOut leaves out what the store would not show again, and what is
// too far ahead, and keeps and answers the rest.
func TestForgottenStartsAreLeftOut(t *testing.T) {
	st := &recorder{Oracle: storetest.NewOracle(), floor: noon.Add(-time.Hour).UnixMilli()}
	a := newAPI(st, nil)
	at := func(timestamp string) string { return oneMetric + `,"timestamp":"` + timestamp + `"}` }
	const old, kept, ahead = "2026-11-23T10:59:59Z", "2026-11-23T11:00:00Z", "2026-11-24T12:00:00Z"
	for _, c := range []struct{ body, want string }{
		{at(kept), `{"accepted":1,"duplicate":false}`},
		{at(old), `{"accepted":0,"duplicate":false,"dropped":1,"dropped_reasons":{"too_old":1}}`},
		{"[" + at(old) + "," + at(kept) + "," + at(ahead) + "," + at(old) + "]", `{"accepted":1,"duplicate":false,"dropped":3,"dropped_reasons":{"too_old":2,"in_future":1}}`},
		{at(kept) + "\n" + at(ahead) + "\n", `{"accepted":1,"duplicate":false,"dropped":1,"dropped_reasons":{"in_future":1}}`},
	} {
		w := ask(a, "POST /api/v1/requests", c.body, "Content-Type", "application/json")
		if w.Code != http.StatusAccepted || strings.TrimSpace(w.Body.String()) != c.want {
			t.Errorf("%s: %d %s, want %s", c.body, w.Code, w.Body, c.want)
		}
	}
	// A mistake still costs the body, and then nothing of it is counted.
	wrong := problem(t, ask(a, "POST /api/v1/requests", "["+at(old)+","+oneMetric+`,"user_id":true}]`, "Content-Type", "application/json"), http.StatusUnprocessableEntity)
	wrongAt(t, wrong, "body[1].user_id", "string")
	a.Now = func() time.Time { return noon.Add(time.Second) }
	trust := get[report.Performance](t, a, "/metrics/performance").Trust
	if trust.TooOld != 3 || trust.Dropped != 2 || trust.DroppedReasons["in_future"] != 2 || trust.Samples != 3 {
		t.Errorf("trust %+v", trust)
	}
}

// TestOtherOrigins lets no page of another origin write.
func TestOtherOrigins(t *testing.T) {
	st := storetest.NewOracle()
	a := newAPI(st, nil)
	for _, headers := range [][]string{
		{"Sec-Fetch-Site", "cross-site"},
		{"Origin", "https://elsewhere.example"},
	} {
		problem(t, ask(a, "POST /api/v1/requests", oneMetric+"}", headers...), http.StatusForbidden)
	}
	for _, headers := range [][]string{nil, {"Sec-Fetch-Site", "same-origin"}, {"Origin", "http://127.0.0.1:5966"}} {
		if w := ask(a, "POST /api/v1/requests", oneMetric+"}", headers...); w.Code != http.StatusAccepted {
			t.Errorf("%v: %d: %s", headers, w.Code, w.Body)
		}
	}
	if n := a.Intake.Counters.Requests.Load(); n != 3 {
		t.Errorf("kept %d requests", n)
	}
}
