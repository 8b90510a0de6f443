package ingest

import (
	"io"
	"iter"

	"github.com/kymohq/kymo/internal/wire"
)

// NDJSON reads a stream with one PerformanceMetric a line and yields batches as
// they fill, each valid until the next. It ends at the first error, an *Error
// with the line or the reader's own; batches before it were yielded.
func NDJSON(r io.Reader, o Options) iter.Seq2[*wire.Batch, error] {
	var l lexer
	return stream(r, o, func(line []byte, m *metric) (field, problem string) {
		l.data, l.at = line, 0
		if field, problem = l.object(m); problem != "" {
			return field, problem
		}
		if l.next() != 0 || l.at < len(l.data) {
			return "", l.unexpected("the line's end: one object a line")
		}
		return "", ""
	})
}
