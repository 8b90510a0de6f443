package template

import (
	"hash/maphash"
	"strings"
	"sync"

	"github.com/kymohq/kymo/internal/wire"
)

const (
	maxSiblings        = 64      // literals at one place of a service's paths
	maxNodes           = 1 << 18 // of all trees together: some 60 MB
	maxNodesPerService = 1 << 14
)

// Forest limits the memory that the trees of all services take together. It
// is safe for concurrent use, and so are its trees.
type Forest struct {
	siblings int // maxSiblings, but for tests
	seed     maphash.Seed

	mu    sync.Mutex // guards the following, and all of every tree
	nodes int        // left for all trees
	noted int        // templates in the trees' collapsed
}

// NewForest returns a forest without trees.
func NewForest() *Forest {
	return &Forest{siblings: maxSiblings, seed: maphash.MakeSeed(), nodes: maxNodes}
}

// Tree holds as much of one service's paths as is needed to find the places
// of values.
type Tree struct {
	forest    *Forest
	places    places
	nodes     int // left for its places
	collapsed map[string]*collapsed
}

// Plant returns a tree for another service.
func (f *Forest) Plant() *Tree {
	t := &Tree{forest: f, nodes: maxNodesPerService}
	t.places = places{limit: f.siblings, budget: &budget{&t.nodes, &f.nodes}}
	return t
}

// Endpoint is Path for a service whose paths are known: segments at places that
// have seen too many literals become ID as well. It learns from the path.
func (t *Tree) Endpoint(raw string) string {
	path := bare(raw)
	if isTemplate(path) {
		endpoint, _ := Path(path)
		return endpoint
	}
	var room [maxDepth + 1]string
	segs := segments(path, room[:0])
	t.forest.mu.Lock()
	defer t.forest.mu.Unlock()
	endpoint, _ := join(raw, t.places.generalize(segs))
	if isTemplate(endpoint) { // which the path is not
		t.noteCollapsed(endpoint, path)
	}
	return endpoint
}

// Learn records an endpoint of the service.
func (t *Tree) Learn(endpoint string) {
	if endpoint == wire.Unmatched || endpoint == wire.Other {
		return
	}
	t.forest.mu.Lock()
	defer t.forest.mu.Unlock()
	t.places.generalize(strings.Split(endpoint, "/"))
}
