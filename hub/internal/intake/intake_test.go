package intake

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/kymohq/kymo/hub/internal/clock"
	"github.com/kymohq/kymo/hub/internal/ingest"
	"github.com/kymohq/kymo/hub/internal/rollup"
	"github.com/kymohq/kymo/hub/internal/store"
	"github.com/kymohq/kymo/hub/internal/store/storetest"
	"github.com/kymohq/kymo/internal/wire"
)

var noon = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

func newIntake(st store.Store, limits Limits) *Intake {
	return New(st, limits, 168*time.Hour, clock.Of(func() time.Time { return noon }))
}

const metric = `{"endpoint":"/users/7","method":"GET","response_time_ms":12.5,"status_code":200}`

// discard is a store that accepts everything.
type discard struct{ store.Store }

func (discard) Append(_ context.Context, batches ...*wire.Batch) ([]bool, error) {
	fresh := make([]bool, len(batches))
	for i := range fresh {
		fresh[i] = true
	}
	return fresh, nil
}

func jsonBody(text, key string) Body {
	return Body{Reader: ingest.JSON([]byte(text)), Key: key}
}

// rollups returns the counts by endpoint and the drops by service.
func rollups(t *testing.T, st store.Store) (counts, drops map[string]uint64) {
	t.Helper()
	counts, drops = make(map[string]uint64), make(map[string]uint64)
	everything := rollup.Window{From: 0, To: wire.MaxStart}
	for r, err := range st.Rollups(t.Context(), store.RollupQuery{Window: everything}) {
		if err != nil {
			t.Fatal(err)
		}
		if r.Dropped > 0 {
			drops[r.Service] += r.Dropped
			continue
		}
		counts[r.Service+r.Endpoint] += r.Durations.Count()
	}
	return counts, drops
}

func same(t *testing.T, what string, got, want any) {
	t.Helper()
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("%s: %v; want %v", what, got, want)
	}
}

// atOffsets returns a batch with a request of each service at each offset from noon.
func atOffsets(sequence uint64, drops []wire.Drop, services []string, offsets ...time.Duration) []byte {
	b := wire.NewBuilder()
	for _, s := range services {
		for i, at := range offsets {
			b.Add(&wire.Request{
				Key:  wire.Key{Service: s, Endpoint: "/a", Method: "GET", Status: 200},
				User: fmt.Sprint("u", i), Start: noon.Add(at).UnixMilli(), Duration: time.Duration(1000 + i),
				FirstByte: 7, Lifetime: 8, Size: 9, Error: fmt.Sprint("e", i),
			})
		}
	}
	for _, d := range drops {
		b.AddDrop(d)
	}
	return b.Batch("sdk", sequence).AppendBinary(nil)
}

func TestBatchesCountOnce(t *testing.T) {
	st := storetest.NewOracle()
	in := newIntake(st, Limits{})
	data := atOffsets(1, nil, []string{"a"}, 0, time.Minute)
	for i := range 3 {
		got, err := in.Batch(t.Context(), data)
		if err != nil {
			t.Fatal(err)
		}
		same(t, "receipt", got, Receipt{Accepted: 2, Duplicate: i > 0})
	}
	counts, _ := rollups(t, st)
	same(t, "counts", counts, map[string]uint64{"a/a": 2})
	c := &in.Counters
	same(t, "counters", []uint64{c.Batches.Load(), c.Duplicates.Load(), c.Requests.Load()}, []uint64{1, 2, 2})
}

