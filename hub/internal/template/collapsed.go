package template

import (
	"cmp"
	"hash/maphash"
	"slices"
	"strings"

	"github.com/kymohq/kymo/internal/wire"
)

// Limits on what is kept, since the process started, to explain why an endpoint is
// missing.
const (
	maxCollapsed = 512 // templates of all services together whose paths are noted
	maxExamples  = 5   // paths of each
	maxDistinct  = 256 // distinct paths counted of each
)

// Collapsed is a template that was made of raw paths.
type Collapsed struct {
	Template string
	Paths    int      // how many there are, counted up to maxDistinct
	Examples []string // the first of them
}

// collapsed is the raw paths of a template.
type collapsed struct {
	examples []string
	distinct map[uint64]struct{} // by hash
}

// noteCollapsed records that a path became an endpoint. The caller holds the forest's
// lock.
func (t *Tree) noteCollapsed(endpoint, path string) {
	c := t.collapsed[endpoint]
	if c == nil {
		if t.forest.noted >= maxCollapsed {
			return
		}
		t.forest.noted++
		if t.collapsed == nil {
			t.collapsed = make(map[string]*collapsed)
		}
		c = &collapsed{distinct: make(map[uint64]struct{})}
		t.collapsed[strings.Clone(endpoint)] = c
	}
	if len(c.distinct) >= maxDistinct {
		return
	}
	hash := maphash.String(t.forest.seed, path)
	if _, ok := c.distinct[hash]; ok {
		return
	}
	c.distinct[hash] = struct{}{}
	if len(c.examples) < maxExamples {
		c.examples = append(c.examples, strings.Clone(wire.Clean(path, wire.MaxEndpoint)))
	}
}

// Collapsed returns the templates that were made of the service's paths, those of the
// most paths first.
func (t *Tree) Collapsed() []Collapsed {
	t.forest.mu.Lock()
	defer t.forest.mu.Unlock()
	var all []Collapsed
	for endpoint, c := range t.collapsed {
		all = append(all, Collapsed{endpoint, len(c.distinct), slices.Clone(c.examples)})
	}
	slices.SortFunc(all, func(a, b Collapsed) int {
		return cmp.Or(cmp.Compare(b.Paths, a.Paths), cmp.Compare(a.Template, b.Template))
	})
	return all
}
