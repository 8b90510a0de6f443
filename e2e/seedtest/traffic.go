package main

import (
	"fmt"
	"math"
	"sort"
	"time"

	"github.com/kymohq/kymo/internal/wire"
)

// endpoint describes how often an endpoint is requested, and how it responds.
type endpoint struct {
	service, method, path string

	share    float64       // of all requests
	median   time.Duration // of its duration,
	spread   float64       // and the deviation of the duration's logarithm
	errors   float64       // share of 5xx
	refused  float64       // share of 4xx
	database bool          // whether it suffers when the database does
	created  bool          // whether it answers 201
}

const ms = time.Millisecond

func endpoints(many int) []endpoint {
	all := []endpoint{
		{"shop", "GET", "/products", 18, 22 * ms, 0.5, 0.0006, 0.001, true, false},
		{"shop", "GET", "/products/{id}", 24, 14 * ms, 0.45, 0.0004, 0.018, true, false},
		{"shop", "GET", "/search", 11, 120 * ms, 0.7, 0.002, 0.004, true, false},
		{"shop", "GET", "/cart", 9, 9 * ms, 0.4, 0.0003, 0.02, false, false},
		{"shop", "POST", "/cart/items", 5, 16 * ms, 0.5, 0.001, 0.03, true, true},
		{"shop", "POST", "/checkout", 2.2, 340 * ms, 0.6, 0.009, 0.02, true, true},
		{"shop", "GET", "/orders/{id}", 3, 18 * ms, 0.5, 0.001, 0.012, true, false},
		{"shop", "GET", "(unmatched)", 0.8, 1 * ms, 0.3, 0, 1, false, false},
		{"accounts", "POST", "/login", 3, 68 * ms, 0.25, 0.0007, 0.11, true, false},
		{"accounts", "POST", "/token/refresh", 6, 4 * ms, 0.3, 0.0002, 0.02, false, false},
		{"accounts", "GET", "/users/{id}", 6, 7 * ms, 0.4, 0.0003, 0.008, true, false},
		{"accounts", "PATCH", "/users/{id}/preferences", 0.7, 21 * ms, 0.4, 0.002, 0.04, true, false},
		{"accounts", "DELETE", "/sessions/{id}", 0.5, 6 * ms, 0.3, 0.0003, 0.01, false, false},
		{"billing", "POST", "/invoices", 0.9, 85 * ms, 0.5, 0.004, 0.01, true, true},
		{"billing", "GET", "/invoices/{id}", 1.4, 24 * ms, 0.5, 0.001, 0.01, true, false},
		{"billing", "POST", "/payments/{id}/capture", 0.8, 610 * ms, 0.5, 0.022, 0.03, false, false},
		{"billing", "POST", "/webhooks/{provider}", 1.1, 11 * ms, 0.5, 0.001, 0.002, false, false},
		{"reports", "GET", "/reports/{id}", 0.25, 2400 * ms, 0.5, 0.012, 0.01, true, false},
		{"reports", "POST", "/exports", 0.12, 900 * ms, 0.8, 0.03, 0.02, true, true},
		{"reports", "GET", "/dashboards/{id}/tiles/{tile}", 1.6, 48 * ms, 0.9, 0.001, 0.004, true, false},
		{"reports", "GET", "/health", 2, 800 * time.Microsecond, 0.2, 0, 0, false, false},
		{"models", "POST", "/v1/recommend", 3.2, 33 * ms, 0.35, 0.0008, 0.001, false, false},
		{"models", "POST", "/v1/fraud/score", 1.1, 58 * ms, 0.3, 0.001, 0.001, false, false},
		{"models", "POST", "/v1/embeddings", 0.4, 210 * ms, 0.4, 0.006, 0.006, false, false},
	}
	kinds := []string{"assets", "brands", "campaigns", "carriers", "coupons", "depots", "returns", "stocks", "stores", "suppliers", "taxes", "vouchers"}
	for i := range many {
		all = append(all, endpoint{
			service: fmt.Sprintf("backoffice-%d", i%2+1), method: []string{"GET", "GET", "PUT", "POST"}[i%4],
			path:  fmt.Sprintf("/%s/{id}/%s-%02d", kinds[i%len(kinds)], []string{"export", "history", "items", "notes", "rules"}[i%5], i/12),
			share: 3.5 / float64(many) * (0.1 + 3*math.Pow(float64(i%97)/97, 4)*2), median: time.Duration(4+i%60) * ms, spread: 0.5,
			errors: []float64{0, 0, 0, 0.001, 0.02}[i%5], refused: 0.01, database: i%2 == 0,
		})
	}
	return all
}

