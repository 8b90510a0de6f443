package term

import (
	"os"
	"strings"
	"testing"
)

func TestScreen(t *testing.T) {
	tests := []struct {
		name string
		vars map[string]string
		want Screen
	}{
		{"a terminal", nil, Screen{Terminal: true, Color: true, Width: 80, Height: 24}},
		{"NO_COLOR", map[string]string{"NO_COLOR": "1"}, Screen{Terminal: true, Width: 80, Height: 24}},
		{"a dumb one", map[string]string{"TERM": "dumb"}, Screen{Width: 80, Height: 24}},
	}
	for _, test := range tests {
		if got := terminalScreen(80, 24, test.vars); got != test.want {
			t.Errorf("%s: got %+v, want %+v", test.name, got, test.want)
		}
	}
	pipe, _, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer pipe.Close()
	if got := ScreenOf(pipe, nil); got != (Screen{}) {
		t.Errorf("a pipe: got %+v", got)
	}
	if got := ScreenOf(new(strings.Builder), nil); got != (Screen{}) {
		t.Errorf("a buffer: got %+v", got)
	}
}
