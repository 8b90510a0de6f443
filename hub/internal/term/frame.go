package term

import (
	"fmt"
	"io"
	"strings"
)

// Frame redraws a block of lines in place. A line wider than the screen would
// occupy two of its lines, so it is cut.
type Frame struct {
	w      io.Writer
	screen Screen
	drawn  int // lines that the last Draw left on the screen
}

// NewFrame returns a frame that is drawn below what w has written so far.
func NewFrame(w io.Writer, s Screen) *Frame { return &Frame{w: w, screen: s} }

// Draw replaces what the last Draw wrote. Lines that do not fit on the screen
// are left out: the cursor could not return to them.
func (f *Frame) Draw(lines []string) {
	if h := f.screen.Height; h > 1 && len(lines) > h-1 {
		lines = lines[:h-1]
	}
	var b strings.Builder
	if f.drawn > 0 {
		fmt.Fprintf(&b, "\x1b[%dA", f.drawn)
	}
	for _, line := range lines {
		b.WriteString("\r" + f.screen.fit(line) + "\x1b[K\n")
	}
	b.WriteString("\r\x1b[J") // a terminal in raw mode has left the cursor at the line's end
	_, _ = io.WriteString(f.w, b.String())
	f.drawn = len(lines)
}
