package rollup

import (
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestLevels(t *testing.T) {
	for _, test := range []struct {
		levels Levels
		want   string // in the error; "" for none
	}{
		{Levels{TenSeconds, FiveMinutes, Hour, Day}, ""},
		{Levels{Day}, ""},
		{nil, "no levels"},
		{Levels{0, Hour}, "level 0 is 0 ms long; must be positive"},
		{Levels{Hour, FiveMinutes}, "level 1 is 300000 ms long; must be a multiple"},
		{Levels{Hour, Hour}, "level 1 is 3600000 ms long; must be a multiple"},
		{Levels{FiveMinutes, 7 * TenSeconds}, "must be a multiple of the 300000 ms"},
		{Levels{TenSeconds, 15 * Second}, "must be a multiple of the 10000 ms"},
	} {
		err := test.levels.validate()
		if test.want == "" && err != nil || test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want)) {
			t.Errorf("%v: %v, want %q", test.levels, err, test.want)
		}
	}
	if n := ServerLevels.Finest(2); n != 288 {
		t.Errorf("a day is made of %d spans of five minutes", n)
	}
	defer func() {
		if recover() == nil {
			t.Error("makeLevels took levels that are none")
		}
	}()
	makeLevels(Day, Hour)
}

func TestSpans(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := rapid.SampledFrom([]Resolution{Second, TenSeconds, FiveMinutes, Hour, Day}).Draw(t, "resolution")
		ms := rapid.Int64Range(0, 1<<47).Draw(t, "instant")
		n := r.Span(ms)
		if w := (Window{r.Start(n), r.Start(n + 1)}); !w.Contains(ms) || w.To-w.From != r.Millis() {
			t.Fatalf("%d lies in span %d, which is %v", ms, n, w)
		}
	})
}
