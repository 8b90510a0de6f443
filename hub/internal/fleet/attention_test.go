package fleet

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/kymohq/kymo/health"
	"github.com/kymohq/kymo/internal/wire"
)

// While the hub is suspended, services are not silent: what they sent did not arrive.
func TestASuspendedHubHearsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := New(Limits{}, time.Now)
		expected := f.Probe("expected", 15*time.Second, 30*time.Second, time.Now())
		billing := f.Probe("billing", 15*time.Second, 30*time.Second, time.Time{})
		run := func(p health.Probe) health.Status {
			_, err := p.Run(t.Context())
			return health.StatusOf(err)
		}
		beat := func(instance string) {
			f.Observe(&wire.Batch{Instance: instance, Kind: wire.Present, Health: []wire.HealthResult{{Service: "billing", Status: health.Healthy}}}, time.Now())
		}
		awake := func(d time.Duration) {
			for range d / time.Second {
				f.Look()
				time.Sleep(time.Second)
			}
		}
		beat("a")
		awake(10 * time.Second)
		time.Sleep(70 * time.Second)
		// The first question comes before the first look.
		if s := run(billing); s != health.Healthy {
			t.Errorf("silent for 10 s beside the pause: %v", s)
		}
		awake(4 * time.Second)
		if s := run(billing); s != health.Healthy {
			t.Errorf("silent for 14 s beside the pause: %v", s)
		}
		awake(3 * time.Second)
		if s := run(billing); s != health.Unknown {
			t.Errorf("silent for 17 s beside the pause: %v", s)
		}
		if s := run(expected); s != health.Unknown {
			t.Errorf("one that was never heard of for 17 s beside the pause: %v", s)
		}
		awake(18 * time.Second)
		if s := run(billing); s != health.Down {
			t.Errorf("silent for 35 s beside the pause: %v", s)
		}
		if s := run(expected); s != health.Down {
			t.Errorf("one that was never heard of for 35 s beside the pause: %v", s)
		}
		// What was down before a pause is down after it.
		time.Sleep(time.Minute)
		if s := run(billing); s != health.Down {
			t.Errorf("down before the second pause, and after it: %v", s)
		}
		// A pause of many minutes forgets no instance.
		beat("a")
		beat("b")
		awake(2 * time.Second)
		time.Sleep(time.Hour)
		beat("a")
		if s := run(billing); s != health.Healthy {
			t.Errorf("one of two heard of after an hour's pause: %v", s)
		}
		awake(20 * time.Second)
		beat("a")
		if s := run(billing); s != health.Degraded {
			t.Errorf("one of two still silent: %v", s)
		}
	})
}
