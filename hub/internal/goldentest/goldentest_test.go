package goldentest

import (
	"strings"
	"testing"
)

func TestDiff(t *testing.T) {
	long := strings.Repeat("x\n", shown+2)
	for _, test := range []struct{ want, got, diff string }{
		{"a\nb\nc\n", "a\nB\nc\n", "@ line 2\n-b\n+B\n"},
		{"a\nc\n", "a\nb\nc\n", "@ line 2\n+b\n"},
		{"a\nb\n", "a\n", "@ line 2\n-b\n"},
		{"a\n", "a", "@ line 2\n-\n"},
		{"a\na\n", "a\n", "@ line 2\n-a\n"},
		{"a\n", long + "a\n", "@ line 1\n" + strings.Repeat("+x\n", shown) + "+ … and 2 more\n"},
	} {
		if got := diff(test.want, test.got); got != test.diff {
			t.Errorf("diff(%q, %q) = %q, want %q", test.want, test.got, got, test.diff)
		}
	}
}