// course is how busy an hour of the day is; 1 on average.
func course(hour float64) float64 {
	return 1 + 0.55*math.Sin((hour-8)*math.Pi/12) + 0.12*math.Sin((hour-2)*math.Pi/4)
}

// trouble is how bad the database is at an instant, from 0 to 1. It is bad for half an
// hour three hours ago, for a few minutes recently, and once some days ago.
func (s *seeder) trouble(at time.Time) float64 {
	ago := s.now.Sub(at).Minutes()
	for _, t := range []struct{ begin, end, how float64 }{{200, 168, 1}, {27, 21, 0.8}, {3800, 3730, 0.7}} {
		if ago < t.begin && ago > t.end {
			return t.how * math.Min(1, math.Min(t.begin-ago, ago-t.end)/3)
		}
	}
	return 0
}

// request returns a random request that starts at an instant.
func (s *seeder) request(at time.Time) *wire.Request {
	i := sort.SearchFloat64s(s.weights, s.random.Float64()*s.weights[len(s.weights)-1])
	return s.requestOf(&s.endpoint[i], at)
}

func (s *seeder) requestOf(e *endpoint, at time.Time) *wire.Request {
	r := s.random
	median, errors := float64(e.median), e.errors
	if e.database {
		bad := s.trouble(at)
		median *= 1 + 7*bad*r.Float64()
		errors += 0.12 * bad
	}
	d := median * math.Exp(e.spread*r.NormFloat64())
	if e.database && r.Float64() < 0.012 {
		d += float64(e.median) + 180e6*math.Exp(0.5*r.NormFloat64()) // a connection that had to be made first
	}
	q := &wire.Request{Key: wire.Key{Service: e.service, Endpoint: e.path, Method: e.method, Status: 200}, Start: at.UnixMilli()}
	switch p := r.Float64(); {
	case p < errors:
		q.Status = []int{500, 503, 503, 502}[r.IntN(4)]
		if q.Status == 503 {
			d += 1500e6
		}
	case p < errors+e.refused:
		q.Status = []int{404, 404, 401, 409, 422}[r.IntN(5)]
		if e.path == wire.Unmatched {
			q.Status = 404
		}
		d *= 0.4
	case p < errors+e.refused+0.001:
		q.Status = wire.ClientClosed
	case e.created:
		q.Status = 201
	case e.method == "DELETE":
		q.Status = 204
	case r.Float64() < 0.05 && e.method == "GET":
		q.Status, d = 304, d*0.5
	}
	q.Duration = time.Duration(d)
	q.FirstByte = time.Duration(d * (0.72 + 0.27*r.Float64()))
	q.Size = int64(600 * math.Exp(1.2*r.NormFloat64()))
	if r.Float64() > 0.22 {
		q.User = fmt.Sprintf("user-%d", int(400*math.Pow(r.Float64(), 3)))
	}
	return q
}

// hostile adds names that would do harm if a page used them as HTML.
func (s *seeder) hostile() {
	for i := range 60 {
		s.builder.Add(&wire.Request{
			Key:  wire.Key{Service: "<b>evil</b>", Endpoint: `/<img src=x onerror="document.title='owned'">`, Method: "GET", Status: 200 + 300*(i%2)},
			User: `<script>document.title="owned"</script>`, Start: s.now.Add(-time.Duration(i) * 5 * time.Second).UnixMilli(),
			Duration: time.Duration(i+1) * ms, FirstByte: ms / 2,
		})
	}
}
