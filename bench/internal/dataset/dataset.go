// Package dataset makes the requests that every contender is given: N of them,
// spread evenly and in order over a window, on 150 endpoints whose popularity
// follows Zipf's law, with log-normal durations and 20,000 users. The same
// configuration gives the same requests.
package dataset

import (
	"fmt"
	"iter"
	"math"
	"math/rand/v2"
	"time"
)

const (
	Endpoints = 150
	users     = 20_000
)

// Event is one request.
type Event struct {
	Start    int64 // Unix milliseconds
	Endpoint string
	Method   string
	Duration int64 // nanoseconds
	Status   int
	User     string // empty if unknown
}

// Config sets which requests are made.
type Config struct {
	N    int
	End  time.Time     // the end of the window, which the last request's start lies before
	Span time.Duration // the window's length
	Seed uint64
}

type endpoint struct {
	path, method    string
	mu, sigma, fail float64 // log-normal duration in ms, share of failed requests
}

// Events yields the requests in the order of their starts. An event is valid
// until the next is asked for.
func (c Config) Events() iter.Seq[*Event] {
	return func(yield func(*Event) bool) {
		r := rand.New(rand.NewPCG(c.Seed, 2))
		table := endpoints(r)
		pick := rand.NewZipf(r, 1.2, 4, Endpoints-1)
		user := rand.NewZipf(r, 1.1, 10, users)
		names := make([]string, users+1)
		for i := range names {
			names[i] = fmt.Sprintf("user-%d", i)
		}
		failures := []int{400, 404, 500, 503}
		span := c.Span.Milliseconds()
		begin := c.End.UnixMilli() - span

		var e Event
		for i := range c.N {
			p := &table[pick.Uint64()]
			ms := math.Exp(p.mu + p.sigma*r.NormFloat64())
			e = Event{Endpoint: p.path, Method: p.method, Duration: int64(ms * 1e6), Status: 200}
			if r.Float64() < p.fail {
				e.Status = failures[r.IntN(len(failures))]
			}
			if r.Float64() < 0.7 {
				e.User = names[user.Uint64()]
			}
			e.Start = begin + int64(float64(i)/float64(c.N)*float64(span))
			if !yield(&e) {
				return
			}
		}
	}
}

func endpoints(r *rand.Rand) []endpoint {
	methods := []string{"GET", "GET", "GET", "POST", "PUT", "DELETE"}
	table := make([]endpoint, Endpoints)
	for i := range table {
		table[i] = endpoint{
			path:   fmt.Sprintf("/api/v1/resource%d/{id}/items", i),
			method: methods[i%len(methods)],
			mu:     math.Log(2 + 60*r.Float64()),
			sigma:  0.5 + 0.8*r.Float64(),
			fail:   0.002 + 0.03*r.Float64()*r.Float64(),
		}
	}
	return table
}
