package probe

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/kymohq/kymo/health"
)

// oneConnection stands for what a probe keeps.
type oneConnection struct {
	made time.Time
	n    int // how many were made
}

func (c *oneConnection) oldest() time.Time { return c.made }
func (c *oneConnection) drop()             { c.made = time.Time{} }
func (c *oneConnection) close()            { c.drop() }

func (c *oneConnection) use() {
	if c.made.IsZero() {
		c.made = time.Now()
		c.n++
	}
}

func TestFreshConnections(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &oneConnection{}
		var verdict error
		run := fresh(c, func(context.Context) (health.Details, error) { c.use(); return nil, verdict })
		after := func(want int, why string) {
			t.Helper()
			if _, err := run(t.Context()); !errors.Is(err, verdict) {
				t.Errorf("%s: the verdict is %v, want %v", why, err, verdict)
			}
			if c.n != want {
				t.Errorf("%s: %d connections were made, want %d", why, c.n, want)
			}
		}
		for range 6 { // at 0 s to 50 s
			after(1, "a healthy one is kept")
			time.Sleep(10 * time.Second)
		}
		after(2, "it is a minute old")
		after(2, "the next one is kept")
		verdict = health.Degradedf("slow")
		after(2, "its verdict comes after it was made")
		verdict = nil
		after(3, "the verdict was not healthy")
	})
}
