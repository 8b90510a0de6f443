package kymo

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/kymohq/kymo/internal/wire"
)

func TestShipsEverySecond(t *testing.T) {
	bubble(t, func(t *testing.T) {
		m, sink := monitor(t)
		h := m.Middleware(nothing)
		do(h, "GET", "/")
		balanced(t, m, 1, 0, 0)
		time.Sleep(collectEvery)
		synctest.Wait()
		balanced(t, m, 1, 1, 0)
		do(h, "GET", "/")
		time.Sleep(collectEvery)
		synctest.Wait()
		balanced(t, m, 2, 2, 0)
		if fmt.Sprint(sink.order) != "[1 2]" || m.Stats().Batches != 2 {
			t.Errorf("sequences %v", sink.order)
		}
		time.Sleep(time.Minute)
		synctest.Wait()
		if n := sink.tried(); n != 2 {
			t.Errorf("%d attempts without requests", n)
		}
	})
}

func TestHalfFullBufferDoesNotWaitForTheSecond(t *testing.T) {
	bubble(t, func(t *testing.T) {
		m, sink := monitor(t)
		began := time.Now()
		h := m.Middleware(nothing)
		for range 3 * maxBatch {
			do(h, "GET", "/")
			synctest.Wait()
		}
		if time.Since(began) != 0 || len(sink.kept()) < maxBatch || len(sink.kept())%maxBatch != 0 {
			t.Errorf("%d kept after %v", len(sink.kept()), time.Since(began))
		}
		closeMonitor(t, m)
		balanced(t, m, 3*maxBatch, 3*maxBatch, 0)
	})
}

func TestHalfFullTextWakesTheCollector(t *testing.T) {
	bubble(t, func(t *testing.T) {
		m, _ := monitor(t)
		user := strings.Repeat("u", wire.MaxUser)
		h := m.Middleware(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { SetUser(w, user) }))
		for range bufferedRecords {
			do(h, "GET", "/")
			synctest.Wait()
		}
		closeMonitor(t, m)
		balanced(t, m, bufferedRecords, bufferedRecords, 0)
	})
}

func TestFullBufferDropsAndTells(t *testing.T) {
	for name, user := range map[string]string{"records": "", "text": strings.Repeat("u", wire.MaxUser)} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				m, sink := monitor(t)
				synctest.Wait()
				// Nothing in this bubble waits between the requests, but the collector
				// may run beside them: how many are dropped is not certain.
				small := func() buffer { return buffer{records: make([]record, 10), text: make([]byte, 0, 10*wire.MaxUser-1)} }
				for i := range m.recorder.shards {
					m.recorder.shards[i].take(small())
				}
				for range 15 {
					rec := record{total: 1, first: 1, pattern: "/", method: 1, status: 200}
					if m.recorder.shards[0].put(&rec, user, "", "") {
						m.recorder.signal()
					}
				}
				closeMonitor(t, m)
				s := m.Stats()
				other := func(d wire.Drop) bool { return d.Reason != wire.BufferFull }
				if s.Recorded != 15 || s.Dropped > 6 || s.Pending != 0 || sink.dropped() != s.Dropped || uint64(len(sink.kept())) != s.Shipped || slices.ContainsFunc(sink.told(), other) {
					t.Errorf("%d kept, drops %+v, stats %+v", len(sink.kept()), sink.told(), s)
				}
			})
		})
	}
}
