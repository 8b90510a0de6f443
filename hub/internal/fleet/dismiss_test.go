package fleet

import (
	"testing"
	"time"
)

// A service that is not expected any more is known as long as it has instances, and
// takes one of the places of those that are discovered.
func TestDismiss(t *testing.T) {
	f := New(Limits{Services: 1}, time.Now)
	f.Probe("never came", time.Minute, time.Hour, time.Now())
	f.Dismiss("never came")
	f.Dismiss("unheard of")
	if f.Known("never came") || f.Known("unheard of") || f.discovered != 0 {
		t.Errorf("%d are discovered", f.discovered)
	}
	f.Probe("expected", time.Minute, time.Hour, time.Now())
	f.Dismiss("expected")
	f.Dismiss("expected")
	if f.Known("expected") || f.discovered != 0 {
		t.Errorf("%d are discovered", f.discovered)
	}
}
