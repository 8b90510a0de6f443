package demo

import (
	"bufio"
	"io"
	"strings"
	"testing"

	"github.com/kymohq/kymo/hub/internal/term"
)

// TestKeys are read from lines as well as one by one.
func TestKeys(t *testing.T) {
	for name, read := range map[string]func(*bufio.Reader, func(byte) bool){"dxs": singleKeys, "d\nxyz\n\ns": lineKeys} {
		for last, want := range map[byte]string{0: "dxs", 'x': "dx"} {
			got := ""
			read(bufio.NewReader(strings.NewReader(name)), func(key byte) bool {
				got += string(key)
				return key != last
			})
			if got != want {
				t.Errorf("%q until %q: %q, want %q", name, last, got, want)
			}
		}
	}
	quit := 0
	c := newControls(nil, func() { quit++ })
	for _, key := range []byte{'q', ctrlC, ctrlD} {
		if text := c.press(key); text != "" {
			t.Errorf("%q says %q", key, text)
		}
	}
	if quit != 3 {
		t.Errorf("quit %d times", quit)
	}
	// An event after the end of the live view is dropped.
	c, _ = troubled(t)
	ended := make(chan bool)
	in, out := io.Pipe()
	restore := c.read(in, term.Screen{})
	go func() {
		defer close(ended)
		io.WriteString(out, "s\n")
		out.Close()
	}()
	<-ended
	restore()
}
