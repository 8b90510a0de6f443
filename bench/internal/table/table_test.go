package table

import (
	"errors"
	"math"
	"strings"
	"testing"
)

func TestWrite(t *testing.T) {
	table := Table{Title: "Speed", Intro: "Medians.", Head: []string{"contender", "time (ns)", "ratio"}}
	table.Add("Kymo", "2.8", "1.00")
	table.Add("a|b, größer", "1,234.5")
	table.Notef("%d rounds", 5)
	var b strings.Builder
	if err := table.Write(&b); err != nil {
		t.Fatal(err)
	}
	const want = `## Speed

Medians.

| contender    | time (ns) | ratio |
| ------------ | --------: | ----: |
| Kymo         |       2.8 |  1.00 |
| a\|b, größer |   1,234.5 |       |

- 5 rounds

`
	if b.String() != want {
		t.Errorf("got\n%s\nwant\n%s", b.String(), want)
	}
}

func TestWriteAlignsTextLeft(t *testing.T) {
	table := Table{Title: "Speed", Left: 2, Head: []string{"contender", "keeps"}}
	table.Add("Kymo", "all")
	var b strings.Builder
	if err := table.Write(&b); err != nil {
		t.Fatal(err)
	}
	const want = `## Speed

| contender | keeps |
| --------- | ----- |
| Kymo      | all   |

`
	if b.String() != want {
		t.Errorf("got\n%s\nwant\n%s", b.String(), want)
	}
}

type full struct{}

func (full) Write([]byte) (int, error) { return 0, errFull }

var errFull = errors.New("disk full")

func TestWriteSaysWhatFailed(t *testing.T) {
	if err := new(Table).Write(full{}); !errors.Is(err, errFull) {
		t.Errorf("error %v, want %v", err, errFull)
	}
}

func TestNumber(t *testing.T) {
	for _, c := range []struct {
		v        float64
		decimals int
		want     string
	}{
		{0, 0, "0"}, {12.345, 2, "12.35"}, {999, 0, "999"}, {1000, 0, "1,000"}, {1234567.89, 1, "1,234,567.9"},
		{-1234.5, 1, "-1,234.5"}, {-0.001, 1, "0.0"}, {math.NaN(), 1, "–"}, {math.Inf(1), 1, "–"},
	} {
		if got := Number(c.v, c.decimals); got != c.want {
			t.Errorf("Number(%v, %d) = %q, want %q", c.v, c.decimals, got, c.want)
		}
	}
}

func TestRatioAndPercent(t *testing.T) {
	for v, want := range map[float64]string{1.234: "1.23", 12.34: "12.3", 123.4: "123", -1.5: "-1.50"} {
		if got := Ratio(v); got != want {
			t.Errorf("Ratio(%v) = %q, want %q", v, got, want)
		}
	}
	if got := Percent(0.005416); got != "0.542" {
		t.Errorf("Percent(0.005416) = %q", got)
	}
}
