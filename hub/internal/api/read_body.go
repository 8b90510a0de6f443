package api

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

// Limits on a body.
const (
	maxWire       = 8 << 20  // bytes as sent
	maxDecoded    = 32 << 20 // bytes after decompression
	maxRatio      = 100      // decoded to sent,
	freeRatio     = 1 << 20  // from so many decoded bytes on: little text may repeat a lot
	minZstdWindow = 1 << 20  // of a zstd stream: what any may use,
	maxZstdWindow = 8 << 20  // and the most, as RFC 8878 recommends

	maxSpare = 4 << 20 // a buffer larger than this is not kept
)

// bodyError is the answer to a body that could not be read. It is not a
// wire.FieldError, which is about an element of a body that was read.
type bodyError struct {
	status int
	field  string
	detail string
}

func (e *bodyError) Error() string { return e.detail }

var errBusy = &bodyError{http.StatusServiceUnavailable, "body", "too many bodies are being read at once; try again"}

func tooLarge(format string, args ...any) *bodyError {
	return &bodyError{http.StatusRequestEntityTooLarge, "body", fmt.Sprintf(format, args...)}
}

// body is one that was read; free it after use.
type body struct {
	data   []byte
	room   int   // for data, of the quota
	wire   int64 // bytes as sent
	quota  int64
	memory *memoryBudget
}

var buffers = sync.Pool{New: func() any { return new([]byte) }}

func (b *body) free() {
	if cap(b.data) <= maxSpare {
		data := b.data[:0]
		buffers.Put(&data)
	}
	b.data = nil
	b.memory.giveBack(b.quota)
}

// readBody reads and decompresses a request's body of at most limit bytes.
func (a *API) readBody(w http.ResponseWriter, r *http.Request, limit int64) (*body, error) {
	coding := strings.ToLower(strings.TrimSpace(r.Header.Get("Content-Encoding")))
	switch coding {
	case "", "identity", "gzip", "x-gzip", "zstd":
	default:
		w.Header().Set("Accept-Encoding", "gzip, zstd")
		return nil, &bodyError{http.StatusUnsupportedMediaType, "header.Content-Encoding",
			fmt.Sprintf("Content-Encoding %.40q is not supported; use gzip, zstd or none", coding)}
	}
	plain := coding == "" || coding == "identity"
	if r.ContentLength > maxWire || plain && r.ContentLength > limit {
		return nil, tooLarge("the body has %d bytes; at most %d are accepted", r.ContentLength, min(maxWire, limit))
	}
	b := &body{memory: &a.memory}
	if !b.take(minQuota) {
		return nil, errBusy
	}
	b.data = *buffers.Get().(*[]byte)
	sent := &counted{r: http.MaxBytesReader(w, r.Body, maxWire)}
	err := b.read(sent, coding, plain, limit)
	b.wire = sent.n
	a.Intake.Counters.Bytes.Add(uint64(sent.n))
	if err != nil {
		b.free()
		return nil, err
	}
	return b, nil
}

// take takes quota, which free gives back, and reports whether there was enough.
func (b *body) take(n int64) bool {
	if !b.memory.take(n) {
		return false
	}
	b.quota += n
	return true
}

// grow makes room for more than was read so far, and at most for limit bytes and one
// that is too many.
func (b *body) grow(limit int64) error {
	more := min(max(len(b.data), 16<<10), int(limit)+1-len(b.data))
	if !b.take(int64(more)) {
		return errBusy
	}
	b.room += more
	if b.room > cap(b.data) {
		b.data = append(make([]byte, 0, b.room), b.data...)
	}
	return nil
}

func (b *body) read(sent *counted, coding string, plain bool, limit int64) error {
	if plain {
		return sent.explain(b.fill(sent, sent, limit, maxWire), coding)
	}
	decoder, done, err := b.decompress(coding, sent)
	if err != nil {
		return sent.explain(err, coding)
	}
	defer done()
	return sent.explain(b.fill(decoder, sent, limit, freeRatio), coding)
}

