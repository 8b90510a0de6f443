package demo

import (
	"errors"
	"strings"
	"testing"

	"github.com/kymohq/kymo/hub/internal/report"
	"github.com/kymohq/kymo/hub/internal/term"
)

// full is a device without room.
type full struct{}

func (full) Write([]byte) (int, error) { return 0, errors.New("no space left on device") }

// TestResultIsPrinted: it prints how many requests were sent and counted, and has a reason
// if these differ.
func TestResultIsPrinted(t *testing.T) {
	r := &Result{Service: "shop", Report: &report.Performance{TotalRequests: 4}, Sent: 4}
	if p := r.Problem(); p != "" {
		t.Error(p)
	}
	r.Sent, r.Failed = 5, 1
	r.Stats.Dropped, r.Stats.Pending, r.Stats.LastError = 2, 3, "404 Not Found"
	var out strings.Builder
	if err := r.Print(&out, term.Screen{}); err != nil {
		t.Error(err)
	}
	if !strings.HasPrefix(out.String(), "The hub's report on shop:\n") ||
		!strings.HasSuffix(out.String(), "\nload generator sent 5 requests; Kymo reports 4\n") {
		t.Errorf("printed %q", out.String())
	}
	want := "the numbers differ; 1 request got no answer from the shop; the SDK dropped 2 and could not ship 3, for: 404 Not Found"
	if got := r.Problem(); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if r.Print(full{}, term.Screen{}) == nil {
		t.Error("a result that was not printed")
	}
}
