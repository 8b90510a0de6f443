package text

import (
	"encoding/json"
	"testing"

	"github.com/kymohq/kymo/hub/internal/term"
)

// TestOwnChecks reads what services say of their checks, in every form.
func TestOwnChecks(t *testing.T) {
	got := ownChecks(json.RawMessage(`{"checks": {"b": "down", "a": {"status": "unknown", "reason": "silent", "response_time_ms": 1200}, "c": 3, "d": "odd"}}`))
	want := []ownCheck{{"a", "unknown", "1,200", "silent"}, {"b", "down", "", ""}, {"c", "", "", ""}, {"d", "odd", "", ""}}
	if len(got) != len(want) {
		t.Fatalf("got %v", got)
	}
	for i, style := range []term.Style{term.Dim, term.Red, term.Plain, term.Plain} {
		if got[i] != want[i] || wordStyle(got[i].status) != style {
			t.Errorf("got %v in %q, want %v in %q", got[i], wordStyle(got[i].status), want[i], style)
		}
	}
	for _, details := range []string{"", "{}", `{"checks": 5}`, "no"} {
		if got := ownChecks(json.RawMessage(details)); len(got) != 0 {
			t.Errorf("%s: got %v", details, got)
		}
	}
}
