package nearest

import (
	"strings"
	"testing"
)

func TestDistance(t *testing.T) {
	for _, test := range []struct {
		a, b string
		want int
	}{
		{"", "", 0}, {"", "abc", 3}, {"abc", "abc", 0}, {"abc", "acb", 1}, {"kitten", "sitting", 3},
		{"retention.agee", "retention.age", 1}, {"retnetion.age", "retention.age", 1}, {"größe", "grösse", 2},
	} {
		if got := Distance(test.a, test.b); got != test.want {
			t.Errorf("Distance(%q, %q) = %d, want %d", test.a, test.b, got, test.want)
		}
	}
}

func TestLikely(t *testing.T) {
	parameters := []string{"hours", "service", "endpoint", "method", "sort", "limit"}
	keys := []string{"retention.age", "retention.size", "slow.target", "tokens.read"}
	commands := []string{"serve", "report", "check", "copy", "config"}
	for _, test := range []struct {
		name       string
		candidates []string
		want       string
	}{
		{"hour", parameters, "hours"},
		{"Hours", parameters, "hours"},
		{"end_point", parameters, "endpoint"},
		{"servcie", parameters, "service"},
		{"srot", parameters, "sort"},
		{"color", parameters, ""},
		{"", parameters, ""},
		{strings.Repeat("hours", 20), parameters, ""},
		{"hours", nil, ""},
		{"retention.agee", keys, "retention.age"},
		{"retnetion.age", keys, "retention.age"}, // a swap is one edit
		{"slow.tagret", keys, "slow.target"},
		{"token.read", keys, "tokens.read"},
		{"slow.abc", keys, ""},
		{"serv", commands, "serve"},
		{"nope", commands, ""}, // half of it is copy
		{"ab", []string{"ac"}, ""},
		{"abc", []string{"abd"}, "abd"}, // just near enough
		{"abcdef", []string{"abcxyz"}, ""},
		{"süd", []string{"sud"}, "sud"}, // letters, not bytes
	} {
		if got := Likely(test.name, test.candidates); got != test.want {
			t.Errorf("Likely(%q, %v) = %q, want %q", test.name, test.candidates, got, test.want)
		}
	}
}