func TestLateRequestsBecomeDrops(t *testing.T) {
	st := storetest.NewOracle()
	in := newIntake(st, Limits{})
	drops := []wire.Drop{
		{Service: "a", At: noon.UnixMilli(), Count: 3},
		{Service: "a", At: 5, Count: 10, Reason: wire.QueueFull}, // of a clock that was reset
		{Service: "a", At: noon.Add(-168 * time.Hour).UnixMilli(), Count: 7},
	}
	data := atOffsets(1, drops, []string{"a", "b"}, 0, -168*time.Hour, -168*time.Hour-1e6, 24*time.Hour-1e6, 24*time.Hour)
	got, err := in.Batch(t.Context(), data)
	if err != nil {
		t.Fatal(err)
	}
	same(t, "receipt", got, Receipt{Accepted: 6, Dropped: 4, DroppedReasons: DroppedReasons{TooOld: 2, InFuture: 2}})
	counts, dropped := rollups(t, st)
	same(t, "counts", counts, map[string]uint64{"a/a": 3, "b/a": 3})
	same(t, "drops", dropped, map[string]uint64{"a": 22, "b": 2})
	c := &in.Counters
	same(t, "counters", []uint64{c.Lost[ingest.TooOld].Load(), c.Lost[ingest.InFuture].Load(), c.Dropped[wire.UnknownReason].Load(), c.Dropped[wire.QueueFull].Load()}, []uint64{2, 2, 10, 10})
	for r, err := range st.Requests(t.Context(), store.RequestQuery{Window: rollup.Window{To: wire.MaxStart}, Filter: store.Filter{Service: "b"}}) {
		if err != nil {
			t.Fatal(err)
		}
		// The columns were moved together: offset i has user ui, error ei and duration 1000+i.
		var i int
		if _, err := fmt.Sscanf(r.User, "u%d", &i); err != nil || r.Duration != time.Duration(1000+i) || r.FirstByte != 7 || r.Lifetime != 8 || r.Size != 9 || r.Error != fmt.Sprint("e", i) {
			t.Errorf("request %+v", r)
		}
	}
	oldest := noon.Add(-168 * time.Hour).UnixMilli()
	for name, want := range map[string]struct {
		rollup.Window
		drops map[string]uint64
	}{
		"of what is older than the hub keeps":         {rollup.Window{From: 0, To: oldest}, map[string]uint64{}},
		"of the time that the service says":           {rollup.Window{From: oldest, To: oldest + 1}, map[string]uint64{"a": 7}},
		"of the arrival of what has a wrong clock":    {rollup.Window{From: noon.UnixMilli(), To: noon.UnixMilli() + 1}, map[string]uint64{"a": 15, "b": 2}},
		"of tomorrow, which the wrong clock pretends": {rollup.Window{From: noon.UnixMilli() + 1, To: wire.MaxStart}, map[string]uint64{}},
	} {
		same(t, "drops "+name, dropsIn(t, st, want.Window), want.drops)
	}
}

// dropsIn returns the drops of a window by service.
func dropsIn(t *testing.T, st store.Store, w rollup.Window) map[string]uint64 {
	t.Helper()
	drops := make(map[string]uint64)
	for r, err := range st.Rollups(t.Context(), store.RollupQuery{Window: w}) {
		if err != nil {
			t.Fatal(err)
		}
		if r.Dropped > 0 {
			drops[r.Service] += r.Dropped
		}
	}
	return drops
}

func TestJSONThroughTheIntake(t *testing.T) {
	st := storetest.NewOracle()
	in := newIntake(st, Limits{Endpoints: 2})
	body := "[" + metric + "," + strings.Replace(metric, "/users/7", "/b", 1) + "," + strings.Replace(metric, "/users/7", "/c", 1) + "," +
		strings.Replace(metric, "{", `{"service":"orders",`, 1) + "]"
	for range 2 { // Without a key, a body that comes twice counts twice.
		got, err := in.Read(t.Context(), jsonBody(body, ""))
		if err != nil {
			t.Fatal(err)
		}
		same(t, "receipt", got, Receipt{Accepted: 4})
	}
	for i := range 3 {
		got, err := in.Read(t.Context(), jsonBody(body, "key-1"))
		if err != nil {
			t.Fatal(err)
		}
		same(t, "receipt", got, Receipt{Accepted: 4, Duplicate: i > 0})
	}
	counts, _ := rollups(t, st)
	same(t, "counts", counts, map[string]uint64{"default/users/{id}": 3, "default/b": 3, "default(other)": 3, "orders/users/{id}": 3})
	same(t, "overflowed", in.Counters.Overflowed.Load(), 3)
	known, _ := in.Cardinality()
	same(t, "overflowed requests of a service, of three bodies that were kept", known[0].Overflowed, 3)

	got, err := in.Read(t.Context(), jsonBody("[]", ""))
	if err != nil || got != (Receipt{}) {
		t.Errorf("an empty array: %v, %v", got, err)
	}
}

