package core

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	"github.com/kymohq/kymo/hub/internal/config"
	"github.com/kymohq/kymo/hub/internal/store/pebblestore"
	"github.com/kymohq/kymo/internal/wire"
)

// BenchmarkIngest is events over HTTP, durable before the answer.
func BenchmarkIngest(b *testing.B) {
	for _, size := range []int{8192, 100} {
		for _, clients := range []int{1, 4, 100} {
			b.Run(fmt.Sprintf("%d/%d", size, clients), func(b *testing.B) { benchmarkIngest(b, size, clients) })
		}
	}
}

func benchmarkIngest(b *testing.B, size, clients int) {
	st, err := pebblestore.Open(b.TempDir(), pebblestore.Options{})
	if err != nil {
		b.Fatal(err)
	}
	h, err := New(st, config.Default(), Options{Logger: quiet})
	if err != nil {
		b.Fatal(err)
	}
	server := httptest.NewServer(h)
	defer server.Close()
	defer h.Close(b.Context())
	transport := &http.Transport{MaxIdleConnsPerHost: clients}
	defer transport.CloseIdleConnections()
	client := http.Client{Transport: transport}

	var sequence atomic.Uint64
	b.SetParallelism(max(clients/2, 1)) // times the two cores
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		builder := wire.NewBuilder()
		start := time.Now().Add(-time.Hour).UnixMilli()
		for i := range size {
			builder.Add(&wire.Request{
				Key:  wire.Key{Service: "web", Endpoint: fmt.Sprintf("/api/v1/resource%d/{id}", i*i%150), Method: "GET", Status: 200},
				User: fmt.Sprint("user-", i*31%2000), Start: start + int64(i/10),
				Duration: time.Duration(1e6 + i*7919%90_000_000), FirstByte: 1e5, Size: int64(i % 9000),
			})
		}
		var data []byte
		for pb.Next() {
			// The identity is what differs; encoding anew is the client's cost, and small.
			n := sequence.Add(1)
			data = builder.Batch("bench", n).AppendBinary(data[:0])
			w, err := client.Post(server.URL+"/api/v1/batches", wire.ContentType, bytes.NewReader(data))
			if err != nil {
				b.Error(err)
				return
			}
			if _, err := io.Copy(io.Discard, w.Body); err != nil || w.StatusCode != http.StatusAccepted {
				b.Error(w.Status, err)
			}
			w.Body.Close()
		}
	})
	b.ReportMetric(float64(size)*float64(b.N)/b.Elapsed().Seconds(), "events/s")
}
