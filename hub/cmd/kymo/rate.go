package main

import (
	"fmt"
	"time"

	"github.com/kymohq/kymo/hub/internal/term"
	"github.com/kymohq/kymo/internal/duration"
)

// inTime tells how long so many things took, and how many that is in a second, unless
// it took less than one: then it would say more about the start than about the rest.
func inTime(took time.Duration, n int64, things string) string {
	if took < time.Second {
		return "in " + duration.Text(took.Round(time.Millisecond))
	}
	text := "in " + duration.Seconds(took)
	if rate := int64(float64(n) / took.Seconds()); rate >= 1 {
		text += fmt.Sprintf(" (%s %s/s)", term.Thousands(rate), things)
	}
	return text
}
