package e2e

import (
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// importing is a kymo import that is under way.
type importing struct {
	t       *testing.T
	h       *hub
	service string
	path    string // of the file; "" is standard input
	command *exec.Cmd
	output  strings.Builder
	ended   chan struct{}
	status  error
	resume  chan struct{} // closed to give standard input its rest
}

// startImport starts to import the events, which are of one service, and returns
// once the hub has some of them.
func startImport(t *testing.T, h *hub, events []event, fromFile bool) *importing {
	t.Helper()
	i := &importing{t: t, h: h, service: events[0].service}
	lines := encodeCSV(events)
	if fromFile {
		i.path = filepath.Join(t.TempDir(), "requests.csv")
		if err := os.WriteFile(i.path, lines, 0o600); err != nil {
			t.Fatal(err)
		}
		i.start(nil)
	} else {
		// The importer reads 65,536 rows before it sends the first.
		first := len(encodeCSV(events[:3*len(events)/4]))
		i.resume = make(chan struct{})
		in, out := io.Pipe()
		go func() {
			_, _ = out.Write(lines[:first]) // An importer that stops reading reports why itself.
			select {
			case <-i.resume:
				_, _ = out.Write(lines[first:])
			case <-t.Context().Done():
			}
			out.Close()
		}()
		i.start(in)
	}
	eventually(t, time.Minute, "some of an import is there", func() bool {
		select {
		case <-i.ended:
			return true
		default:
			var known struct{ Services []string }
			h.get("/api/v1/services", &known)
			return slices.Contains(known.Services, i.service)
		}
	})
	return i
}

func (i *importing) start(stdin io.ReadCloser) {
	name := "-"
	if i.path != "" {
		name = i.path
	}
	i.command = kymo(i.t, "import", "--hub", i.h.url, "--timeout", "1m", "--format", "csv", "--service", i.service, name)
	i.command.Stdout, i.command.Stderr = &i.output, &i.output
	if stdin != nil {
		i.command.Stdin = stdin
		i.command.Cancel = func() error { // Its input may never end.
			stdin.Close()
			return i.command.Process.Kill()
		}
	}
	if err := i.command.Start(); err != nil {
		i.t.Fatal(err)
	}
	ended := make(chan struct{})
	i.ended = ended
	go func() {
		i.status = i.command.Wait()
		close(ended)
	}()
}

// underWay reports whether the import has not ended.
func (i *importing) underWay() bool {
	select {
	case <-i.ended:
		return false
	default:
		return true
	}
}

// kill ends the import by SIGKILL, unless it has ended.
func (i *importing) kill() {
	_ = i.command.Process.Kill()
	<-i.ended
}

// finish waits for the import's end. One that was killed is begun anew; one
// from a file is done again at the end, when all of it must be there.
func (i *importing) finish(killed bool) {
	i.t.Helper()
	if i.resume != nil {
		close(i.resume)
	}
	if killed {
		i.output.Reset()
		i.start(nil)
	}
	i.wait()
	if i.path == "" {
		return
	}
	i.output.Reset()
	i.start(nil)
	if i.wait(); !strings.Contains(i.output.String(), "all of which were already there") {
		i.t.Errorf("a second import of the same file: %s", i.output.String())
	}
}

func (i *importing) wait() {
	i.t.Helper()
	select {
	case <-i.ended:
	case <-time.After(60 * time.Second):
		i.t.Fatal("the import does not end")
	}
	if i.status != nil {
		i.t.Errorf("kymo import: %v\n%s", i.status, i.output.String())
	}
}
