package duration

import (
	"encoding/json"
	"math"
	"os"
	"testing"
	"time"
)

const (
	us = time.Microsecond
	ms = time.Millisecond
)

// cases are what the tests of the dashboard compare with, too: it has the rule in TypeScript.
func cases(t *testing.T, function string) []struct {
	NS   time.Duration
	Want string
} {
	t.Helper()
	content, err := os.ReadFile("testdata/cases.json")
	if err != nil {
		t.Fatal(err)
	}
	var all map[string][]struct {
		NS   time.Duration
		Want string
	}
	if err := json.Unmarshal(content, &all); err != nil {
		t.Fatal(err)
	}
	if len(all[function]) == 0 {
		t.Fatalf("there are no cases of %s", function)
	}
	return all[function]
}

func TestText(t *testing.T) {
	for _, test := range cases(t, "text") {
		if got := Text(test.NS); got != test.Want {
			t.Errorf("Text(%s) = %q, want %q", test.NS, got, test.Want)
		}
	}
}

func TestSeconds(t *testing.T) {
	for _, test := range cases(t, "seconds") {
		if got := Seconds(test.NS); got != test.Want {
			t.Errorf("Seconds(%s) = %q, want %q", test.NS, got, test.Want)
		}
	}
}

func TestDistinct(t *testing.T) {
	tests := []struct {
		a, b         time.Duration
		textA, textB string
	}{
		{80 * ms, 50 * ms, "80 ms", "50 ms"},
		{1240 * ms, 800 * ms, "1.24 s", "800 ms"},
		{50_020 * us, 50 * ms, "50.02 ms", "50 ms"},
		{50*ms + 1, 50 * ms, "50.000001 ms", "50 ms"},
		{time.Second + 1, time.Second, "1.000000001 s", "1 s"},
		{1200 * us, 500, "1.2 ms", "500 ns"},
		{2*time.Minute + 200*ms, 2 * time.Minute, "2 min 0.2 s", "2 min"},
		{time.Hour + 50*time.Second, time.Hour, "1 h 50 s", "1 h"},
		{25*time.Hour + 10*time.Minute, 25 * time.Hour, "1 d 1 h 10 min", "1 d 1 h"},
		{1243 * ms, 810 * ms, "1.24 s", "810 ms"},
		{50 * ms, 50 * ms, "50 ms", "50 ms"},
	}
	for _, test := range tests {
		if a, b := Distinct(test.a, test.b); a != test.textA || b != test.textB {
			t.Errorf("Distinct(%s, %s) = %q, %q, want %q, %q", test.a, test.b, a, b, test.textA, test.textB)
		}
	}
}

func TestDistinctTellsEveryPairApart(t *testing.T) {
	for d := time.Duration(1); d < math.MaxInt64/4; d = 3*d + 1 {
		for _, more := range []time.Duration{1, d/1000 + 1, d/2 + 1} {
			if a, b := Distinct(d+more, d); a == b {
				t.Errorf("Distinct(%s, %s) = %q, %q", d+more, d, a, b)
			}
		}
	}
}
