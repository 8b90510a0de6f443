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

// cursorForm is the window, the position and a sum of the query's other parameters,
// without which the cursor means nothing.
const cursorForm = "1.%d.%d.%d.%d.%d.%x"

// maxSkip bounds how many requests with the same start and duration a cursor can pass by.
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
		return c, wrongParam("cursor", "is not a cursor of this route; take next of the page before, or leave it off", s)
	case sum != sumOf(query):
		return c, wrongParam("cursor", "belongs to other parameters; keep all the others, or leave it off", s)
	}
	return c, nil
}

func sumOf(query any) uint64 {
	h := fnv.New64a()
	_, _ = fmt.Fprintf(h, "%#v", query) // A hash takes everything.
	return h.Sum64()
}
