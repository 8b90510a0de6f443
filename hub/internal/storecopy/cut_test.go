package storecopy

import (
	"fmt"
	"iter"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/kymohq/kymo/health"
	"github.com/kymohq/kymo/hub/internal/store"
	"github.com/kymohq/kymo/hub/internal/store/seen"
	"github.com/kymohq/kymo/internal/hist"
	"github.com/kymohq/kymo/internal/wire"
)

func TestSequencesOfCopiesAreDistinct(t *testing.T) {
	found := make(map[uint64]string)
	for _, source := range []uint64{0, 1, 1<<sourceBits - 1} {
		for _, s := range []stream{{"a", false}, {"a", true}} {
			for _, h := range []hour{0, 1, 2, 3, 500_000, 500_001, 500_002, lastHour - 1, lastHour} {
				for _, n := range []int{0, 1, 2, 3, moreBatches - 1, moreBatches} {
					number, err := sequence(source, s, h, n)
					if err != nil {
						t.Fatal(err)
					}
					what := fmt.Sprint(source, s, h, n)
					if other, twice := found[number]; twice || number < 1<<63 {
						t.Errorf("%s has the number %x, and so has %q", what, number, other)
					}
					found[number] = what
				}
			}
		}
	}
	if _, err := sequence(0, stream{"a", false}, 0, moreBatches+1); err == nil || !strings.Contains(err.Error(), `from 1970-01-01 00:00 UTC holds more of "a" than can be copied`) {
		t.Error(err)
	}
}

func TestSourceNumbersDiffer(t *testing.T) {
	if a, b := sourceNumber("a"), sourceNumber("b"); a == b || a >= 1<<sourceBits || a != sourceNumber("a") {
		t.Errorf("numbers %x and %x", a, b)
	}
}

// TestSequencesOfCopiesAreFewRuns: stores remember 4,096 of an instance.
func TestSequencesOfCopiesAreFewRuns(t *testing.T) {
	for _, test := range []struct {
		days    int
		batches func(h hour) int
		max     int
	}{
		{3650, func(hour) int { return 1 }, 1},
		{300, func(hour) int { return 9 }, 1 + 300*12},
		{300, func(h hour) int { return 1 + int(h%24) }, 1 + 300*13},
	} {
		var set seen.Set
		for h := hour(495_000); h < hour(495_000+24*test.days); h++ {
			for n := range test.batches(h) {
				number, err := sequence(7, stream{"a", false}, h, n)
				if err != nil {
					t.Fatal(err)
				}
				set.Add(number)
			}
		}
		if set.Runs() > test.max {
			t.Errorf("%d runs in %d days, want %d", set.Runs(), test.days, test.max)
		}
	}
}

