package main

import (
	"io"
	"log/slog"

	"github.com/kymohq/kymo/internal/printable"
)

// newLogger returns a logger of lines of text.
func newLogger(w io.Writer, level slog.Leveler) *slog.Logger {
	return slog.New(slog.NewTextHandler(logLines{w}, &slog.HandlerOptions{Level: level}))
}

// logLines replaces characters that deceive in lines of a log, each of which is a
// Write. The handler escapes most of them, but no DEL and no blank letters.
type logLines struct{ to io.Writer }

func (l logLines) Write(line []byte) (int, error) {
	text := string(line[:len(line)-1]) // without the line break
	if printable.Is(text) {
		return l.to.Write(line)
	}
	if _, err := io.WriteString(l.to, printable.Clean(text)+"\n"); err != nil {
		return 0, err
	}
	return len(line), nil
}
