package template

import "strings"

// node is a place in a service's tree of paths.
type node struct {
	literals map[string]*node
	value    *node // below ID
	hits     int   // how often a path led here
	full     bool  // a literal that is not in literals is a value
}

// places learns which places of a service's paths are for values.
type places struct {
	root   node
	limit  int     // literals at one place
	budget *budget // of nodes
}

// budget bounds the nodes of one tree and of all trees together, so that one
// tree that keeps growing does not take the nodes of all others.
type budget struct{ own, shared *int }

func (b *budget) take() bool {
	if *b.own <= 0 || *b.shared <= 0 {
		return false
	}
	*b.own--
	*b.shared--
	return true
}

func (b *budget) giveBack(n int) {
	*b.own += n
	*b.shared += n
}

// generalize replaces, in place, the segments at places of values. Once the
// budget is used up, an unknown segment and all that follow it become Rest.
func (t *places) generalize(segs []string) []string {
	at := &t.root
	for i, s := range segs {
		// A slash at the start or the end is no place: it has one spelling.
		if s == "" {
			continue
		}
		next, literal := at.next(s, t)
		if next == nil {
			segs[i] = Rest
			return segs[:i+1]
		}
		if !literal {
			segs[i] = ID
		}
		next.hits++
		at = next
	}
	return segs
}

// next returns the node below n for a segment, nil if there is no room for
// it, and whether the segment is a literal there.
func (n *node) next(segment string, t *places) (next *node, literal bool) {
	if segment != ID {
		if next = n.literals[segment]; next != nil {
			return next, true
		}
		if !n.full && len(n.literals) >= t.limit {
			n.collapse(t)
		}
		if !n.full {
			if !t.budget.take() {
				return nil, false
			}
			if n.literals == nil {
				n.literals = make(map[string]*node)
			}
			next = new(node)
			// The segment is part of a body; a clone does not keep the rest
			// in memory.
			n.literals[strings.Clone(segment)] = next
			return next, true
		}
	}
	if n.value == nil && t.budget.take() {
		n.value = new(node)
	}
	return n.value, false
}

// collapse makes n a place for values. Literals with at least four times the
// mean of the others' hits keep their names; otherwise a scanner's sixty paths
// would replace the names of a service's five routes.
func (n *node) collapse(t *places) {
	hits, literals := 0, len(n.literals)
	for _, child := range n.literals {
		hits += child.hits
	}
	for name, child := range n.literals {
		if child.hits*literals < 4*hits {
			t.budget.giveBack(child.size())
			delete(n.literals, name)
		}
	}
	n.full = true
}

// size counts the nodes of the tree below and with n.
func (n *node) size() int {
	size := 1
	for _, child := range n.literals {
		size += child.size()
	}
	if n.value != nil {
		size += n.value.size()
	}
	return size
}
