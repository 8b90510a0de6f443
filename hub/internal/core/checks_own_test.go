package core

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/kymohq/kymo/health"
	"github.com/kymohq/kymo/hub/internal/config"
	"github.com/kymohq/kymo/hub/internal/store/storetest"
)

// distant is a store that may be unreachable.
type distant struct {
	*storetest.Oracle
	away atomic.Bool
}

func (d *distant) Waiting() int { return 3 }

func (d *distant) Check(context.Context) error {
	if d.away.Load() {
		return errors.New("connection refused")
	}
	return nil
}

// An unreachable store is reported, is not critical, and gives way to a configured check
// of the same name.
func TestStoreIsChecked(t *testing.T) {
	for _, test := range []struct {
		want   string
		checks []config.Check
	}{
		{"store", nil},
		{"kymo-store", []config.Check{check("store", disk, 0)}},
	} {
		synctest.Test(t, func(t *testing.T) {
			st := &distant{Oracle: storetest.NewOracle()}
			h := open(t, st, setup{now: time.Now, checks: test.checks})
			time.Sleep(11 * time.Second)
			if c, ok := state(h, test.want); !ok || c.Status != health.Healthy || string(c.Details) != `{"waiting":3}` {
				t.Errorf("%s is %+v", test.want, c)
			}
			st.away.Store(true)
			time.Sleep(20 * time.Second)
			c, _ := state(h, test.want)
			if c.Status != health.Down || !strings.Contains(c.Reason, "connection refused") || c.Critical {
				t.Errorf("away, it is %+v", c)
			}
			if r := h.Health(); r.Status != health.Degraded {
				t.Errorf("all is %v", r.Status)
			}
			closeHub(t, h)
		})
	}
}
