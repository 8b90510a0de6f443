package e2e

import (
	"slices"
	"sync"
	"syscall"
	"testing"
	"time"
)

// Clients of the service must not notice that the hub is away. Once it is back, it gets
// everything that it missed, once.
func TestAbsence(t *testing.T) {
	for _, test := range []struct {
		name         string
		leave, comes func(*hub)
	}{
		{"stopped", (*hub).stop, (*hub).start},
		// It is frozen until an attempt has timed out, so that a batch comes both
		// in the connection that was given up and again.
		{"frozen", func(h *hub) { h.signal(syscall.SIGSTOP) }, func(h *hub) { h.signal(syscall.SIGCONT) }},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			r := random(t)
			h := startHub(t, t.TempDir())
			s := newService(t, "orders", h.url)
			stop := make(chan struct{})
			var clients sync.WaitGroup
			for range 3 {
				mine := split(r)
				clients.Go(func() { s.use(mine, 5*time.Millisecond, stop) })
			}
			shipped := func(n uint64) func() bool {
				return func() bool { return s.monitor.Stats().Shipped >= n }
			}
			eventually(t, time.Minute, "the hub has something", shipped(200))

			test.leave(h)
			before := s.monitor.Stats()
			eventually(t, time.Minute, "the service goes on, and the SDK notices that the hub is away", func() bool {
				stats := s.monitor.Stats()
				return stats.LastError != "" && stats.Recorded >= before.Recorded+1000
			})
			away := s.monitor.Stats()
			if away.Pending == 0 || away.Shipped > before.Shipped+before.Pending {
				t.Errorf("before: %+v\nwhile the hub is away: %+v", before, away)
			}
			test.comes(h)
			eventually(t, 60*time.Second, "the hub has what it missed, and more", shipped(away.Recorded+200))
			close(stop)
			clients.Wait()
			s.mustClose()

			if s.longest > time.Second {
				t.Errorf("a client waited for %v", s.longest)
			}
			slices.Sort(s.overhead)
			if n := len(s.overhead); s.overhead[n/2] > 5*time.Millisecond || s.overhead[n-1] > time.Second {
				t.Errorf("the middleware took %v in the median and %v at most", s.overhead[n/2], s.overhead[n-1])
			}
			checkCounts(t, h, "once it is back", s.counts())
			h.stop()
			h.start()
			checkCounts(t, h, "after another start", s.counts())
		})
	}
}
