package health

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"
	"time"
)

// Traffic counts a service's own calls to a dependency and their failures. Its wrappers
// see the calls; a check with the option Passive takes its status from them. The zero
// value is ready for use.
//
// If all calls failed, or half of at least five, the status is down; if a tenth failed,
// it is degraded. A call that its caller canceled does not count.
type Traffic struct {
	mu sync.Mutex
	sample
	total time.Duration
}

// sample is what was seen since the one before.
type sample struct {
	calls, failures uint64
	mean            time.Duration
	last            error // the last failure
}

// enough is the number of calls from which on half of them decide.
const enough = 5

// NewTraffic returns a Traffic without calls.
func NewTraffic() *Traffic { return new(Traffic) }

// Observe counts a call that took so long and ended with err, for clients that have
// no wrapper here. An err that is not nil is a failure, unless it is
// context.Canceled.
func (t *Traffic) Observe(took time.Duration, err error) {
	if err != nil && errors.Is(err, context.Canceled) {
		return
	}
	t.mu.Lock()
	t.calls++
	t.total += took
	if err != nil {
		t.failures++
		t.last = err
	}
	t.mu.Unlock()
}

// take returns what was seen since the last call.
func (t *Traffic) take() sample {
	t.mu.Lock()
	defer t.mu.Unlock()
	s := t.sample
	if s.calls > 0 {
		s.mean = t.total / time.Duration(s.calls)
	}
	t.sample, t.total = sample{}, 0
	return s
}

// verdict returns the details and the error that follow from the calls.
func (s sample) verdict() (Details, error) {
	details := Details{"calls": s.calls, "failures": s.failures}
	switch {
	case s.failures == 0:
		return details, nil
	case s.failures == s.calls, s.calls >= enough && 2*s.failures >= s.calls:
		return details, fmt.Errorf("%d of %d calls failed: %w", s.failures, s.calls, s.last)
	case 10*s.failures >= s.calls:
		return details, Degradedf("%d of %d calls failed: %w", s.failures, s.calls, s.last)
	}
	return details, nil
}

// Transport returns a RoundTripper that counts the calls of base, or of
// http.DefaultTransport if that is nil. A call lasts until its response's header arrives.
// Errors, and statuses from 500 on, are failures.
func (t *Traffic) Transport(base http.RoundTripper) http.RoundTripper {
	if base == nil {
		base = http.DefaultTransport
	}
	return &transport{t, base}
}

type transport struct {
	traffic *Traffic
	base    http.RoundTripper
}

func (t *transport) RoundTrip(r *http.Request) (*http.Response, error) {
	begun := time.Now()
	resp, err := t.base.RoundTrip(r)
	failure := err
	switch {
	case err != nil && errors.Is(context.Cause(r.Context()), context.Canceled):
		failure = context.Canceled // base may have said it in other words
	case err == nil && resp.StatusCode >= http.StatusInternalServerError:
		failure = answered(resp.StatusCode)
	}
	t.traffic.Observe(time.Since(begun), failure)
	return resp, err
}

// CloseIdleConnections is what http.Client.CloseIdleConnections looks for.
func (t *transport) CloseIdleConnections() {
	if c, ok := t.base.(interface{ CloseIdleConnections() }); ok {
		c.CloseIdleConnections()
	}
}

// answered is the error of an answer with a status that is not fine.
type answered int

func (a answered) Error() string {
	return fmt.Sprintf("answered %d %s", int(a), http.StatusText(int(a)))
}

// closes reports what a Close returns, if there is one.
func closes(v any) error {
	if c, ok := v.(io.Closer); ok {
		return c.Close()
	}
	return nil
}
