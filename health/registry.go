package health

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"
)

// Registry runs checks and keeps their states. The zero value is ready for use; its
// methods may be called from any goroutine.
type Registry struct {
	mu        sync.Mutex
	observers []func(Observation)
	checks    map[string]*check
	ending    map[string]*check // by name; a check that follows awaits its last run
	ctx       context.Context   // done when the registry is closed
	cancel    context.CancelFunc
	running   sync.WaitGroup // the checks' goroutines
	draining  bool
	closed    bool
}

// Observation is the result of a check's run and the state that followed.
type Observation struct {
	Result
	Name     string
	Kind     string
	Critical bool
	Interval time.Duration
	State    State  // after the run
	Before   Status // before it
}

// Errors of Register and Replace that callers decide on; others name the rule that is wrong.
var (
	ErrDuplicate = errors.New("there is already a check with that name")
	ErrClosed    = errors.New("the registry is closed")

	// ErrUnknownCheck is the error of SetRules.
	ErrUnknownCheck = errors.New("no check has that name")
)

// Observe has f called after each run of the checks that are registered from now
// on, in the goroutine that made the run, and for one run of a name at a time. All
// functions given are called, in their order.
func (r *Registry) Observe(f func(Observation)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.observers = append(slices.Clip(r.observers), f)
}

// Register starts a check. Its first run follows within a tenth of its interval,
// at most a second. The error names the rule that is wrong. The registry owns the
// probe from then on, and closes it when the check has ended; if there is an error,
// the probe is still the caller's.
func (r *Registry) Register(name string, p Probe, opts ...Option) error {
	return r.register(name, p, opts, false)
}

// Replace is Register, but takes the place of the check of that name if there is
// one: reports show its last state until the first run of the new one, which decides.
func (r *Registry) Replace(name string, p Probe, opts ...Option) error {
	return r.register(name, p, opts, true)
}

func (r *Registry) register(name string, p Probe, opts []Option, replace bool) error {
	s := rules(opts)
	err := ValidateName(name)
	if err == nil {
		err = s.fill(&p)
	}
	if err != nil {
		return fmt.Errorf("check %q: %w", name, err)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	old := r.checks[name]
	switch {
	case r.closed:
		return fmt.Errorf("check %q: %w", name, ErrClosed)
	case old != nil && !replace:
		return fmt.Errorf("check %q: %w", name, ErrDuplicate)
	case r.checks == nil:
		r.checks, r.ending = make(map[string]*check), make(map[string]*check)
		r.ctx, r.cancel = context.WithCancel(context.Background())
	}
	c := newCheck(name, p, s, r.observers)
	if old != nil {
		r.end(old)
		c.inherit(old)
	}
	if e := r.ending[name]; e != nil {
		c.after = e.quiet
	}
	var ctx context.Context
	ctx, c.cancel = context.WithCancel(r.ctx)
	r.checks[name] = c
	r.running.Go(func() { c.loop(ctx) })
	return nil
}

// SetRules changes the rules of a check, which goes on with its probe and its state.
// The next run follows as the first one does after Register.
func (r *Registry) SetRules(name string, opts ...Option) error {
	s := rules(opts)
	r.mu.Lock()
	c := r.checks[name]
	r.mu.Unlock()
	if c == nil {
		return fmt.Errorf("check %q: %w", name, ErrUnknownCheck)
	}
	if err := s.fill(&c.probe); err != nil {
		return fmt.Errorf("check %q: %w", name, err)
	}
	c.setRules(s)
	return nil
}

// end begins to end a check. The registry is locked.
func (r *Registry) end(c *check) {
	c.cancel()
	delete(r.checks, c.name)
	r.ending[c.name] = c
	go func() {
		<-c.quiet
		r.mu.Lock()
		defer r.mu.Unlock()
		if r.ending[c.name] == c {
			delete(r.ending, c.name)
		}
	}()
}

// End takes a check out of the reports and begins to end it. The channel is closed
// once its last run was observed, soon after its context is done whatever the probe
// does; the probe is closed after that. It is nil if no check has that name.
func (r *Registry) End(name string) <-chan struct{} {
	if c := r.remove(name); c != nil {
		return c.quiet
	}
	return nil
}

// Unregister ends a check and waits until its probe is closed, unless a run of it is
// stuck. It reports whether there was one.
func (r *Registry) Unregister(name string) bool {
	c := r.remove(name)
	if c == nil {
		return false
	}
	<-c.ended
	return true
}

// remove returns the check that was removed, or nil.
func (r *Registry) remove(name string) *check {
	r.mu.Lock()
	defer r.mu.Unlock()
	c := r.checks[name]
	if c != nil {
		r.end(c)
	}
	return c
}

// Drain makes the readiness probe fail from now on, so that no more requests
// are sent to a service that is about to stop.
func (r *Registry) Drain() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.draining = true
}

// Close ends all checks and waits, until ctx is done, for the runs under way.
// Reports stay as they are. The error names the checks whose runs did not end.
func (r *Registry) Close(ctx context.Context) error {
	r.mu.Lock()
	r.closed, r.draining = true, true
	if r.cancel != nil {
		r.cancel()
	}
	r.mu.Unlock()
	ended := make(chan struct{})
	go func() {
		r.running.Wait()
		close(ended)
	}()
	select {
	case <-ended:
	case <-ctx.Done():
		return fmt.Errorf("closing the checks: %w", context.Cause(ctx))
	}
	var stuck []string
	for _, c := range r.list() {
		if c.isStuck() {
			stuck = append(stuck, c.name)
		}
	}
	if len(stuck) > 0 {
		return fmt.Errorf("checks that ignore their time limit are still running: %q", stuck)
	}
	return nil
}

// list returns the checks by name.
func (r *Registry) list() []*check {
	r.mu.Lock()
	all := make([]*check, 0, len(r.checks))
	for _, c := range r.checks {
		all = append(all, c)
	}
	r.mu.Unlock()
	slices.SortFunc(all, func(a, b *check) int { return cmp.Compare(a.name, b.name) })
	return all
}

// Report returns the state of all checks. It runs none of them.
func (r *Registry) Report() Report {
	checks := r.list()
	report := Report{Status: Healthy, Time: time.Now(), Checks: make([]CheckReport, 0, len(checks))}
	r.mu.Lock()
	report.Draining = r.draining
	r.mu.Unlock()
	for _, c := range checks {
		report.add(c.report())
	}
	return report
}

// Handler returns a handler of the registry's reports.
func (r *Registry) Handler() *Handler { return &Handler{Report: r.Report} }