// cutting cuts records in a random order of those of one instant, and returns
// the batches by identity.
func cutting(t *testing.T, g *rand.Rand, requests []store.Record, drops map[dropped]uint64, results []store.HealthRecord) map[string]string {
	t.Helper()
	found := make(map[string]string)
	c := &cutter{source: 5, hour: 500_000, open: make(map[stream]*openBatch)}
	c.take = func(b *wire.Batch) error {
		id, form := fmt.Sprintf("%s %x", b.Instance, b.Sequence), b.AppendBinary(nil)
		if len(form) > wire.MaxBytes {
			t.Errorf("a batch of %d bytes", len(form))
		}
		if _, twice := found[id]; twice {
			t.Errorf("%s twice", id)
		}
		found[id] = string(form)
		return nil
	}
	err := c.requests(shuffled(g, requests))
	if err == nil {
		err = c.drops(drops)
	}
	if err == nil {
		err = c.health(shuffled(g, results))
	}
	if err == nil {
		err = c.end()
	}
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// shuffled yields records, each half of which is of one instant, in an order that a store might give.
func shuffled[R any](g *rand.Rand, records []R) iter.Seq2[*R, error] {
	half := len(records) / 2
	order := g.Perm(half)
	for _, i := range g.Perm(len(records) - half) {
		order = append(order, half+i)
	}
	return func(yield func(*R, error) bool) {
		for _, i := range order {
			r := records[i] // which lives no longer than its turn
			if !yield(&r, nil) {
				return
			}
			r = *new(R)
		}
	}
}

// TestCutsDoNotDependOnTheOrder of what is of one instant, though batches are
// full: of requests, of bytes, of results.
func TestCutsDoNotDependOnTheOrder(t *testing.T) {
	at := hour(500_000).window().From
	g := rand.New(rand.NewPCG(1, 2))
	var requests []store.Record
	for i := range 100_000 {
		var r store.Record
		r.Instance = "many"
		r.Key = wire.Key{Service: "orders", Endpoint: fmt.Sprint("/", g.IntN(5)), Method: "GET", Status: 200 + g.IntN(2)}
		r.Start, r.Duration, r.User = at+int64(i/50_000), time.Duration(1000+g.IntN(3)), fmt.Sprint(g.IntN(4))
		r.Version, r.Error, r.Trace = fmt.Sprint(g.IntN(2)), fmt.Sprint(g.IntN(2)), wire.TraceID{15: byte(g.IntN(2))}
		if i%5 == 0 { // no two of these have a text in common
			r.Instance, r.User = "long", fmt.Sprintf("%0*d", wire.MaxUser, i)
			r.Endpoint, r.Service = fmt.Sprintf("/%0*d", wire.MaxEndpoint-1, i), fmt.Sprintf("%0*d", wire.MaxService, i)
		}
		requests = append(requests, r)
	}
	var wide hist.Histogram
	for k := range int64(3000) {
		wide.RecordN(1+k*k*k*k, 1<<40)
	}
	var results []store.HealthRecord
	for i := range 3000 {
		r := store.HealthRecord{Instance: "many"}
		r.Check, r.Status, r.Reason = fmt.Sprint(g.IntN(3)), health.Status(1+g.IntN(3)), fmt.Sprint(g.IntN(3))
		r.Flapping, r.Critical = g.IntN(2) == 0, g.IntN(2) == 0
		r.From = at + int64(i/1500)
		r.To = r.From + g.Int64N(3)
		for range g.IntN(4) {
			r.Latency.Record(g.Int64N(3))
		}
		if i%2 == 0 { // some kilobytes each
			r.Instance, r.Details = "long", `{"a":"`+strings.Repeat("x", wire.MaxDetails-8)+`"}`
			r.Latency.Merge(&wide)
		}
		results = append(results, r)
	}
	drops := make(map[dropped]uint64)
	for i := range wire.MaxDrops + 10 {
		drops[dropped{fmt.Sprint("service-", i/2), wire.DropReason(i % 2)}] = uint64(i + 1)
	}
	first := cutting(t, g, requests, drops, results)
	if again := cutting(t, g, requests, drops, results); !maps.Equal(again, first) {
		t.Error("in another order the batches are others")
	}
	sizes := make(map[string][]int)
	n, lost, kept := 0, 0, 0
	for id, form := range first {
		var b wire.Batch
		if err := wire.Decode([]byte(form), &b); err != nil {
			t.Fatal(err)
		}
		instance, _, _ := strings.Cut(id, " ")
		sizes[instance] = append(sizes[instance], max(b.Len(), len(b.Drops), len(b.Health)))
		n, lost, kept = n+b.Len(), lost+len(b.Drops), kept+len(b.Health)
	}
	if n != len(requests) || lost != len(drops) || kept != len(results) {
		t.Errorf("%d requests, %d drops, %d results in batches", n, lost, kept)
	}
	for instance, want := range map[string]string{
		"many":           "[476 1024 14464 65536]",
		dropsInstance(5): "[10 1024]",
		"long":           "[80 710 710 8204 11796]",
	} {
		if slices.Sort(sizes[instance]); fmt.Sprint(sizes[instance]) != want {
			t.Errorf("batches of %s: %v, want %s", instance, sizes[instance], want)
		}
	}
}
