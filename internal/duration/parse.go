package duration

import (
	"errors"
	"math"
	"strconv"
	"strings"
	"time"
)

var errParse = errors.New("not a duration")

// Parse reads a duration of at least 0 as time.ParseDuration does, and before that weeks
// of seven days and days of 24 hours: 3d, 2w, 1d12h.
func Parse(text string) (time.Duration, error) {
	rest, total := text, 0.0
	for _, unit := range []struct {
		suffix string
		length time.Duration
	}{{"w", 7 * day}, {"d", day}} {
		number, after, found := strings.Cut(rest, unit.suffix)
		if !found {
			continue
		}
		if strings.Trim(number, "0123456789.") != "" {
			return 0, errParse
		}
		n, err := strconv.ParseFloat(number, 64)
		if err != nil {
			return 0, errParse
		}
		total += n * float64(unit.length)
		rest = after
	}
	if rest != "" || text == "" {
		d, err := time.ParseDuration(rest)
		if err != nil || d < 0 || rest != text && strings.ContainsAny(rest[:1], "+-") {
			return 0, errParse
		}
		if rest == text {
			return d, nil
		}
		total += float64(d)
	}
	if total >= math.MaxInt64 {
		return 0, errParse
	}
	return time.Duration(total), nil
}
