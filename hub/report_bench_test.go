package hub

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/kymohq/kymo/internal/wire"
)

// BenchmarkEndpointsReport answers a report of 450 endpoints over 168 hours in each coding.
func BenchmarkEndpointsReport(b *testing.B) {
	const endpoints, hours = 450, 168
	h, err := Open(b.TempDir(), Config{Logger: quiet})
	if err != nil {
		b.Fatal(err)
	}
	defer h.Close(context.Background())
	now, random := time.Now(), rand.New(rand.NewPCG(1, 2))
	for hour := range hours {
		batch := wire.NewBuilder()
		for i := range endpoints {
			for range 5 {
				batch.Add(&wire.Request{
					Key:      wire.Key{Service: fmt.Sprint("service-", i%9), Endpoint: fmt.Sprintf("/api/v1/resource-%d/{id}", i), Method: "GET", Status: 200},
					Start:    now.Add(-time.Duration(hour)*time.Hour - time.Minute).UnixMilli(),
					Duration: time.Duration(math.Exp(random.NormFloat64()) * 1e7),
				})
			}
		}
		if err := h.Ship(context.Background(), batch.Batch("bench", uint64(hour+1)).AppendBinary(nil)); err != nil {
			b.Fatal(err)
		}
	}
	for _, coding := range []string{"identity", "gzip", "zstd"} {
		b.Run(coding, func(b *testing.B) {
			r := httptest.NewRequest(http.MethodGet, "http://localhost/metrics/endpoints?hours=168", nil)
			r.Header.Set("Accept-Encoding", coding)
			for b.Loop() {
				w := httptest.NewRecorder()
				h.ServeHTTP(w, r)
				if w.Code != http.StatusOK {
					b.Fatal(w.Code, w.Body)
				}
				b.ReportMetric(float64(w.Body.Len()), "B/answer")
			}
		})
	}
}
