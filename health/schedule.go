package health

import (
	"context"
	"math/rand/v2"
	"sync"
	"time"
)

// check is a registered probe. Its loop runs it; reports read the state that the loop
// keeps, and no lock is held while the probe runs.
type check struct {
	name      string
	probe     Probe
	observers []func(Observation)
	explain   func(name string, c cause) string // of the registry
	cancel    context.CancelFunc
	after     <-chan struct{}         // no run before it is closed; nil if there is none to wait for
	changed   chan struct{}           // the rules changed
	demands   chan chan<- Observation // runs on demand, which get the results
	quiet     chan struct{}           // closed when no run will be observed any more
	ended     chan struct{}           // closed when the loop has ended, and the probe is closed
	begun     time.Time               // when it was registered

	mu       sync.Mutex
	settings Rules
	state    machine
	last     Result
	runs     uint64
	stuck    <-chan struct{} // closed when the run that is stuck returns; nil if none is
	passed   bool            // the last verdict came from traffic
	awaited  bool            // whether a run on demand is under way, or waits for another run
	demanded time.Time       // when the last run on demand began, or ended
}

// newCheck makes a check of a registry, which is locked.
func newCheck(name string, p Probe, s Rules, r *Registry) *check {
	c := &check{
		name: name, probe: p, observers: r.observers, explain: r.explain,
		changed: make(chan struct{}, 1), demands: make(chan chan<- Observation), quiet: make(chan struct{}), ended: make(chan struct{}),
		begun: time.Now(),
	}
	c.setRules(s)
	<-c.changed // the loop begins with them
	if s.past != nil {
		c.last = s.past.Last
		c.state.recall(s.past, c.begun)
	}
	return c
}

// setRules changes the rules. Runs in a row so far count for the new thresholds.
func (c *check) setRules(s Rules) {
	c.mu.Lock()
	c.settings = s
	c.state.failures, c.state.successes = s.Failures, s.Successes
	c.mu.Unlock()
	select {
	case c.changed <- struct{}{}:
	default: // the loop will see these
	}
}

// rules returns the current rules.
func (c *check) rules() Rules {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.settings
}

// inherit copies from the check before what reports show. Its runs in a row do not
// count, since they are of another probe.
func (c *check) inherit(old *check) {
	old.mu.Lock()
	defer old.mu.Unlock()
	c.state.resume(old.state.State)
	c.last, c.runs, c.passed = old.last, old.runs, old.passed
}

// firstDelay returns how long to wait until the first run of a check.
func firstDelay(interval time.Duration) time.Duration {
	return rand.N(min(interval/10, maxFirstDelay))
}

const (
	maxFirstDelay = time.Second
	jitter        = 10 // the interval is cut by up to one part in so many
	// doubtDivisor is how much sooner a run follows one with a new result, so
	// that two of them fit into two intervals. What answers from the start is
	// confirmed within maxFirstDelay.
	doubtDivisor = 4
)

// loop is the check's goroutine: a run, a pause, and so on. There is never more
// than one run at a time.
func (c *check) loop(ctx context.Context) {
	defer close(c.ended)
	defer c.close()
	defer close(c.quiet)
	if c.after != nil {
		<-c.after // soon: its context is canceled
	}
	timer := time.NewTimer(firstDelay(c.rules().Interval))
	defer timer.Stop()
	for {
		var result chan<- Observation // nil unless the run is on demand
		select {
		case result = <-c.demands: // goes before a run that is due, too
		default:
			select {
			case <-ctx.Done():
				return
			case <-c.changed:
				timer.Reset(firstDelay(c.rules().Interval))
				continue
			case result = <-c.demands:
			case <-timer.C:
			}
		}
		begun := time.Now()
		f, passive := c.run(ctx)
		if ctx.Err() != nil {
			return // the result of a canceled run means nothing
		}
		o, wait := c.record(f, passive)
		if result != nil {
			result <- o
		}
		timer.Reset(max(0, wait-time.Since(begun)))
	}
}

// run takes the result from the traffic if there was any, else from the probe.
func (c *check) run(ctx context.Context) (f Result, passive bool) {
	s := c.rules()
	if t := s.traffic; t != nil {
		if seen := t.take(); seen.calls > 0 {
			details, err := seen.verdict()
			f = Result{At: time.Now(), Status: StatusOf(err), Latency: seen.mean, Details: encode(details)}
			if err != nil {
				f.Reason = brief(err.Error())
			}
			return judge(f, &s), true
		}
	}
	if c.isStuck() {
		f = c.last // only this goroutine writes it
		f.At, f.Details = time.Now(), nil
		f.Latency += f.At.Sub(c.last.At)
		return f, false
	}
	f, stuck := runAwake(ctx, &c.probe, &s)
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

// record records a result. It returns the observation, and how long after the start of the
// run the next one is due.
func (c *check) record(f Result, passive bool) (o Observation, wait time.Duration) {
	c.mu.Lock()
	before := c.state.Status
	c.state.observe(f.At, f.Status, f.At.Sub(c.begun) < c.settings.StartPeriod)
	c.last, c.passed = f, passive
	c.runs++
	o = Observation{
		Result: f, Name: c.name, Kind: c.probe.Kind, Critical: c.settings.Critical,
		Interval: c.settings.Interval, State: c.state.State, Before: before,
	}
	cause := c.cause()
	wait = c.settings.Interval
	if c.state.doubtful() {
		wait /= doubtDivisor
		if c.state.known == Unknown && f.Status < Down {
			wait = min(wait, maxFirstDelay)
		}
		wait = max(wait, minInterval)
	}
	c.mu.Unlock()
	o.ExplainedBy = c.explain(c.name, cause)
	for _, observe := range c.observers {
		observe(o)
	}
	return o, wait - rand.N(wait/jitter)
}

// close closes the probe; if a run is stuck, once that returns.
func (c *check) close() {
	if c.probe.Close == nil {
		return
	}
	c.mu.Lock()
	stuck := c.stuck
	c.mu.Unlock()
	closeProbe := func() { _ = c.probe.Close() } // nothing that was seen depends on it
	if stuck == nil {
		closeProbe()
		return
	}
	select {
	case <-stuck:
		closeProbe()
	default:
		go func() {
			<-stuck
			closeProbe()
		}()
	}
}

// report returns the state of the check.
func (c *check) report() CheckReport {
	stuck := c.isStuck()
	c.mu.Lock()
	defer c.mu.Unlock()
	return CheckReport{
		Name: c.name, Kind: c.probe.Kind, Critical: c.settings.Critical, ForLiveness: c.settings.liveness,
		State: c.state.State, Stuck: stuck, Passive: c.passed, Runs: c.runs,
		Interval: c.settings.Interval, Timeout: c.settings.Timeout,
		CheckedAt: c.last.At, Latency: c.last.Latency, Reason: c.reason(), Details: c.last.Details,
		cause: c.cause(),
	}
}

// reason is why the status is what it is, as far as the last run can say.
func (c *check) reason() string {
	switch {
	case c.runs == 0 && c.state.Status == Unknown:
		return "not checked yet"
	case c.state.Flapping && c.last.Reason == "":
		return "alternates between results"
	case c.state.Status == Unknown && c.last.Status == Healthy:
		return "not confirmed yet"
	}
	return c.last.Reason
}
