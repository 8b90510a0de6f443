package health

import (
	"context"
	"math/rand/v2"
	"sync"
	"time"
)

// check is a registered probe. Its loop runs it; reports read what the loop
// left behind, and no lock is held while the probe runs.
type check struct {
	name     string
	probe    Probe
	settings Rules
	observer func(Observation)
	cancel   context.CancelFunc
	ended    chan struct{} // closed when the loop has ended

	mu     sync.Mutex
	state  machine
	last   Result
	runs   uint64
	stuck  <-chan struct{} // closed when the run that is stuck returns; nil if none is
	passed bool            // the last verdict came from traffic
}

func newCheck(name string, p Probe, s Rules, observer func(Observation)) *check {
	c := &check{name: name, probe: p, settings: s, observer: observer, ended: make(chan struct{})}
	c.state.failures, c.state.successes = s.Failures, s.Successes
	return c
}

const (
	maxFirstDelay = time.Second
	jitter        = 10 // the interval is cut by up to one part in so many
	// doubtDivisor is how much sooner a run follows one with a new result, so
	// that two of them fit into two intervals.
	doubtDivisor = 4
)

// loop is the check's goroutine: a run, a pause, and so on. There is never more
// than one run at a time.
func (c *check) loop(ctx context.Context) {
	defer close(c.ended)
	defer c.close()
	timer := time.NewTimer(rand.N(min(c.settings.Interval/10, maxFirstDelay)))
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		}
		begun := time.Now()
		f, passive := c.run(ctx)
		if ctx.Err() != nil {
			return // the result of a run that was being stopped tells nothing
		}
		wait := c.record(f, passive)
		timer.Reset(max(0, wait-time.Since(begun)))
	}
}

// run takes the result from the traffic if there was any, else from the probe.
func (c *check) run(ctx context.Context) (f Result, passive bool) {
	if t := c.settings.Traffic; t != nil {
		if s := t.take(); s.calls > 0 {
			details, err := s.verdict()
			f = Result{At: time.Now(), Status: StatusOf(err), Latency: s.mean, Details: encode(details)}
			if err != nil {
				f.Reason = brief(err.Error())
			}
			return judge(f, &c.settings), true
		}
	}
	if c.isStuck() {
		f = c.last // only this goroutine writes it
		f.At, f.Details = time.Now(), nil
		f.Latency += f.At.Sub(c.last.At)
		return f, false
	}
	f, stuck := runOnce(ctx, &c.probe, &c.settings)
	c.mu.Lock()
	c.stuck = stuck
	c.mu.Unlock()
	return f, false
}

// isStuck reports whether a run that should have ended has not returned.
func (c *check) isStuck() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.stuck == nil {
		return false
	}
	select {
	case <-c.stuck:
		c.stuck = nil
		return false
	default:
		return true
	}
}

// record takes in a result and returns how long after the start of the run the next
// one is due.
func (c *check) record(f Result, passive bool) time.Duration {
	c.mu.Lock()
	before := c.state.Status
	c.state.observe(f.At, f.Status)
	c.last, c.passed = f, passive
	c.runs++
	o := Observation{
		Result: f, Name: c.name, Kind: c.probe.Kind, Critical: c.settings.Critical,
		Interval: c.settings.Interval, State: c.state.State, Before: before,
	}
	wait := c.settings.Interval
	if c.state.doubtful() {
		wait = max(wait/doubtDivisor, minInterval)
	}
	c.mu.Unlock()
	if c.observer != nil {
		c.observer(o)
	}
	return wait - rand.N(wait/jitter)
}

// close frees the probe, unless a run of it has not returned.
func (c *check) close() {
	if c.probe.Close != nil && !c.isStuck() {
		_ = c.probe.Close() // nothing that was seen depends on it
	}
}

// report returns the state of the check.
func (c *check) report() CheckReport {
	stuck := c.isStuck()
	c.mu.Lock()
	defer c.mu.Unlock()
	return CheckReport{
		Name: c.name, Kind: c.probe.Kind, Critical: c.settings.Critical, ForLiveness: c.settings.ForLiveness,
		State: c.state.State, Stuck: stuck, Passive: c.passed, Runs: c.runs,
		CheckedAt: c.last.At, Latency: c.last.Latency, Reason: c.reason(), Details: c.last.Details,
	}
}

// reason is why the status is what it is, as far as the last run can say.
func (c *check) reason() string {
	switch {
	case c.runs == 0:
		return "not checked yet"
	case c.state.Flapping && c.last.Reason == "":
		return "goes back and forth"
	}
	return c.last.Reason
}
