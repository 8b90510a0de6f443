package main

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"iter"
	"time"

	"github.com/kymohq/kymo/hub/internal/ingest"
	"github.com/kymohq/kymo/hub/internal/template"
	"github.com/kymohq/kymo/hub/internal/term"
	"github.com/kymohq/kymo/internal/wire"
)

// batchRows is how many rows go into one batch. The identity of a row is its
// batch and its place there, so another number would make a file that is
// imported again count twice.
const batchRows = 8192

// readers are the formats.
var readers = map[string]func(io.Reader, ingest.Options) iter.Seq2[*wire.Batch, error]{
	"csv":    ingest.CSV,
	"ndjson": ingest.NDJSON,
}

// counter counts the bytes that were read through it and sums them up.
type counter struct {
	r     io.Reader
	sum   hash.Hash
	bytes int64
}

func (c *counter) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.sum.Write(p[:n])
	c.bytes += int64(n)
	return n, err
}

// identity is the instance of a file's batches: what they are depends on its
// content, the service and how many rows a batch has, and on nothing else.
func (s *source) identity(content hash.Hash) string {
	sum := sha256.New()
	fmt.Fprintf(sum, "%x %d %s", content.Sum(nil), batchRows, s.service)
	return "import-" + hex.EncodeToString(sum.Sum(nil)[:20])
}

// batches reads r and yields its rows in batches of batchRows, valid until the next.
func (s *source) batches(r io.Reader, now time.Time) iter.Seq2[*wire.Batch, error] {
	return func(yield func(*wire.Batch, error) bool) {
		o := ingest.Options{
			Templates: template.New(template.Limits{}),
			Service:   s.service,
			Now:       now,
			Instance:  "import",
		}
		out, sequence := wire.NewBuilder(), uint64(0)
		flush := func() bool {
			ok := yield(out.Batch(s.instance, sequence), nil)
			sequence++
			out.Reset()
			return ok
		}
		for b, err := range readers[s.format](r, o) {
			if err != nil {
				yield(nil, s.readError(err))
				return
			}
			for i := range b.Len() {
				request := b.Request(i)
				out.Add(&request)
				if out.Len() == batchRows && !flush() {
					return
				}
			}
		}
		if out.Len() > 0 {
			flush()
		}
	}
}

// readError puts the file before the line.
func (s *source) readError(err error) error {
	var bad *ingest.Error
	if errors.As(err, &bad) && bad.Line > 0 {
		text := bad.Problem
		if bad.Field != "" {
			text = bad.Field + ": " + text
		}
		return fmt.Errorf("%s:%d: %s", s.name, bad.Line, text)
	}
	return fmt.Errorf("%s: %w", s.name, err)
}

// check reads a regular file to its end, so that a bad line is found before
// anything was sent, and takes its identity. Another source cannot be read
// twice: it gets an identity of its own.
func (imp *importer) check(s *source) error {
	if !s.regular {
		s.instance = "import-" + rand.Text()
		return nil
	}
	f, err := s.open(nil)
	if err != nil {
		return err
	}
	defer f.Close()
	bar := term.NewProgress(imp.env.stderr, imp.screen, imp.now, "checking "+s.name, s.size)
	defer bar.Clear()
	content, rows := &counter{r: f, sum: sha256.New()}, int64(0)
	for b, err := range s.batches(content, imp.now()) {
		if err != nil {
			return err
		}
		if err := imp.env.ctx.Err(); err != nil {
			return errInterrupted
		}
		rows += int64(b.Len())
		bar.Show(rows, content.bytes)
	}
	s.instance = s.identity(content.sum)
	return nil
}

var errInterrupted = errors.New("interrupted")
