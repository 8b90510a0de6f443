package ingest

import (
	"strings"
	"testing"
)

func TestNearest(t *testing.T) {
	known := []string{"hours", "service", "endpoint", "method", "sort", "limit"}
	for name, want := range map[string]string{
		"hour": "hours", "Hours": "hours", "end_point": "endpoint", "servcie": "service", "srot": "sort",
		"colour": "", "": "", strings.Repeat("hours", 20): "",
	} {
		if got := Nearest(name, known); got != want {
			t.Errorf("Nearest(%q) = %q; want %q", name, got, want)
		}
	}
}
