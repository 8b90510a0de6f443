package main

import (
	"os"
	"strings"
	"testing"
)

func TestScreen(t *testing.T) {
	tests := []struct {
		name string
		vars map[string]string
		want screen
	}{
		{"a terminal", nil, screen{terminal: true, color: true, width: 80, height: 24}},
		{"NO_COLOR", map[string]string{"NO_COLOR": "1"}, screen{terminal: true, width: 80, height: 24}},
		{"a dumb one", map[string]string{"TERM": "dumb"}, screen{width: 80, height: 24}},
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
	if got := screenOf(pipe, nil); got != (screen{}) {
		t.Errorf("a pipe: got %+v", got)
	}
	if got := screenOf(new(strings.Builder), nil); got != (screen{}) {
		t.Errorf("a buffer: got %+v", got)
	}
}

func TestFrame(t *testing.T) {
	var out strings.Builder
	f := &frame{w: &out, screen: screen{terminal: true, color: true, width: 5, height: 4}}
	f.draw([]string{"one", "two"})
	f.draw([]string{"\x1b[31mlonger\x1b[0m", "2", "3", "no room"})
	f.draw([]string{"\x1b[31mfives\x1b[0m"})
	want := "\rone\x1b[K\n\rtwo\x1b[K\n\r\x1b[J" +
		"\x1b[2A\r\x1b[31mlonge\x1b[0m\x1b[K\n\r2\x1b[K\n\r3\x1b[K\n\r\x1b[J" +
		"\x1b[3A\r\x1b[31mfives\x1b[0m\x1b[K\n\r\x1b[J"
	if out.String() != want {
		t.Errorf("got  %q\nwant %q", out.String(), want)
	}
	if got := (screen{width: 2}).fit("abc"); got != "ab" {
		t.Errorf("without colour: got %q", got)
	}
}
