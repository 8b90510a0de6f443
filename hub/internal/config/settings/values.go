package settings

import (
	"errors"
	"fmt"
	"log/slog"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/kymohq/kymo/hub/internal/report"
	"github.com/kymohq/kymo/internal/duration"
)

func parseBool(text string) (bool, error) {
	v, err := strconv.ParseBool(text)
	if err != nil {
		return false, fmt.Errorf("%q is neither true nor false", text)
	}
	return v, nil
}

// Duration parses a duration above 0, like 30m or 7d.
func Duration(text string) (time.Duration, error) {
	d, err := duration.Parse(text)
	if err != nil || d <= 0 {
		return 0, fmt.Errorf("%q is not a duration; write one above 0 with its unit, like 7d, 168h, 30m or 500ms", text)
	}
	return d, nil
}

func parseLevel(text string) (slog.Level, error) {
	for _, level := range []slog.Level{slog.LevelDebug, slog.LevelInfo, slog.LevelWarn, slog.LevelError} {
		if strings.EqualFold(text, level.String()) {
			return level, nil
		}
	}
	return 0, fmt.Errorf("%q is not a level; must be one of debug, info, warn, error", text)
}

// sizeUnits are in the order in which parseSize tries them.
var sizeUnits = []struct {
	suffix string
	bytes  float64
}{
	{"KiB", 1 << 10}, {"MiB", 1 << 20}, {"GiB", 1 << 30}, {"TiB", 1 << 40},
	{"kB", 1e3}, {"KB", 1e3}, {"MB", 1e6}, {"GB", 1e9}, {"TB", 1e12},
	{"B", 1},
}

func parseSize(text string) (int64, error) {
	for _, unit := range sizeUnits {
		number, ok := strings.CutSuffix(text, unit.suffix)
		if !ok {
			continue
		}
		n, err := strconv.ParseFloat(strings.TrimSpace(number), 64)
		if size := n * unit.bytes; err == nil && size >= 1 && size < math.MaxInt64 {
			return int64(size), nil
		}
		break
	}
	return 0, fmt.Errorf("%q is not a size; write a number above 0 with its unit, like 20GiB or 500MB", text)
}

// parseShare reads a share of 1, also as a percentage.
func parseShare(text string) (float64, error) {
	number, isPercent := strings.CutSuffix(text, "%")
	share, err := strconv.ParseFloat(strings.TrimSpace(number), 64)
	if isPercent {
		share /= 100
	}
	if err != nil || !(share >= 0 && share <= 1) { // what is not a number is neither
		return 0, fmt.Errorf("%q is not a share; write one from 0 to 1, like 0.8 or 80%%", text)
	}
	return share, nil
}

// parseRoutes reads "endpoint=target,endpoint=target".
func parseRoutes(text string) ([]report.RouteTarget, error) {
	var routes []report.RouteTarget
	for part := range strings.SplitSeq(text, ",") {
		i := strings.LastIndexByte(part, '=')
		if i < 0 {
			return nil, fmt.Errorf("%q has no target; write endpoint=target, like /reports/{id}=5s", part)
		}
		endpoint := strings.TrimSpace(part[:i])
		if endpoint == "" {
			return nil, errors.New("endpoint is missing; write a route template, like /reports/{id}")
		}
		target, err := Duration(strings.TrimSpace(part[i+1:]))
		if err != nil {
			return nil, fmt.Errorf("target of %s: %w", endpoint, err)
		}
		routes = append(routes, report.RouteTarget{Endpoint: endpoint, Target: target})
	}
	return routes, nil
}
