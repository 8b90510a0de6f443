package nearest

import (
	"strings"
	"testing"
)

func TestOf(t *testing.T) {
	keys := []string{"retention.age", "retention.size", "slow.target", "tokens.read"}
	for name, want := range map[string]string{
		"retention.agee": "retention.age",
		"retnetion.age":  "retention.age", // a swap is one edit
		"slow.tagret":    "slow.target",
		"token.read":     "tokens.read",
	} {
		if got, edits := Of(name, keys); got != want || edits != 1 {
			t.Errorf("%s: got %s, %d edits, want %s", name, got, edits, want)
		}
	}
	if got, edits := Of("a", nil); got != "" || edits != -1 {
		t.Errorf("of nothing: %q, %d", got, edits)
	}
}

func TestDistance(t *testing.T) {
	for _, test := range []struct {
		a, b string
		want int
	}{{"", "", 0}, {"", "abc", 3}, {"abc", "abc", 0}, {"abc", "acb", 1}, {"kitten", "sitting", 3}} {
		if got := Distance(test.a, test.b); got != test.want {
			t.Errorf("Distance(%q, %q) = %d, want %d", test.a, test.b, got, test.want)
		}
	}
}

func TestLikely(t *testing.T) {
	known := []string{"hours", "service", "endpoint", "method", "sort", "limit"}
	for name, want := range map[string]string{
		"hour": "hours", "Hours": "hours", "end_point": "endpoint", "servcie": "service", "srot": "sort",
		"color": "", "": "", strings.Repeat("hours", 20): "",
	} {
		if got := Likely(name, known); got != want {
			t.Errorf("Likely(%q) = %q; want %q", name, got, want)
		}
	}
}
