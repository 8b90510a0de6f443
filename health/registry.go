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

	// ExplainedBy is the check that explains the state: see CheckReport.
	ExplainedBy string
}

// Errors of Register and Replace.
var (
	ErrDuplicate = errors.New("there is already a check with that name")
	ErrClosed    = errors.New("the registry is closed")

	// ErrUnknownCheck is the error of SetRules and Run.
	ErrUnknownCheck = errors.New("no check has that name")
)

// Observe registers f to be called after each run of the checks that are registered
// from now on, in the goroutine of the run. Calls for checks of the same name do not
// overlap. If Observe is called several times, all functions are called, in that order.
func (r *Registry) Observe(f func(Observation)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.observers = append(slices.Clip(r.observers), f)
}

// Register starts a check. Its first run follows within a tenth of its interval, at
// most a second. The registry owns the probe from then on, and closes it when the check
// has ended; if Register returns an error, the caller still owns the probe. An invalid
// rule is a *FieldError.
func (r *Registry) Register(name string, p Probe, opts ...Option) error {
	return r.register(name, p, opts, false)
}

// Replace is like Register, but replaces the check with that name if there is one. The new
// check begins with the status of the old one.
func (r *Registry) Replace(name string, p Probe, opts ...Option) error {
	return r.register(name, p, opts, true)
}

func (r *Registry) register(name string, p Probe, opts []Option, replace bool) error {
	s := rules(opts)
	err := ValidateName(name)
	if err == nil {
		err = s.fillOf(name, &p)
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
	c := newCheck(name, p, s, r)
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

// SetRules changes the rules of a check, which keeps its probe and its state. The next
// run follows as soon as the first one after Register.
func (r *Registry) SetRules(name string, opts ...Option) error {
	s := rules(opts)
	r.mu.Lock()
	c := r.checks[name]
	r.mu.Unlock()
	if c == nil {
		return fmt.Errorf("check %q: %w", name, ErrUnknownCheck)
	}
	if err := s.fillOf(name, &c.probe); err != nil {
		return fmt.Errorf("check %q: %w", name, err)
	}
	c.setRules(s)
	return nil
}

// end starts to end a check. The registry is locked.
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

// End removes a check from the reports and starts to end it. It returns a channel that
// is closed once the last run was observed, which is soon even if the probe ignores its
// context; the probe is closed after that. The channel is nil if no check has that
// name.
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
		return fmt.Errorf("close the checks: %w", context.Cause(ctx))
	}
	var stuck []string
	for _, c := range r.list() {
		if c.isStuck() {
			stuck = append(stuck, c.name)
		}
	}
	if len(stuck) > 0 {
		return fmt.Errorf("checks that ignore their timeout are still running: %q", stuck)
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
		report.Add(c.report())
	}
	report.explain()
	return report
}

// Handler returns a handler of the registry's reports.
func (r *Registry) Handler() *Handler { return &Handler{Report: r.Report} }
