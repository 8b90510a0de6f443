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

	last  time.Time // guarded by reporters, as is bytes
	bytes int
}

// reporters are all reporters, within limits.
type reporters struct {
	mu    sync.Mutex
	all   map[reporterKey]*reporter
	bytes int
}

type reporterKey struct{ service, instance string }

const (
	// heartbeatInterval stands for the interval of the checks. The log of a check has a gap
	// after two of them and 5 s, which is when a service is silent by default.
	heartbeatInterval = 12 * time.Second
	// reporterExpiry is how long a silent process keeps its place, if others need one.
	reporterExpiry = 10 * time.Minute
	maxReporters   = 10_000
	// maxReporterBytes bounds what all of them take, by an estimate: the texts of the checks,
	// and some kilobytes for a histogram of each.
	maxReporterBytes = 64 << 20
	checkBytes       = 4 << 10
)

// bytesOf is about how much a reporter takes.
func bytesOf(h *ingest.Heartbeat) int {
	n := checkBytes + len(h.Service) + len(h.Instance)
	for i := range h.Checks {
		c := &h.Checks[i]
		n += checkBytes + len(c.Name) + len(c.Reason) + len(c.Details)
	}
	return n
}

// of returns the reporter of a process, with room for what the heartbeat says. It returns nil
// if there is none.
func (p *reporters) of(h *ingest.Heartbeat, now time.Time) *reporter {
	key, bytes := reporterKey{h.Service, h.Instance}, bytesOf(h)
	p.mu.Lock()
	defer p.mu.Unlock()
	one := p.all[key]
	fits := func() bool {
		if one != nil {
			return p.bytes-one.bytes+bytes <= maxReporterBytes
		}
		return len(p.all) < maxReporters && p.bytes+bytes <= maxReporterBytes
	}
	if !fits() {
		for k, other := range p.all {
			if now.Sub(other.last) > reporterExpiry && other != one {
				p.remove(k)
			}
		}
		if !fits() {
			p.remove(key)
			return nil
		}
	}
	if one == nil {
		one = &reporter{log: wire.NewHealthLog(h.Service), before: make(map[string]health.Status), instance: h.Instance + "-" + rand.Text()[:12]}
		if p.all == nil {
			p.all = make(map[reporterKey]*reporter)
		}
		p.all[key] = one
	}
	p.bytes += bytes - one.bytes
	one.last, one.bytes = now, bytes
	return one
}

// remove removes a reporter, if there is one. The caller holds the lock.
func (p *reporters) remove(key reporterKey) {
	if one := p.all[key]; one != nil {
		p.bytes -= one.bytes
		delete(p.all, key)
	}
}

func (p *reporters) forget(h *ingest.Heartbeat) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.remove(reporterKey{h.Service, h.Instance})
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
		in.Counters.HealthLost.Add(uint64(len(h.Checks)))
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
		observe := p.log.Observe
		if !c.Timed {
			observe = p.log.ObserveStatus
		}
		observe(health.Observation{
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
			if err := b.Validate(); err != nil { // it would be refused again and again
				return fmt.Errorf("results of checks: %w", err)
			}
		}
		if _, err := in.append(ctx, []*wire.Batch{b}); err != nil {
			p.failed = b
			return err
		}
		p.failed = nil
		in.Counters.HealthRows.Add(uint64(len(b.Health)))
	}
}
