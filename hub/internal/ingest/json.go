package ingest

import (
	"bytes"
	"sync"

	"github.com/kymohq/kymo/internal/wire"
)

// Body holds a JSON body's batches. They are valid until Free.
type Body struct {
	Batches  []*wire.Batch
	Requests int
	c        *collector
}

// maxKept is how many strings a collector may have seen to be used again:
// clearing a map takes as long as it once was large.
const maxKept = 1 << 14

var collectors = sync.Pool{New: func() any { return newCollector(Options{}) }}

// Free gives the batches' memory to the next body.
func (b *Body) Free() {
	if b.c.open == 1 && len(b.c.strings) <= maxKept {
		collectors.Put(b.c)
	}
	*b = Body{}
}

// JSON reads a body that is one PerformanceMetric, an array of them, or any
// number of them one after the other (NDJSON). The error is an *Error.
func JSON(data []byte, o Options) (*Body, error) {
	c := collectors.Get().(*collector)
	c.reset(o)
	b := &Body{c: c}
	if err := b.read(data); err != nil {
		b.Free()
		return nil, err
	}
	b.Batches = c.batches()
	return b, nil
}

func (b *Body) read(data []byte) error {
	l := &lexer{data: bytes.TrimPrefix(data, []byte("\uFEFF"))}
	switch l.next() {
	case '[':
		l.at++
		return b.array(l)
	case '{':
		for ; l.next() != 0 || l.at < len(l.data); b.Requests++ {
			if err := b.element(l); err != nil {
				return err
			}
		}
		return nil
	}
	if l.at >= len(l.data) {
		return &Error{Index: -1, Problem: "is empty; must be a PerformanceMetric or an array of them"}
	}
	return &Error{Index: -1, Problem: l.must("a PerformanceMetric or an array of them")}
}

func (b *Body) array(l *lexer) error {
	for l.next() != ']' {
		if b.Requests > 0 {
			if l.next() != ',' {
				return &Error{Index: -1, Problem: l.unexpected("a comma or the array's end")}
			}
			l.at++
		}
		if err := b.element(l); err != nil {
			return err
		}
		b.Requests++
	}
	l.at++
	if l.next() != 0 || l.at < len(l.data) {
		return &Error{Index: -1, Problem: l.unexpected("the end: nothing may follow the array")}
	}
	return nil
}

func (b *Body) element(l *lexer) error {
	var m metric
	field, problem := l.object(&m)
	if problem == "" {
		field, problem = b.c.add(&m)
	}
	if problem != "" {
		return &Error{Index: b.Requests, Field: field, Problem: problem}
	}
	return nil
}
