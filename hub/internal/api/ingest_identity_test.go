package api

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

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

// TestForgottenStartsAreRefused refuses what the store would not show again.
func TestForgottenStartsAreRefused(t *testing.T) {
	st := &recorder{Oracle: storetest.NewOracle(), floor: noon.Add(-time.Hour).UnixMilli()}
	a := newAPI(st, nil)
	for timestamp, want := range map[string]int{
		"2026-11-23T10:59:59Z": http.StatusUnprocessableEntity,
		"2026-11-23T11:00:00Z": http.StatusAccepted,
	} {
		body := oneMetric + `,"timestamp":"` + timestamp + `"}`
		if w := ask(a, "POST /api/v1/requests", body, "Content-Type", "application/json"); w.Code != want {
			t.Errorf("%s: %d, want %d: %s", timestamp, w.Code, want, w.Body)
		}
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
