// Package term writes to a terminal, or to a file or pipe in its place. A Screen
// is what output goes to; Table aligns rows for it, Frame redraws lines in place,
// Progress shows how far a long operation is, and Bars how far several are, one after
// another.
package term

import (
	"io"
	"os"

	"golang.org/x/term"
)

// Screen describes where output goes. The zero value is a file or a pipe: no
// colors, nothing redrawn, lines of any length.
type Screen struct {
	Terminal bool // can be redrawn
	Color    bool
	Width    int // in characters; 0 is unlimited
	Height   int // in lines; 0 is unlimited
}

// ScreenOf returns the screen that w writes to. Of the environment variables,
// TERM and NO_COLOR matter.
func ScreenOf(w io.Writer, vars map[string]string) Screen {
	f, ok := w.(*os.File)
	if !ok || !term.IsTerminal(int(f.Fd())) {
		return Screen{}
	}
	width, height, err := term.GetSize(int(f.Fd()))
	if err != nil {
		width, height = 80, 24
	}
	return terminalScreen(width, height, vars)
}

// terminalScreen is the screen of a terminal; see https://no-color.org.
func terminalScreen(width, height int, vars map[string]string) Screen {
	capable := vars["TERM"] != "dumb"
	return Screen{
		Terminal: capable,
		Color:    capable && vars["NO_COLOR"] == "",
		Width:    width,
		Height:   height,
	}
}

// MakeRaw makes stdin deliver single keys instead of lines, if both it and the
// screen are a terminal, and returns how to undo that; otherwise ok is false.
// Control characters then arrive as bytes: Ctrl-C is no signal.
func (s Screen) MakeRaw(stdin io.Reader) (restore func(), ok bool) {
	f, isFile := stdin.(*os.File)
	if !isFile || !s.Terminal || !term.IsTerminal(int(f.Fd())) {
		return nil, false
	}
	before, err := term.MakeRaw(int(f.Fd()))
	if err != nil {
		return nil, false
	}
	return func() { _ = term.Restore(int(f.Fd()), before) }, true // a terminal that is gone needs none
}

// Style is an ANSI rendition.
type Style string

// The styles there are.
const (
	Plain  Style = ""
	Bold   Style = "1"
	Dim    Style = "2"
	Red    Style = "31"
	Yellow Style = "33"
)

// Paint returns text in the style if the screen has colors.
func (s Screen) Paint(text string, st Style) string {
	if !s.Color || st == Plain || text == "" {
		return text
	}
	return "\x1b[" + string(st) + "m" + text + "\x1b[0m"
}

// fit cuts a line to the screen's width. Escape sequences take no room.
func (s Screen) fit(line string) string {
	if s.Width <= 0 {
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
			if width++; width > s.Width {
				return line[:i] + s.reset()
			}
		}
	}
	return line
}

// reset ends any rendition.
func (s Screen) reset() string {
	if s.Color {
		return "\x1b[0m"
	}
	return ""
}
