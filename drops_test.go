package kymo

import (
	"context"
	"fmt"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/kymohq/kymo/internal/wire"
)

func sumOf(drops []wire.Drop) (n uint64) {
	for _, d := range drops {
		n += d.Count
	}
	return n
}

func TestDropsRememberWhenAndWhy(t *testing.T) {
	d := drops{service: "test"}
	base := time.Date(2026, 1, 1, 0, 0, 3, 0, time.UTC)
	d.add(base, wire.BufferFull, 0)
	d.add(base, wire.BufferFull, 1)
	d.add(base.Add(time.Second), wire.BufferFull, 2)
	d.add(base.Add(time.Second), wire.QueueFull, 8)
	d.add(base.Add(10*time.Second), wire.BufferFull, 4)
	at := base.UnixMilli() - 3000
	want := []wire.Drop{
		{Service: "test", At: at, Count: 3, Reason: wire.BufferFull}, {Service: "test", At: at, Count: 8, Reason: wire.QueueFull},
		{Service: "test", At: at + 10_000, Count: 4, Reason: wire.BufferFull},
	}
	taken := d.take()
	if !slices.Equal(taken, want) || d.take() != nil {
		t.Errorf("got %+v", taken)
	}
	d.restore(taken)
	if again := d.take(); !slices.Equal(again, want) {
		t.Errorf("restored: %+v", again)
	}
}

// In a long outage drops are counted at longer spans of time, and each in the one it
// belongs to.
func TestDropsOfALongOutage(t *testing.T) {
	begin := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		outage, width time.Duration
	}{
		{5 * time.Minute, 10 * time.Second}, {20 * time.Minute, time.Minute}, {5 * time.Hour, 10 * time.Minute}, {24 * time.Hour, time.Hour}, {7 * 24 * time.Hour, 6 * time.Hour}, {30 * 24 * time.Hour, 24 * time.Hour},
	} {
		d := drops{service: "test"}
		want := make(map[int64]uint64)
		n := uint64(0)
		for at := begin; at.Before(begin.Add(c.outage)); at = at.Add(10 * time.Second) {
			d.add(at, wire.QueueFull, 2)
			d.add(at, wire.BufferFull, 1)
			want[at.Truncate(c.width).UnixMilli()] += 3
			n += 3
		}
		got := make(map[int64]uint64)
		taken := d.take()
		for _, s := range taken {
			got[s.At] += s.Count
		}
		if len(taken) > maxDropSpans || sumOf(taken) != n || len(got) != len(want) {
			t.Fatalf("an outage of %s: %d drops of %d in %d spans", c.outage, sumOf(taken), n, len(taken))
		}
		for at, n := range want {
			if got[at] != n {
				t.Errorf("an outage of %s: %d drops at %s, want %d", c.outage, got[at], time.UnixMilli(at).UTC(), n)
			}
		}
		d.add(begin, wire.QueueFull, 1)
		d.add(begin.Add(10*time.Second), wire.QueueFull, 1)
		if taken := d.take(); len(taken) != 2 {
			t.Errorf("after it there are %d spans, want one for each 10 s", len(taken))
		}
	}
	d := drops{service: "test"}
	for day := range 200 {
		d.add(begin.Add(time.Duration(day)*24*time.Hour), wire.QueueFull, 1)
	}
	if taken := d.take(); len(taken) != maxDropSpans || sumOf(taken) != 200 {
		t.Errorf("%d spans, %d drops of 200 days", len(taken), sumOf(taken))
	}
}

// A hub of an earlier version rejects batches that have reasons: no request is lost, and
// the counts are sent again, without reasons for an hour.
func TestReasonsAreLeftOutForOldHubs(t *testing.T) {
	bubble(t, func(t *testing.T) {
		sink := new(memory)
		var (
			old     atomic.Bool
			refused atomic.Int32
		)
		m, _ := monitor(t, WithVersion("1.4.2"), WithSink(sinkFunc(func(ctx context.Context, data []byte) error {
			if old.Load() && data[4] > 3 {
				refused.Add(1)
				return fmt.Errorf("version %d: %w", data[4], ErrRejected)
			}
			return sink.Ship(ctx, data)
		})))
		h := m.Middleware(nothing)
		total := uint64(0)
		for i, c := range []struct {
			old     bool
			after   time.Duration
			refused int32 // in total
			reason  wire.DropReason
		}{
			{true, 0, 1, wire.UnknownReason}, // rejected, and then sent without
			{true, time.Minute, 1, wire.UnknownReason},
			{true, time.Hour, 2, wire.UnknownReason},
			{false, time.Minute, 2, wire.UnknownReason}, // the hub was upgraded
			{false, time.Hour, 2, wire.BufferFull},
		} {
			time.Sleep(c.after)
			old.Store(c.old)
			m.shipper.sender.drops.add(time.Now(), wire.BufferFull, 5)
			total += 5
			for range 3 {
				do(h, "GET", "/")
				time.Sleep(maxBackoff)
				synctest.Wait()
			}
			told := sink.told()
			if refused.Load() != c.refused || sink.dropped() != total || told[len(told)-1].Reason != c.reason {
				t.Errorf("%d: %d batches refused, told %+v", i, refused.Load(), told)
			}
		}
		closeMonitor(t, m)
		balanced(t, m, 15, 15, 0)
	})
}
