package demo

import (
	"bufio"
	"fmt"
	"io"
	"strings"

	"github.com/kymohq/kymo/hub/internal/term"
	"github.com/kymohq/kymo/internal/duration"
)

// controls are the keys with which the user causes faults: single keys on a
// terminal, a letter and Enter elsewhere.
type controls struct {
	*Backends
	quit   func()
	events chan string // what was done, for the live view
}

func newControls(b *Backends, quit func()) *controls {
	return &controls{Backends: b, quit: quit, events: make(chan string)}
}

// Control characters that a terminal in raw mode passes on instead of turning them
// into signals.
const (
	ctrlC = 0x03
	ctrlD = 0x04
)

// press performs the action of a key and returns what was done, or "" for a
// key without one.
func (c *controls) press(key byte) string {
	switch key {
	case 'd':
		return toggle(c.database, "the database")
	case 's':
		if c.database.turn(slowPace) == 0 {
			return "the database is as fast as before"
		}
		return "the database takes " + duration.Text(slowPace) + " for each answer"
	case 'f':
		if c.database.turn(frozenPace) == 0 {
			return "the database is thawed"
		}
		return "the database is frozen: it takes connections and does not answer"
	case 'r':
		return toggle(c.redis, "redis")
	case 'q', ctrlC, ctrlD:
		c.quit()
	}
	return ""
}

func toggle(s *standIn, name string) string {
	if !s.stopped() {
		s.stop()
		return name + " is stopped"
	}
	if err := s.start(); err != nil {
		return fmt.Sprintf("%s cannot be started (%s); try again", name, err)
	}
	return name + " is started"
}

const controlsHelp = "d stop, s slow, f freeze the database · r stop redis · q quit"

// read presses what comes from stdin, until restore is called. If both ends are
// a terminal it takes single keys, which needs raw mode: restore ends that, and
// must be called before the process ends.
func (c *controls) read(stdin io.Reader, s term.Screen) (restore func()) {
	restore = func() {}
	if stdin == nil {
		return restore
	}
	done := make(chan struct{})
	keys := lineKeys
	if raw, ok := s.MakeRaw(stdin); ok {
		keys, restore = singleKeys, raw
	}
	// Nothing ends a read of a terminal: the goroutine ends with the process.
	go keys(bufio.NewReader(stdin), func(key byte) bool {
		text := c.press(key)
		if text == "" {
			return true
		}
		select {
		case c.events <- text:
			return true
		case <-done:
			return false
		}
	})
	cooked := restore
	return func() {
		close(done)
		cooked()
	}
}

// singleKeys calls press with each byte, until that returns false.
func singleKeys(in *bufio.Reader, press func(byte) bool) {
	for {
		key, err := in.ReadByte()
		if err != nil || !press(key) {
			return
		}
	}
}

// lineKeys calls press with the first letter of each line, until that returns false.
func lineKeys(in *bufio.Reader, press func(byte) bool) {
	for {
		line, err := in.ReadString('\n')
		if text := strings.TrimSpace(line); text != "" && !press(text[0]) {
			return
		}
		if err != nil {
			return // the demo goes on without keys
		}
	}
}
