package e2e

import (
	"fmt"
	"testing"
	"time"
)

// keepsMaintenance checks that a store keeps maintenance windows: a hub without them shows
// what was in force when another had them, and leaves it out of the uptime.
func keepsMaintenance(t *testing.T, store string) {
	t.Helper()
	const check = `checks: [{name: till, type: tcp, url: "tcp://127.0.0.1:9", interval: 1s, failures: 1}]`
	// A zone that is never UTC.
	tokyo := time.FixedZone("", 9*60*60)
	from := time.Now().Add(-time.Minute).Truncate(time.Second).In(tokyo)
	window := fmt.Sprintf(`maintenance: [{name: stocktaking, where: {check: till}, from: %q, for: 10h, zone: Asia/Tokyo}]`, from.Format("2006-01-02 15:04:05"))
	type history struct {
		Uptime      *float64 `json:"uptime_percent"`
		Checks      int
		Maintenance []struct {
			Name     string
			From, To int64
		}
	}
	h := startHub(t, store, "--config", configuration(t, check, window))
	var found history
	eventually(t, time.Minute, "the window is in the history", func() bool {
		h.get("/api/v1/health/history?name=till&hours=1", &found)
		return found.Checks > 0 && len(found.Maintenance) > 0
	})
	if found.Uptime != nil {
		t.Errorf("it was up for %v %% of the time outside of the window, of which nothing is known", *found.Uptime)
	}
	h.stop()
	stopped := time.Now().UnixMilli()
	h = startHub(t, store, "--config", configuration(t, check))
	h.get("/api/v1/health/history?name=till&hours=1", &found)
	h.stop()
	if m := found.Maintenance; len(m) != 1 || m[0].Name != "stocktaking" || m[0].From != from.UnixMilli() || m[0].To < from.UnixMilli()+60_000 || m[0].To > stopped {
		t.Errorf("a hub without the window has %+v; want it from %d to before %d", m, from.UnixMilli(), stopped)
	}
}

func TestMaintenanceIsKept(t *testing.T) { keepsMaintenance(t, t.TempDir()) }
