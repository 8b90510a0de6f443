package wire

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
	"time"
)

// traffic is a batch of n requests within a second, as a busy service sends
// them: 150 endpoints, 20,000 users, log-normal latencies.
func traffic(n int) *Batch {
	r := rand.New(rand.NewPCG(1, 2))
	methods := []string{"GET", "GET", "GET", "POST", "PUT", "DELETE"}
	pick := rand.NewZipf(r, 1.2, 4, 149)
	user := rand.NewZipf(r, 1.1, 10, 20_000)
	b := NewBuilder()
	for i := range n {
		e := pick.Uint64()
		request := Request{
			Key: Key{"orders", fmt.Sprintf("/api/v1/resource%d/{id}/items", e), methods[e%6], 200},
			// A request is recorded when it ends, so starts go back and forth.
			Start:    1_795_000_000_000 + int64(i)*1000/int64(n),
			Duration: time.Duration(20e6 * math.Exp(0.9*r.NormFloat64())),
			Size:     int64(2000 * math.Exp(r.NormFloat64())),
		}
		request.Start -= request.Duration.Milliseconds()
		request.FirstByte = request.Duration - time.Duration(5000+r.IntN(20_000))
		if r.IntN(50) == 0 {
			request.Status = []int{400, 404, 500, 503}[r.IntN(4)]
		}
		if r.IntN(10) < 7 {
			request.User = fmt.Sprintf("user-%d", user.Uint64())
		}
		b.Add(&request)
	}
	return b.Batch("orders-1", 1)
}

// perEvent reports the time for each of n requests in an operation.
func perEvent(b *testing.B, n int) {
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(n), "ns/event")
}

func BenchmarkAppendBinary(b *testing.B) {
	batch := traffic(8192)
	var data []byte
	b.ReportAllocs()
	for b.Loop() {
		data = batch.AppendBinary(data[:0])
	}
	perEvent(b, batch.Len())
	b.ReportMetric(float64(len(data))/float64(batch.Len()), "B/event")
}

func BenchmarkDecode(b *testing.B) {
	data := traffic(8192).AppendBinary(nil)
	var batch Batch
	b.ReportAllocs()
	for b.Loop() {
		if err := Decode(data, &batch); err != nil {
			b.Fatal(err)
		}
	}
	perEvent(b, batch.Len())
}

func BenchmarkValidate(b *testing.B) {
	batch := traffic(8192)
	for b.Loop() {
		if err := batch.Validate(); err != nil {
			b.Fatal(err)
		}
	}
	perEvent(b, batch.Len())
}

func BenchmarkBuilder(b *testing.B) {
	batch := traffic(8192)
	requests := make([]Request, batch.Len())
	for i := range requests {
		requests[i] = batch.Request(i)
	}
	builder := NewBuilder()
	b.ReportAllocs()
	for b.Loop() {
		builder.Reset()
		for i := range requests {
			builder.Add(&requests[i])
		}
	}
	perEvent(b, batch.Len())
}
