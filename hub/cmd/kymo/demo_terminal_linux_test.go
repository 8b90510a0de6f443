package main

import (
	"fmt"
	"os"
	"reflect"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"unsafe"

	"golang.org/x/term"
)

// pseudoTerminal returns both ends of a pseudoterminal: bytes written to the keyboard are
// typed at the terminal.
func pseudoTerminal(t *testing.T) (keyboard, terminal *os.File) {
	t.Helper()
	control := func(request uintptr, arg unsafe.Pointer) {
		t.Helper()
		if _, _, errno := syscall.Syscall(syscall.SYS_IOCTL, keyboard.Fd(), request, uintptr(arg)); errno != 0 {
			t.Fatal(errno)
		}
	}
	keyboard, err := os.OpenFile("/dev/ptmx", os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { keyboard.Close() })
	var unlock, number int32
	control(syscall.TIOCSPTLCK, unsafe.Pointer(&unlock))
	control(syscall.TIOCGPTN, unsafe.Pointer(&number))
	control(syscall.TIOCSWINSZ, unsafe.Pointer(&[4]uint16{40, 200, 0, 0}))
	terminal, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { terminal.Close() })
	return keyboard, terminal
}

// TestDemoOnATerminal takes single keys, shows what they do, ends with Ctrl-C,
// and leaves the terminal as it was.
func TestDemoOnATerminal(t *testing.T) {
	keyboard, terminal := pseudoTerminal(t)
	before, err := term.GetState(int(terminal.Fd()))
	if err != nil {
		t.Fatal(err)
	}
	// Each text is answered with a key, once.
	steps := []struct{ seen, press string }{
		{"keys       d stop, s slow", "r"},
		{"redis is stopped", "s"},
		{"the database takes 700 ms for each answer", "\x03"},
	}
	var text strings.Builder
	var reading sync.WaitGroup
	last := regexp.MustCompile(`load generator sent (\d+) requests?; Kymo reports (\d+)`)
	reading.Go(func() {
		chunk := make([]byte, 4096)
		for last.FindString(text.String()) == "" {
			n, err := keyboard.Read(chunk)
			if err != nil {
				return
			}
			text.Write(chunk[:n])
			if len(steps) > 0 && strings.Contains(text.String(), steps[0].seen) {
				if _, err := keyboard.WriteString(steps[0].press); err != nil {
					t.Error(err)
				}
				steps = steps[1:]
			}
		}
	})
	t.Setenv("TMPDIR", t.TempDir())
	var stderr strings.Builder
	status := run(t.Context(), []string{"demo", "--rate", "50"}, terminal, terminal, &stderr, nil)
	if status != exitOK {
		t.Fatalf("status %d, stderr %s", status, stderr.String()) // the last line will not come
	}
	after, err := term.GetState(int(terminal.Fd()))
	if err != nil {
		t.Fatal(err)
	}
	reading.Wait()
	m := last.FindStringSubmatch(text.String())
	if status != exitOK || m == nil || m[1] != m[2] || len(steps) > 0 {
		t.Errorf("status %d, stderr %s, without %v, terminal\n%s", status, stderr.String(), steps, text.String())
	}
	if !reflect.DeepEqual(before, after) {
		t.Errorf("the terminal was %+v and is %+v", before, after)
	}
}
