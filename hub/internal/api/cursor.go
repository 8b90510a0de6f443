package api

import (
	"encoding/base64"
	"fmt"
	"hash/fnv"
	"time"

	"github.com/kymohq/kymo/hub/internal/drill"
	"github.com/kymohq/kymo/hub/internal/rollup"
	"github.com/kymohq/kymo/internal/wire"
)

// cursor is where a list continues: its window, which must not move from page to page,
// and the position in it.
type cursor struct {
	rollup.Window
	drill.Position
}

// cursorForm has the window, the position and a hash of the query's other
// parameters, because a cursor is valid only together with them.
const cursorForm = "1.%d.%d.%d.%d.%d.%x"

// maxSkip bounds how many requests with the same start and duration a cursor can skip.
const maxSkip = 1 << 20

func (c *cursor) write(query any) string {
	s := fmt.Sprintf(cursorForm, c.From, c.To, c.Start, c.Duration.Nanoseconds(), c.Skip, sumOf(query))
	return base64.RawURLEncoding.EncodeToString([]byte(s))
}

func readCursor(s string, query any) (c cursor, err error) {
	var sum uint64
	var duration int64
	text, err := base64.RawURLEncoding.DecodeString(s)
	if err == nil {
		_, err = fmt.Sscanf(string(text), cursorForm, &c.From, &c.To, &c.Start, &duration, &c.Skip, &sum)
	}
	c.Duration = time.Duration(duration)
	switch {
	case err != nil || c.From < -wire.MaxStart || c.From > c.To || c.To > wire.MaxStart || c.To-c.From > maxWindow.Milliseconds() ||
		c.Start > wire.MaxStart || c.Skip < 0 || c.Skip > maxSkip:
		return c, wrongParam("cursor", "is not a cursor of this route; use next of the previous page, or omit it", s)
	case sum != sumOf(query):
		return c, wrongParam("cursor", "belongs to other parameters; keep all of them as they were, or omit it", s)
	}
	return c, nil
}

func sumOf(query any) uint64 {
	h := fnv.New64a()
	_, _ = fmt.Fprintf(h, "%#v", query) // Writing to a hash cannot fail.
	return h.Sum64()
}
