package main

import (
	"fmt"
	"io"
	"os"
	"strings"

	"golang.org/x/term"
)

// screen is what is known of where output goes. The zero value is a file or a
// pipe: no colour, nothing redrawn, as wide as it takes.
type screen struct {
	terminal bool // it can be redrawn
	color    bool
	width    int // in characters, 0 if there is no bound
	height   int // in lines, 0 if there is no bound
}

func screenOf(w io.Writer, vars map[string]string) screen {
	f, ok := w.(*os.File)
	if !ok || !term.IsTerminal(int(f.Fd())) {
		return screen{}
	}
	width, height, err := term.GetSize(int(f.Fd()))
	if err != nil {
		width, height = 80, 24
	}
	return terminalScreen(width, height, vars)
}

// terminalScreen is the screen of a terminal; see https://no-color.org.
func terminalScreen(width, height int, vars map[string]string) screen {
	capable := vars["TERM"] != "dumb"
	return screen{
		terminal: capable,
		color:    capable && vars["NO_COLOR"] == "",
		width:    width,
		height:   height,
	}
}

// style is an ANSI rendition; empty for plain.
type style string

const (
	plain  style = ""
	bold   style = "1"
	dim    style = "2"
	red    style = "31"
	yellow style = "33"
)

// paint returns text in the style if the screen has colours.
func (s screen) paint(text string, st style) string {
	if !s.color || st == plain || text == "" {
		return text
	}
	return "\x1b[" + string(st) + "m" + text + "\x1b[0m"
}

// frame redraws a block of lines in place. A line that is wider than the screen
// would take two of its lines, so it is cut.
type frame struct {
	w      io.Writer
	screen screen
	drawn  int // lines that the last draw left on the screen
}

// draw replaces what the last draw wrote. Lines that the screen has no room for
// are left out: the cursor could not come back to them.
func (f *frame) draw(lines []string) {
	if h := f.screen.height; h > 1 && len(lines) > h-1 {
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
	io.WriteString(f.w, b.String())
	f.drawn = len(lines)
}

// fit cuts a line to the screen's width. What is painted takes no room.
func (s screen) fit(line string) string {
	if s.width <= 0 {
		return line
	}
	width, escape := 0, false
	for i, r := range line {
		switch {
		case r == '\x1b':
			escape = true
		case escape:
			escape = r != 'm'
		default:
			if width++; width > s.width {
				return line[:i] + s.reset()
			}
		}
	}
	return line
}

// reset ends whatever rendition is on.
func (s screen) reset() string {
	if s.color {
		return "\x1b[0m"
	}
	return ""
}
