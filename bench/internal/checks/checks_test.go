package checks

import (
	"strconv"
	"strings"
	"testing"
	"time"
)

// A small run has every row, and every contender ran every check.
func TestTable(t *testing.T) {
	const checks = 20
	table, err := Table(Config{Rounds: 1, Turn: 500 * time.Millisecond, Checks: checks, Interval: 100 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	if want := 3 * len(contenders); len(table.Rows) != want {
		t.Fatalf("%d rows, want %d", len(table.Rows), want)
	}
	for _, row := range table.Rows {
		runs, err := strconv.ParseFloat(strings.ReplaceAll(row[2], ",", ""), 64)
		// Nominal is 200 a second; a busy machine may fall far behind.
		if err != nil || runs < 20 || runs > 450 {
			t.Errorf("%v: %s runs a second of %d checks", row[:2], row[2], checks)
		}
	}
}
