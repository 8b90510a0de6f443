package duration

import (
	"math"
	"testing"
	"time"
)

const (
	us = time.Microsecond
	ms = time.Millisecond
)

func TestText(t *testing.T) {
	tests := []struct {
		d    time.Duration
		want string
	}{
		{0, "0 ms"},
		{2, "2 ns"},
		{999, "999 ns"},
		{1234, "1.23 µs"},
		{99_960, "0.1 ms"}, // not 100 µs
		{850 * us, "0.85 ms"},
		{999_600, "1 ms"},
		{12_340 * us, "12.3 ms"},
		{80 * ms, "80 ms"},
		{999_400 * us, "999 ms"},
		{999_600 * us, "1 s"}, // not 1000 ms
		{1240 * ms, "1.24 s"},
		{1500 * ms, "1.5 s"},
		{2 * time.Second, "2 s"},
		{59_940 * ms, "59.9 s"},
		{59_950 * ms, "1 min"}, // not 60 s
		{90 * time.Second, "1 min 30 s"},
		{120 * time.Second, "2 min"},
		{1234*time.Second + 600*ms, "20 min 35 s"},
		{time.Hour - 400*ms, "1 h"}, // not 60 min
		{time.Hour + 59*time.Second, "1 h"},
		{3*time.Hour + 20*time.Minute, "3 h 20 min"},
		{3*time.Hour + 10*time.Minute + 59*time.Second, "3 h 10 min"},
		{25*time.Hour + 10*time.Minute, "1 d 1 h"},
		{168 * time.Hour, "7 d"},
		{-1240 * ms, "-1.24 s"},
		{math.MaxInt64, "106751 d 23 h"},
		{math.MinInt64, "-106751 d 23 h"},
	}
	for _, test := range tests {
		if got := Text(test.d); got != test.want {
			t.Errorf("Text(%s) = %q, want %q", test.d, got, test.want)
		}
	}
}

func TestSeconds(t *testing.T) {
	tests := []struct {
		d    time.Duration
		want string
	}{
		{400 * ms, "0 s"},
		{600 * ms, "1 s"},
		{30_600 * ms, "31 s"},
		{59_600 * ms, "1 min"},
		{125 * time.Second, "2 min 5 s"},
		{3*time.Hour + 10*time.Minute + 59*time.Second, "3 h 10 min"},
	}
	for _, test := range tests {
		if got := Seconds(test.d); got != test.want {
			t.Errorf("Seconds(%s) = %q, want %q", test.d, got, test.want)
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
