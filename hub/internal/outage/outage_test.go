package outage

import (
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"
)

// lines returns what was logged, without its time.
func lines(log *strings.Builder) []string {
	all := strings.Split(strings.TrimSpace(log.String()), "\n")
	for i, line := range all {
		_, all[i], _ = strings.Cut(line, " ")
	}
	return all
}

func TestLog(t *testing.T) {
	now := time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)
	var out strings.Builder
	l := Log{Logger: slog.New(slog.NewTextHandler(&out, nil)), Now: func() time.Time { return now }, Begin: "it fails", End: "it works", Count: "refused"}
	for second := range 2*3600 + 60 { // with a success between any two failures
		l.Failed(2, fmt.Errorf("no room in second %d", second))
		l.Worked()
		now = now.Add(time.Second)
	}
	for range 60 {
		l.Worked()
		now = now.Add(time.Second)
	}
	l.Failed(1, errors.New("again"))
	now = now.Add(settled)
	l.Worked()
	want := []string{
		`level=ERROR msg="it fails" error="no room in second 0"`,
		`level=ERROR msg="it fails" error="no room in second 3600" for="1 h" refused=7202`,
		`level=ERROR msg="it fails" error="no room in second 7200" for="2 h" refused=14402`,
		`level=INFO msg="it works" after="2 h" refused=14520`,
		`level=ERROR msg="it fails" error=again`,
		`level=INFO msg="it works" after="0 s" refused=1`,
	}
	if got := lines(&out); !slices.Equal(got, want) {
		t.Errorf("logged:\n%s\nwant:\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}
