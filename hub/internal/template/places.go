package template

import "strings"

// node is a place in a service's tree of paths.
type node struct {
	literals map[string]*node
	value    *node // below ID
	hits     int   // how often a path led here
	full     bool  // a literal that is not in literals is a value
	learned  bool  // it is of an endpoint that was known before
	known    int   // learned literals
}

// wide reports whether more literals were learned than the limit: they are routes that were
// declared as such, or kept by a rule, and neither count nor are merged.
func (n *node) wide(limit int) bool { return n.known > limit }

// counted returns how many literals count towards the limit.
func (n *node) counted(limit int) int {
	if n.wide(limit) {
		return len(n.literals) - n.known
	}
	return len(n.literals)
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

// learn adds an endpoint that was known before. It merges nothing.
func (t *places) learn(segs []string) {
	at := &t.root
	for _, s := range segs {
		if s == "" {
			continue
		}
		next := at.literals[s]
		if s == ID {
			next = at.value
		}
		if next == nil {
			if !t.budget.take() {
				return
			}
			if next = new(node); s == ID {
				at.value = next
			} else {
				next.learned = true
				at.known++
				at.add(s, next)
			}
		}
		next.hits++
		at = next
	}
}

// add adds a literal. It is part of a body: a clone does not keep the rest in memory.
func (n *node) add(literal string, child *node) {
	if n.literals == nil {
		n.literals = make(map[string]*node)
	}
	n.literals[strings.Clone(literal)] = child
}

// next returns the node below n for a segment, nil if there is no room for
// it, and whether the segment is a literal there.
func (n *node) next(segment string, t *places) (next *node, literal bool) {
	if segment != ID {
		if next = n.literals[segment]; next != nil {
			return next, true
		}
		if !n.full && n.counted(t.limit) >= t.limit {
			n.collapse(t)
		}
		if !n.full {
			if !t.budget.take() {
				return nil, false
			}
			next = new(node)
			n.add(segment, next)
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
	hits, literals := 0, 0
	stays := func(child *node) bool { return child.learned && n.wide(t.limit) }
	for _, child := range n.literals {
		if !stays(child) {
			hits += child.hits
			literals++
		}
	}
	for name, child := range n.literals {
		if child.hits*literals < 4*hits && !stays(child) {
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
