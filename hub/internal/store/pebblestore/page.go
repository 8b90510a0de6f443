package pebblestore

import (
	"io"

	"github.com/cockroachdb/pebble/v2"

	"github.com/kymohq/kymo/hub/internal/store/page"
)

// pageMerger merges pages of the same span. Pebble stores its name with the data, so it
// must not change.
var pageMerger = &pebble.Merger{
	Name: "kymo.pages.v1",
	Merge: func(_, value []byte) (pebble.ValueMerger, error) {
		m := &pageMerge{}
		return m, m.MergeNewer(value)
	},
}

// pageMerge collects pages, whose order does not matter.
type pageMerge struct{ pages [][]byte }

func (m *pageMerge) MergeNewer(value []byte) error {
	m.pages = append(m.pages, append([]byte(nil), value...))
	return nil
}

func (m *pageMerge) MergeOlder(value []byte) error { return m.MergeNewer(value) }

func (m *pageMerge) Finish(bool) ([]byte, io.Closer, error) {
	if len(m.pages) == 1 {
		return m.pages[0], nil, nil
	}
	merged, err := page.Merge(m.pages)
	return merged, nil, err
}
