package core

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/kymohq/kymo/health"
	"github.com/kymohq/kymo/hub/internal/config"
	"github.com/kymohq/kymo/hub/internal/store"
)

// ownCheck is a check of the hub itself. None is critical: trouble of the hub does not
// mean trouble of what it checks.
type ownCheck struct {
	plain string // its name, unless the configuration uses it
	name  string // the name under which it runs
	probe health.Probe
	rules []health.Option
}

// checkStore makes a check of the store, which may be unreachable, full or damaged.
// Senders keep what it cannot take.
func (c *checks) checkStore(st store.Checker) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	remote, _ := st.(store.Remote)
	// A store that is no server knows its state without asking, so every run counts.
	rules := []health.Option{health.Every(time.Second), health.Thresholds(1, 1)}
	if remote != nil {
		rules = []health.Option{health.Every(5 * time.Second), health.Timeout(2 * time.Second)}
	}
	return c.startOwn(&ownCheck{
		plain: config.StoreCheck,
		probe: health.Probe{Kind: "store", Run: func(ctx context.Context) (health.Details, error) {
			var details health.Details
			if remote != nil {
				details = health.Details{"waiting": remote.Waiting()}
			}
			return details, st.Check(ctx)
		}},
		rules: rules,
	})
}

// startOwn starts a check of the hub itself under its plain name, or under another if
// the configuration uses that. A discovered service of that name is renamed.
func (c *checks) startOwn(o *ownCheck) error {
	if o.name = o.plain; c.configured[o.name] != nil {
		o.name = config.OtherName(o.plain)
	}
	c.own[o.plain] = o
	c.followAgain()
	c.history.services.Delete(o.name)
	err := c.registry.Register(o.name, o.probe, append(slices.Clip(o.rules), c.resume(o.name))...)
	if err != nil {
		delete(c.own, o.plain)
		c.followAgain()
	}
	return err
}

// warn starts a check of the hub itself that is degraded, until calm ends it.
func (c *checks) warn(plain string, reason error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.endOwn(plain)
	err := c.startOwn(&ownCheck{
		plain: plain,
		probe: health.Probe{Kind: plain, Local: true, Run: func(context.Context) (health.Details, error) {
			return nil, health.Degradedf("%w", reason)
		}},
		rules: []health.Option{health.Every(time.Second), health.Thresholds(1, 1)},
	})
	if err != nil && !errors.Is(err, health.ErrClosed) {
		c.Logger.Warn("not shown in the health", "check", plain, "reason", reason, "error", err)
	}
}

func (c *checks) calm(plain string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.endOwn(plain)
}

func (c *checks) endOwn(name string) {
	if o := c.own[name]; o != nil {
		delete(c.own, name)
		c.end(o.name, "")
		c.followAgain()
	}
}
