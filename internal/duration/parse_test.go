package duration

import (
	"testing"
	"time"
)

func TestParse(t *testing.T) {
	for text, want := range map[string]time.Duration{
		"3d": 72 * time.Hour, "2w": 336 * time.Hour, "1w2d": 216 * time.Hour, "1d12h": 36 * time.Hour,
		"0.5d": 12 * time.Hour, "1.5w": 252 * time.Hour, "30d": 720 * time.Hour, "1d1ms": 24*time.Hour + time.Millisecond,
		"0": 0, "90s": 90 * time.Second, "1h30m": 90 * time.Minute, "+2s": 2 * time.Second, "1us": time.Microsecond,
		"2562047h47m16.854775807s": 1<<63 - 1,
	} {
		if got, err := Parse(text); err != nil || got != want {
			t.Errorf("%q: got %v, %v, want %v", text, got, err, want)
		}
	}
	for _, text := range []string{
		"", "d", "w", "3", "3D", "-3d", "+3d", "1d-2h", "1d+2h", "3d2w", "1d 2h", "1h2d", "1e3d", "1_0d", "infd", "nand", "1..5d",
		"106752d", "20000w", "1d2562047h", "-1s", "3days", "3 d", "5x", "0x1d",
	} {
		if got, err := Parse(text); err == nil {
			t.Errorf("%q: got %v, want an error", text, got)
		}
	}
}
