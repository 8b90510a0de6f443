package middleware

import (
	"fmt"
	"net/http"
	"runtime"
	"strconv"

	"github.com/kymohq/kymo/bench/internal/dataset"
	"github.com/kymohq/kymo/bench/internal/table"
)

const (
	heapRequests = 1_000_000
	heapSamples  = 20
)

// AddHeap adds what each monitor keeps on the heap of the service that it
// watches, as the service has 150 routes and a million requests.
func AddHeap(t *table.Table) error {
	for _, c := range contenders {
		peak, err := heap(c)
		if err != nil {
			return fmt.Errorf("%s: %w", c.name, err)
		}
		t.Add("live heap in the service, "+c.name, table.Number(heapRequests, 0), table.Number(float64(peak)/1e6, 2))
	}
	t.Notef("live heap: the most seen at %d forced collections during %s requests over %d routes, less that before the monitor was made",
		heapSamples, table.Number(heapRequests, 0), dataset.Endpoints)
	return nil
}

func heap(c contender) (int64, error) {
	mux := http.NewServeMux()
	handler := c.handler
	if handler == nil {
		handler = hello
	}
	requests := make([]*http.Request, dataset.Endpoints)
	for i := range requests {
		route := "/resource" + strconv.Itoa(i) + "/"
		mux.HandleFunc("GET "+route+"{id}", handler)
		var err error
		if requests[i], err = http.NewRequest(http.MethodGet, route+"4711", nil); err != nil {
			return 0, err
		}
	}
	w := &discard{header: make(http.Header)}
	before := liveHeap()
	watched := c.wrap(mux)
	peak := int64(0)
	for range heapSamples {
		for i := range heapRequests / heapSamples {
			r := requests[i%len(requests)]
			clear(w.header)
			r.Pattern = ""
			watched.handler.ServeHTTP(w, r)
		}
		peak = max(peak, liveHeap()-before)
	}
	watched.stop()
	runtime.KeepAlive(mux)
	runtime.KeepAlive(requests)
	return peak, nil
}

func liveHeap() int64 {
	runtime.GC()
	runtime.GC() // the second empties what sync.Pool kept through the first
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}
