package term

import (
	"fmt"
	"time"

	"github.com/kymohq/kymo/hub/internal/figure"
	"github.com/kymohq/kymo/internal/duration"
)

// Took formats how long n things took, and their rate: in 3 s (2,500 rows/s). The
// rate is left out if it took less than a second, when it would mostly measure the
// start.
func Took(d time.Duration, n int64, things string) string {
	if d < time.Second {
		return "in " + duration.Text(d.Round(time.Millisecond))
	}
	text := "in " + duration.Seconds(d)
	if rate := int64(float64(n) / d.Seconds()); rate >= 1 {
		text += fmt.Sprintf(" (%s %s/s)", figure.Thousands(rate), things)
	}
	return text
}
