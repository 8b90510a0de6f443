package term

import (
	"testing"
	"time"
)

func TestTook(t *testing.T) {
	for _, test := range []struct {
		took time.Duration
		n    int64
		want string
	}{
		{0, 0, "in 0 ms"},
		{999 * time.Millisecond, 20_000, "in 999 ms"},
		{time.Second, 20_000, "in 1 s (20,000 rows/s)"},
		{2500 * time.Millisecond, 2, "in 3 s"},
		{2 * time.Minute, 120_000, "in 2 min (1,000 rows/s)"},
	} {
		if got := Took(test.took, test.n, "rows"); got != test.want {
			t.Errorf("%d in %s: got %s, want %s", test.n, test.took, got, test.want)
		}
	}
}
