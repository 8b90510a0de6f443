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
	// Observer, if not nil, is called after each run, in the goroutine that made it
	// and for one run of a check at a time. It must be set before the first Register.
	Observer func(Observation)

	mu       sync.Mutex
	checks   map[string]*check
	ctx      context.Context // done when the registry is closed
	cancel   context.CancelFunc
	running  sync.WaitGroup // the checks' goroutines
	draining bool
	closed   bool
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

// Errors of Register that callers decide on; others name the rule that is wrong.
var (
	ErrDuplicate = errors.New("there is a check of that name already")
	ErrClosed    = errors.New("the registry is closed")
)

// Register starts a check. Its first run follows within a tenth of its interval,
// at most a second. The error names the rule that is wrong.
func (r *Registry) Register(name string, p Probe, opts ...Option) error {
	var s Rules
	for _, opt := range opts {
		if opt != nil {
			opt(&s)
		}
	}
	err := checkName(name)
	if err == nil {
		err = s.fill(&p)
	}
	if err != nil {
		return fmt.Errorf("check %q: %w", name, err)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case r.closed:
		return fmt.Errorf("check %q: %w", name, ErrClosed)
	case r.checks[name] != nil:
		return fmt.Errorf("check %q: %w", name, ErrDuplicate)
	case r.checks == nil:
		r.checks = make(map[string]*check)
		r.ctx, r.cancel = context.WithCancel(context.Background())
	}
	c := newCheck(name, p, s, r.Observer)
	var ctx context.Context
	ctx, c.cancel = context.WithCancel(r.ctx)
	r.checks[name] = c
	r.running.Go(func() { c.loop(ctx) })
	return nil
}

// Unregister ends a check and waits for it. It reports whether there was one.
func (r *Registry) Unregister(name string) bool {
	r.mu.Lock()
	c := r.checks[name]
	delete(r.checks, name)
	r.mu.Unlock()
	if c == nil {
		return false
	}
	c.cancel()
	<-c.ended
	return true
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
