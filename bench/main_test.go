package main

import (
	"errors"
	"io"
	"slices"
	"testing"
	"time"
)

func TestParse(t *testing.T) {
	o, err := parse([]string{"-only", "size,report", "-events", "20000,1000", "-turn", "1s"}, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(o.only, []string{"size", "report"}) || !slices.Equal(o.events, []int{1000, 20000}) || o.turn != time.Second || o.count != 5 {
		t.Errorf("got %+v", o)
	}
}

func TestParseRefuses(t *testing.T) {
	for _, args := range [][]string{
		{"-only", "speed"}, {"-events", "many"}, {"-events", "10"}, {"-count", "0"}, {"-connections", "0"}, {"-turn", "0s"}, {"extra"}, {"-no-such-flag"},
	} {
		if _, err := parse(args, io.Discard); !errors.Is(err, errUsage) {
			t.Errorf("%v: error %v, want a usage error", args, err)
		}
	}
}
