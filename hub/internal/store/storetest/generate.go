package storetest

import (
	"fmt"
	"math"
	"math/rand/v2"
	"time"

	"github.com/kymohq/kymo/hub/internal/rollup"
	"github.com/kymohq/kymo/hub/internal/store"
	"github.com/kymohq/kymo/internal/wire"
)

// Noon is the instant that generated requests lie around: now, so that engines
// which drop what is too old keep them, on the hour.
var Noon = time.Now().UTC().Truncate(time.Hour).UnixMilli()

const (
	second = int64(1000)
	minute = 60 * second
	hour   = 60 * minute
	day    = 24 * hour
)

var always = rollup.Window{From: 0, To: math.MaxInt64 / 2}

// Queries for everything.
var (
	all         = store.RollupQuery{Window: always}
	allRequests = store.RequestQuery{Window: always}
	allHealth   = store.HealthQuery{Window: always}
)

// generator makes batches from a seed.
type generator struct {
	*rand.Rand
	sequence map[string]uint64
}

func newGenerator(seed uint64) *generator {
	return &generator{rand.New(rand.NewPCG(seed, 7)), make(map[string]uint64)}
}

// batch makes a batch of n requests of an instance; start gives their starts.
func (g *generator) batch(instance string, n int, start func() int64) *wire.Batch {
	b := wire.NewBuilder()
	for range n {
		r := g.request(start())
		b.Add(&r)
	}
	g.sequence[instance]++
	return b.Batch(instance, g.sequence[instance])
}

func (g *generator) request(start int64) wire.Request {
	duration := time.Duration(math.Exp(15 + 3*g.NormFloat64()))
	r := wire.Request{
		Key: wire.Key{
			Service:  fmt.Sprintf("service-%d", g.IntN(3)),
			Endpoint: fmt.Sprintf("/endpoint/%d/{id}", g.IntN(12)),
			Method:   []string{"GET", "POST", wire.MethodOther}[g.IntN(3)],
			Status:   []int{200, 200, 200, 201, 304, 404, wire.ClientClosed, 500, 503}[g.IntN(9)],
		},
		Start:    start,
		Duration: min(duration, wire.MaxDuration),
		Size:     int64(g.ExpFloat64() * 5000),
	}
	if g.IntN(3) > 0 {
		r.User = fmt.Sprintf("user-%d", g.IntN(40))
	}
	if g.IntN(2) == 0 {
		r.FirstByte = time.Duration(g.Int64N(int64(r.Duration) + 1))
	}
	if g.IntN(20) == 0 {
		r.FirstByte, r.Lifetime = r.Duration, r.Duration+time.Duration(g.Int64N(1e12))
	}
	if r.Status >= 500 {
		r.Error = fmt.Sprintf("class-%d", g.IntN(3))
	}
	if g.IntN(8) == 0 {
		r.Process = wire.Process{Instance: []string{"", "web-1", "web-2"}[g.IntN(3)], Version: []string{"", "1.4.2"}[g.IntN(2)]}
	}
	if g.IntN(8) == 0 {
		r.Trace = wire.TraceID{byte(g.IntN(256)), 15: byte(g.IntN(256))}
	}
	return r
}

// around gives starts within the distance of an instant.
func (g *generator) around(instant, distance int64) func() int64 {
	return func() int64 { return instant + g.Int64N(2*distance+1) - distance }
}