// fill reads all of r, at most limit bytes, and beyond free bytes at most
// maxRatio times as many as were sent.
func (b *body) fill(r io.Reader, sent *counted, limit, free int64) error {
	for {
		if len(b.data) == b.room {
			if err := b.grow(limit); err != nil {
				return err
			}
		}
		n, err := r.Read(b.data[len(b.data):b.room])
		b.data = b.data[:len(b.data)+n]
		switch size := int64(len(b.data)); {
		case size > limit:
			return tooLarge("the body has more than %d bytes after decompression", limit)
		case size > free && size > maxRatio*sent.n:
			return tooLarge("the body is more than %d times as large after decompression", maxRatio)
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// counted counts the bytes as sent, and keeps the error that ended them.
type counted struct {
	r   io.Reader
	n   int64
	err error
}

func (c *counted) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.n += int64(n)
	if err != nil && !errors.Is(err, io.EOF) {
		c.err = err
	}
	return n, err
}

// explain returns the answer to an error. A decoder's error is often caused by one
// of the connection below it.
func (c *counted) explain(err error, coding string) error {
	var known *bodyError
	var large *http.MaxBytesError
	switch {
	case err == nil, errors.As(err, &known):
		return err
	case errors.As(c.err, &large):
		return tooLarge("the body has more than %d bytes", large.Limit)
	case c.err != nil:
		return &bodyError{http.StatusRequestTimeout, "body", "the body did not arrive in time"}
	case errors.Is(err, zstd.ErrWindowSizeExceeded), errors.Is(err, zstd.ErrDecoderSizeExceeded):
		return tooLarge("the body needs more memory to decompress than is allowed: a window of %d bytes", maxZstdWindow)
	}
	return &bodyError{http.StatusUnprocessableEntity, "body", "the body is not valid " + coding}
}

var (
	gzips = sync.Pool{New: func() any { return new(gzip.Reader) }}
	zstds = sync.Pool{New: func() any {
		d, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true),
			zstd.WithDecoderMaxMemory(maxDecoded), zstd.WithDecoderMaxWindow(maxZstdWindow))
		if err != nil {
			panic(err) // The options are constants.
		}
		return d
	}}
)

// decompress returns a reader of the decompressed r; done returns the decoder
// to its pool.
func (b *body) decompress(coding string, r io.Reader) (decoder io.Reader, done func(), err error) {
	if coding == "zstd" {
		window, r, err := zstdWindow(r)
		if err != nil {
			return nil, nil, err
		}
		if !b.take(window) {
			return nil, nil, errBusy
		}
		d := zstds.Get().(*zstd.Decoder)
		done = func() {
			_ = d.Reset(nil) // Drops the reference to r; this cannot fail.
			zstds.Put(d)
		}
		// Frames after the first may need no more memory than that.
		if err = d.ResetWithOptions(r, zstd.WithDecoderMaxWindow(uint64(window))); err != nil {
			done()
		}
		return d, done, err
	}
	d := gzips.Get().(*gzip.Reader)
	done = func() { gzips.Put(d) }
	if err = d.Reset(r); err != nil {
		done()
	}
	return d, done, err
}

// zstdWindow returns the memory that decompressing a stream takes, according to its
// first frame, and a reader of the whole stream. Frames that are too large or damaged
// are left to the decoder.
func zstdWindow(r io.Reader) (window int64, whole io.Reader, err error) {
	head := make([]byte, zstd.HeaderMaxSize)
	n, err := io.ReadFull(r, head)
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		return 0, nil, err
	}
	whole = io.MultiReader(bytes.NewReader(head[:n]), r)
	var frame zstd.Header
	if err := frame.Decode(head[:n]); err != nil || frame.Skippable {
		return maxZstdWindow, whole, nil //nolint:nilerr // the decoder returns it
	}
	size := frame.WindowSize
	if frame.SingleSegment {
		size = frame.FrameContentSize
	}
	return int64(min(max(size, minZstdWindow), maxZstdWindow)), whole, nil
}
