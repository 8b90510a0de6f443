// Package fileimport sends requests that are recorded in files to a hub. A Source
// is one file (source.go), in a format of a table (format.go). An Importer first checks each (Check): it reads it to
// its end, so that a bad line is found before anything is sent, and takes the
// identity of its batches from its content. Then it sends it (Send): it reads it
// again, in batches of a fixed number of rows (read.go), some of which are on their
// way at once (send.go). So a file that is imported again counts nothing twice.
package fileimport

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"io"
	"time"

	"github.com/kymohq/kymo/hub/internal/client"
	"github.com/kymohq/kymo/hub/internal/retry"
)

// Importer sends sources to a hub.
type Importer struct {
	Hub   *client.Client
	Retry retry.Policy // of each batch
	Stdin io.Reader
	// Progress, if not nil, is called from time to time, first with nothing done.
	Progress func(p Phase, s *Source, rows, bytes int64)
}

// Phase is what an Importer is doing with a source.
type Phase int

// The phases, in order.
const (
	Checking Phase = iota
	Importing
)

func (p Phase) String() string {
	if p == Checking {
		return "checking"
	}
	return "importing"
}

func (imp *Importer) progress(p Phase, s *Source, rows, bytes int64) {
	if imp.Progress != nil {
		imp.Progress(p, s, rows, bytes)
	}
}

var errInterrupted = errors.New("interrupted")

// Check reads a regular file to its end, so that a bad line is found before
// anything is sent, and takes its identity. Another source cannot be read twice:
// it gets an identity of its own.
func (imp *Importer) Check(ctx context.Context, s *Source) error {
	if !s.regular {
		s.instance = "import-" + rand.Text()
		return nil
	}
	f, err := s.open(nil)
	if err != nil {
		return err
	}
	defer f.Close()
	imp.progress(Checking, s, 0, 0)
	content, rows := &counter{r: f, sum: sha256.New()}, int64(0)
	for b, err := range s.batches(content, time.Now()) {
		if err != nil {
			return err
		}
		if ctx.Err() != nil {
			return errInterrupted
		}
		rows += int64(b.Len())
		imp.progress(Checking, s, rows, content.bytes)
	}
	s.instance = s.identity(content.sum)
	return nil
}
