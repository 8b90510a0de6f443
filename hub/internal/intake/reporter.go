package intake

import (
	"context"
	"crypto/rand"
	"fmt"
	"sync"
	"time"

	"github.com/kymohq/kymo/health"
	"github.com/kymohq/kymo/hub/internal/ingest"
	"github.com/kymohq/kymo/internal/wire"
)

// A reporter is a process that sends heartbeats in JSON. An SDK sends the present status of its
// checks as heartbeats and what they found in batches, which are kept; of a reporter the hub
// makes both from the same message.
type reporter struct {
	mu       sync.Mutex
	log      *wire.HealthLog
	before   map[string]health.Status // of its checks
	instance string                   // of its batches, distinct for each run of the hub
	sequence uint64
	failed   *wire.Batch // that could not be appended, and is appended first
	last     time.Time
}

// reporters are those of all processes.
type reporters struct {
	mu  sync.Mutex
	all map[reporterKey]*reporter
}

type reporterKey struct{ service, instance string }

const (
	// heartbeatInterval is taken for how often a heartbeat comes: what one says holds until
	// the next, unless more than twice that and a little passes, as until a service counts as
	// silent.
	heartbeatInterval = 12 * time.Second
	// reporterExpiry is after how much silence a process is forgotten.
	reporterExpiry = 10 * time.Minute
	maxReporters   = 10_000
)

// of returns the reporter of a process. It returns nil if there are too many.
func (p *reporters) of(h *ingest.Heartbeat, now time.Time) *reporter {
	key := reporterKey{h.Service, h.Instance}
	p.mu.Lock()
	defer p.mu.Unlock()
	if one := p.all[key]; one != nil {
		one.last = now
		return one
	}
	if len(p.all) >= maxReporters {
		for k, one := range p.all {
			if now.Sub(one.last) > reporterExpiry {
				delete(p.all, k)
			}
		}
		if len(p.all) >= maxReporters {
			return nil
		}
	}
	if p.all == nil {
		p.all = make(map[reporterKey]*reporter)
	}
	one := &reporter{log: wire.NewHealthLog(h.Service), before: make(map[string]health.Status), instance: h.Instance + "-" + rand.Text()[:12], last: now}
	p.all[key] = one
	return one
}

func (p *reporters) forget(h *ingest.Heartbeat) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.all, reporterKey{h.Service, h.Instance})
}

// Heartbeat passes a heartbeat on, and keeps what its checks found. Errors are those of Batch.
func (in *Intake) Heartbeat(ctx context.Context, h *ingest.Heartbeat) error {
	now := in.clock.Now()
	b := present(h, now)
	b.Clean()
	err := b.Validate()
	if err == nil {
		err = in.admitHealth(b)
	}
	if err != nil {
		return in.Refuse(h.Service, err)
	}
	in.Counters.Heartbeats.Add(1)
	in.heartbeats.publish(b, now)
	p := in.reporters.of(h, now)
	if p == nil {
		return nil
	}
	err = p.keep(ctx, in, h, now)
	if err == nil && h.Leaving {
		in.reporters.forget(h)
	}
	return err
}

// present returns the batch that says the same.
func present(h *ingest.Heartbeat, now time.Time) *wire.Batch {
	at := now.UnixMilli()
	b := &wire.Batch{Instance: h.Instance, Version: h.Version, Kind: wire.Present}
	if h.Leaving {
		b.Kind = wire.Leaving
	}
	b.Health = append(b.Health, wire.HealthResult{Service: h.Service, Status: h.Status(), From: at, To: at})
	for i := range h.Checks {
		c := &h.Checks[i]
		r := wire.HealthResult{
			Service: h.Service, Check: c.Name, Status: c.Status, Critical: c.Critical, From: at, To: at, Reason: c.Reason, Details: c.Details,
		}
		if c.Timed {
			r.Latency.Record(int64(c.Latency))
		}
		b.Health = append(b.Health, r)
	}
	return b
}

// keep adds the results of a heartbeat to the log, and appends those that are due.
func (p *reporter) keep(ctx context.Context, in *Intake, h *ingest.Heartbeat, now time.Time) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	named := make(map[string]bool, len(h.Checks))
	for i := range h.Checks {
		c := &h.Checks[i]
		named[c.Name] = true
		p.log.Observe(health.Observation{
			Result:   health.Result{Status: c.Status, At: now, Latency: c.Latency, Reason: c.Reason, Details: []byte(c.Details)},
			Name:     c.Name,
			Critical: c.Critical,
			Interval: heartbeatInterval,
			State:    health.State{Status: c.Status},
			Before:   p.before[c.Name],
		})
		p.before[c.Name] = c.Status
	}
	for name := range p.before {
		if !named[name] {
			p.log.Forget(name)
			delete(p.before, name)
		}
	}
	for {
		b := p.failed
		if b == nil {
			rows := p.log.Take(h.Leaving)
			if len(rows) == 0 {
				return nil
			}
			p.sequence++
			b = &wire.Batch{Instance: p.instance, Sequence: p.sequence, Version: h.Version, Health: rows}
		}
		_, err := in.store.Append(ctx, b)
		in.onAppend(ctx, 1, err)
		if err != nil {
			p.failed = b
			in.Counters.StoreFails.Add(1)
			return fmt.Errorf("append: %w", err)
		}
		p.failed = nil
		in.Counters.HealthRows.Add(uint64(len(b.Health)))
	}
}
