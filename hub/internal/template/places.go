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

// budget bounds the nodes of one tree, and of all trees together, so that a
// tree that grows without end does not starve the others from the start.
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

// generalize replaces, in place, the segments that stand where values stand.
// With the budget used up, an unknown segment and what follows it becomes Rest.
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

// next returns the node below n that a segment leads to, nil if there is no
// room for it, and whether it does as a literal.
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
			// The segment is a part of a body: a clone lets go of the rest.
			n.literals[strings.Clone(segment)] = next
			return next, true
		}
	}
	if n.value == nil && t.budget.take() {
		n.value = new(node)
	}
	return n.value, false
}

// collapse makes n a place for values. Literals that stand out from the others,
// with four times their mean of hits and more, keep their names: without that a
// scanner's sixty paths would take the names off a service's five routes.
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