func TestSplitBodiesAreKeptWholeOrNotAtAll(t *testing.T) {
	var body strings.Builder
	const n = wire.MaxRequests + 10
	for i := range n {
		fmt.Fprintf(&body, `{"endpoint":"/a","method":"GET","response_time_ms":1,"status_code":%d}`+"\n", 200+i/wire.MaxRequests*9000)
	}
	st := storetest.NewOracle()
	in := newIntake(st, Limits{})
	if _, err := in.Read(t.Context(), jsonBody(body.String(), "")); !Malformed(err) || !strings.HasPrefix(err.Error(), fmt.Sprintf("element %d: status_code", wire.MaxRequests)) {
		t.Fatal(err)
	}
	counts, _ := rollups(t, st)
	same(t, "counts", counts, map[string]uint64{})

	good := strings.ReplaceAll(body.String(), "9200", "200")
	for i := range 2 {
		got, err := in.Read(t.Context(), jsonBody(good, "retried"))
		if err != nil {
			t.Fatal(err)
		}
		same(t, "receipt", got, Receipt{Accepted: n, Duplicate: i > 0})
	}
	same(t, "batches", []uint64{in.Counters.Batches.Load(), in.Counters.Duplicates.Load()}, []uint64{2, 2})
}

func TestIntakeErrors(t *testing.T) {
	st := storetest.NewOracle()
	in := newIntake(st, Limits{Services: 1})
	good := atOffsets(1, nil, []string{"a"}, 0)
	if _, err := in.Batch(t.Context(), good); err != nil {
		t.Fatal(err)
	}
	for name, f := range map[string]func() (Receipt, error){
		"not a batch":   func() (Receipt, error) { return in.Batch(t.Context(), []byte("KYM")) },
		"cut short":     func() (Receipt, error) { return in.Batch(t.Context(), good[:len(good)-1]) },
		"bad element":   func() (Receipt, error) { return in.Read(t.Context(), jsonBody("[{}]", "")) },
		"many services": func() (Receipt, error) { return in.Batch(t.Context(), atOffsets(2, nil, []string{"b"}, 0)) },
	} {
		before := in.Counters.Refused.Load()
		if got, err := f(); !Malformed(err) || got != (Receipt{}) || in.Counters.Refused.Load() != before+1 {
			t.Errorf("%s: %v, %v", name, got, err)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := in.Batch(ctx, good); !errors.Is(err, context.Canceled) || Malformed(err) {
		t.Errorf("given up: %v", err)
	}
	if err := st.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := in.Batch(t.Context(), good); !errors.Is(err, store.ErrClosed) || Malformed(err) {
		t.Errorf("closed: %v", err)
	}
	same(t, "store errors", in.Counters.StoreFails.Load(), 2)
}

func BenchmarkBatch(b *testing.B) {
	in := newIntake(discard{}, Limits{})
	builder := wire.NewBuilder()
	const n = 8192
	for i := range n {
		builder.Add(&wire.Request{
			Key:   wire.Key{Service: "web", Endpoint: fmt.Sprintf("/r%d", i%150), Method: "GET", Status: 200},
			User:  fmt.Sprint("user-", i*31%2000),
			Start: noon.UnixMilli() + int64(i), Duration: time.Duration(1e6 + i*7919%90000000), FirstByte: 1e5, Size: int64(i % 9000),
		})
	}
	data := builder.Batch("sdk", 1).AppendBinary(nil)
	for b.Loop() {
		if _, err := in.Batch(b.Context(), data); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(n)*float64(b.N)/b.Elapsed().Seconds(), "requests/s")
}

func BenchmarkReadJSON(b *testing.B) {
	var body strings.Builder
	const n = 10_000
	for i := range n {
		fmt.Fprintf(&body, `{"endpoint":"/api/v1/resource%d/%d/items","method":"GET","response_time_ms":%d.25,"status_code":200,"user_id":"user-%d","timestamp":"2026-11-23T10:15:30.123Z"},`,
			i%150, i, i%1000, i%500)
	}
	data := []byte("[" + strings.TrimSuffix(body.String(), ",") + "]")
	in := newIntake(discard{}, Limits{})
	b.SetBytes(int64(len(data)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := in.Read(b.Context(), Body{Reader: ingest.JSON(data)}); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(n)*float64(b.N)/b.Elapsed().Seconds(), "requests/s")
}

func BenchmarkStreamCSV(b *testing.B) {
	var text strings.Builder
	const n = 100_000
	for i := range n {
		fmt.Fprintf(&text, "%d,/api/v1/resource%d/{id}/items,GET,%d,200,user-%d\n", 1795000000000+i, i%150, 1000000+i*7919%90000000, i*31%20000)
	}
	b.SetBytes(int64(text.Len()))
	b.ReportAllocs()
	for b.Loop() {
		for _, err := range Stream(ingest.CSV(strings.NewReader(text.String())), "", noon) {
			if err != nil {
				b.Fatal(err)
			}
		}
	}
	b.ReportMetric(float64(n)*float64(b.N)/b.Elapsed().Seconds(), "rows/s")
}
