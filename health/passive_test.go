package health

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestPassive(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var r Registry
		d := &dependency{}
		traffic := new(Traffic)
		register(t, &r, "payments", d.probe(), Every(time.Second), Passive(traffic), DegradedOver(100*time.Millisecond))
		until(t, &r, Healthy, 2*time.Second)
		if only(t, &r).Passive {
			t.Error("passive without traffic")
		}
		runs := d.runs.Load()
		for range 100 {
			traffic.Observe(20*time.Millisecond, nil)
			time.Sleep(100 * time.Millisecond)
		}
		if n := d.runs.Load() - runs; n > 1 {
			t.Errorf("%d runs while calls were made", n)
		}
		if c := only(t, &r); !c.Passive || c.Latency != 20*time.Millisecond || c.Status != Healthy {
			t.Errorf("got %+v", c)
		}
		for range 100 {
			traffic.Observe(200*time.Millisecond, nil)
			time.Sleep(100 * time.Millisecond)
		}
		if c := only(t, &r); c.Status != Degraded || c.Reason != "took 200 ms, over 100 ms" {
			t.Errorf("slow calls: %+v", c)
		}
		for range 100 {
			traffic.Observe(time.Millisecond, errGone)
			time.Sleep(100 * time.Millisecond)
		}
		if c := only(t, &r); c.Status != Down || !strings.Contains(c.Reason, "connection refused") {
			t.Errorf("failing calls: %+v", c)
		}
		time.Sleep(10 * time.Second) // idle: the probe is asked, and it is well
		if c := only(t, &r); c.Status != Healthy || c.Passive {
			t.Errorf("idle: %+v", c)
		}
		closeRegistry(t, &r)
	})
}
