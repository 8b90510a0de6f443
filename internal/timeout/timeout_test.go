package timeout

import (
	"context"
	"errors"
	"testing"
	"time"
)

func TestContext(t *testing.T) {
	ctx, cancel := Context(t.Context(), 20*time.Millisecond)
	defer cancel()
	inner, done := context.WithCancel(ctx)
	defer done()
	<-inner.Done()
	if !errors.Is(ctx.Err(), context.DeadlineExceeded) {
		t.Errorf("it ended with %v", ctx.Err())
	}
	if d := Of(inner); d != 20*time.Millisecond {
		t.Errorf("a context made from it has a timeout of %s", d)
	}
	if d := Of(t.Context()); d != 0 {
		t.Errorf("a context without one has a timeout of %s", d)
	}
}
