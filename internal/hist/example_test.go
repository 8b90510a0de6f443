package hist_test

import (
	"fmt"
	"time"

	"github.com/kymohq/kymo/internal/hist"
)

func Example() {
	var h hist.Histogram
	for i := range 1000 {
		h.Record(int64(time.Duration(i+1) * time.Millisecond))
	}
	p99 := time.Duration(h.Quantile(0.99)) // exactly 990 ms
	fmt.Println(h.Count(), "requests, the slowest took", time.Duration(h.Max()))
	fmt.Println("99 % took at most", p99.Round(time.Millisecond), "± 0.55 %")
	// Output:
	// 1000 requests, the slowest took 1s
	// 99 % took at most 990ms ± 0.55 %
}

// Two instances of a service send what they measured; the quantile of the
// merged histogram is that of all requests, which no average of the two is.
func ExampleHistogram_MergeBinary() {
	var quick, slow hist.Histogram
	quick.RecordN(10, 900)
	slow.RecordN(2000, 100)

	var all hist.Histogram
	for _, encoded := range [][]byte{quick.AppendBinary(nil), slow.AppendBinary(nil)} {
		if _, err := all.MergeBinary(encoded); err != nil {
			fmt.Println(err)
		}
	}
	fmt.Printf("p50 %.0f, p95 %.0f, mean %.0f\n", all.Quantile(0.5), all.Quantile(0.95), all.Mean())
	// Output:
	// p50 10, p95 1993, mean 209
}

func ExampleHistogram_Buckets() {
	var h hist.Histogram
	h.RecordN(0, 2)
	h.RecordN(100, 3)
	h.Record(1000)
	h.Downscale(0) // one bucket per power of two
	fmt.Println("zero:", h.Zeros())
	for i, n := range h.Buckets() {
		fmt.Printf("above %d to %d: %d\n", 1<<i, 2<<i, n)
	}
	// Output:
	// zero: 2
	// above 64 to 128: 3
	// above 512 to 1024: 1
}
