package term

import (
	"strings"
	"testing"
)

func TestFrame(t *testing.T) {
	var out strings.Builder
	f := NewFrame(&out, Screen{Terminal: true, Color: true, Width: 5, Height: 4})
	f.Draw([]string{"one", "two"})
	f.Draw([]string{"\x1b[31mlonger\x1b[0m", "2", "3", "no room"})
	f.Draw([]string{"\x1b[31mfives\x1b[0m"})
	want := "\rone\x1b[K\n\rtwo\x1b[K\n\r\x1b[J" +
		"\x1b[2A\r\x1b[31mlonge\x1b[0m\x1b[K\n\r2\x1b[K\n\r3\x1b[K\n\r\x1b[J" +
		"\x1b[3A\r\x1b[31mfives\x1b[0m\x1b[K\n\r\x1b[J"
	if out.String() != want {
		t.Errorf("got  %q\nwant %q", out.String(), want)
	}
	if got := (Screen{Width: 2}).fit("abc"); got != "ab" {
		t.Errorf("without colour: got %q", got)
	}
}
