package remote

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"

	"github.com/kymohq/kymo/hub/internal/store"
)

var errDisk = errors.New("no space left")

var server = Errors{
	Server: "Server", Password: "hunter2",
	OneLine: func(text string) string { return strings.Join(strings.Fields(text), " ") },
	Full:    func(err error) bool { return errors.Is(err, errDisk) },
}

func TestClassify(t *testing.T) {
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	leak := errors.New("user kymo:hunter2\n\trefused")
	for _, test := range []struct {
		name   string
		ctx    context.Context
		closed bool
		err    error
		is     error
		text   string
	}{
		{"none", t.Context(), true, nil, nil, ""},
		{"closed", t.Context(), true, leak, store.ErrClosed, "store is closed"},
		{"caller left", ended, false, context.Canceled, context.Canceled, "context canceled"},
		{"another context was canceled", t.Context(), false, context.Canceled, store.ErrUnavailable, "store is unavailable: Server: context canceled"},
		{"known", t.Context(), false, store.ErrFull, store.ErrFull, "store has no room left"},
		{"full", t.Context(), false, errDisk, store.ErrFull, "store has no room left: Server: no space left"},
		{"other", t.Context(), false, leak, store.ErrUnavailable, "store is unavailable: Server: user kymo:xxxxx refused"},
	} {
		err := server.Classify(test.ctx, test.closed, test.err)
		if !errors.Is(err, test.is) || err != nil && err.Error() != test.text {
			t.Errorf("%s: %v, want %q", test.name, err, test.text)
		}
	}
	if err := server.Redact(leak); !errors.Is(err, leak) || strings.Contains(err.Error(), "hunter2") {
		t.Errorf("redacted: %v", err)
	}
	var plain Errors
	if err := plain.Classify(t.Context(), false, errDisk); !errors.Is(err, store.ErrUnavailable) || !errors.Is(err, errDisk) {
		t.Errorf("without functions: %v", err)
	}
	if server.Redact(nil) != nil {
		t.Error("no error was redacted to one")
	}
}

func TestFloorOnlyRises(t *testing.T) {
	var f Floor
	var work sync.WaitGroup
	for i := range 8 {
		work.Go(func() {
			for ms := range int64(1000) {
				f.Raise(ms*8 + int64(i))
				if got := f.Load(); got < ms*8+int64(i) {
					t.Errorf("the floor is %d after it was raised to %d", got, ms*8+int64(i))
				}
			}
		})
	}
	work.Wait()
	f.Raise(5)
	if f.Load() != 7999 {
		t.Errorf("the floor is %d", f.Load())
	}
}
