package text

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/kymohq/kymo/health"
	"github.com/kymohq/kymo/hub/internal/figure"
	"github.com/kymohq/kymo/hub/internal/term"
)

// maxCheckLine bounds a line of CheckLines, in runes.
const maxCheckLine = 320

// Checks writes the lines of CheckLines.
func Checks(w io.Writer, a *health.Answer) error {
	_, err := io.WriteString(w, strings.Join(CheckLines(a), "\n")+"\n")
	return err
}

// CheckLines returns a line for each check, those that are not healthy first: the log of
// a container's health keeps the beginning of an output, 4096 bytes in Docker.
func CheckLines(a *health.Answer) []string {
	names := ByName(a.Checks)
	slices.SortStableFunc(names, func(x, y string) int {
		return cmp.Compare(urgency(a.Checks[x].State), urgency(a.Checks[y].State))
	})
	lines := make([]string, len(names))
	for i, name := range names {
		c := a.Checks[name]
		line := name + ": " + State(&c)
		if c.Critical {
			line += ", critical"
		}
		line += fmt.Sprintf(", %s ms", figure.Thousands(c.ResponseTimeMS))
		if why := reason(&c); why != "" {
			line += ": " + why
		}
		lines[i] = term.Clip(term.OneLine(line), maxCheckLine)
	}
	return lines
}

// urgency orders states, the one to look at first before the others.
func urgency(s health.Status) int {
	return slices.Index([]health.Status{health.Down, health.Degraded, health.Unknown, health.Healthy}, s)
}
