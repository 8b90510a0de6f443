package pebblestore

import (
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/kymohq/kymo/internal/wire"
)

// memory holds the requests since the last flush, in the order of their arrival. Rows
// never change once they are added, so that a reader that took them under the store's
// lock may read them without it.
type memory struct {
	rows
	health     []healthRow
	weight     int    // of health, in requests
	segment    uint64 // the journal's last segment with any of it; set when it is frozen
	since      int64  // when the first batch came, Unix ms
	batches    int
	userIDs    map[string]uint32
	processIDs map[string]uint32
	classIDs   map[string]uint32
	identities map[string]*identity // those that changed
	readers    atomic.Int32         // views of it
	keyIDs     []uint32             // scratch of add
	places     []uint32             // scratch of add
}

// newMemory returns an empty memory with room for some requests, in the columns of spare
// rows, which may have none.
func newMemory(spare rows, room int) *memory {
	m := &memory{
		userIDs:    map[string]uint32{"": 0},
		processIDs: make(map[string]uint32),
		classIDs:   map[string]uint32{"": 0},
		identities: make(map[string]*identity),
	}
	m.rows = spare
	m.users, m.processes, m.classes, m.drops = []string{""}, nil, []string{""}, nil
	m.rows.truncate()
	m.grow(room)
	m.rows.truncate()
	return m
}

// add appends a batch and remembers that it was kept.
func (m *memory) add(b *wire.Batch, table *seriesTable, identities map[string]*identity, now int64) {
	if m.batches == 0 {
		m.since = now
	}
	m.batches++
	id := known(identities, b.Instance)
	id.numbers.Add(b.Sequence)
	id.seen = max(id.seen, now)
	name := strings.Clone(b.Instance)
	identities[name], m.identities[name] = id, id
	m.keyIDs = m.keyIDs[:0]
	for _, k := range b.Keys {
		m.keyIDs = append(m.keyIDs, table.id(k))
	}
	at := m.grow(b.Len())
	copy(m.start[at:], b.Start)
	copy(m.duration[at:], b.Duration)
	copy(m.firstByte[at:], b.FirstByte)
	copy(m.lifetime[at:], b.Lifetime)
	copy(m.size[at:], b.Size)
	for i, k := range b.Key {
		m.series[at+i] = m.keyIDs[k]
	}
	m.place(m.user[at:], b.User, &m.users, m.userIDs, b.Users)
	m.addProcesses(at, b)
	if len(b.Error) > 0 {
		m.class = padded(m.class, at+b.Len())
		m.place(m.class[at:], b.Error, &m.classes, m.classIDs, b.Errors)
	}
	if len(b.Traces) > 0 {
		m.trace = append(padded(m.trace, at), b.Traces...)
	}
	for i := range b.Health {
		m.health = append(m.health, newHealthRow(b, i))
		m.weight += m.health[len(m.health)-1].weight()
	}
	for _, d := range b.Drops {
		if d.Count > 0 {
			m.drops = append(m.drops, drop{table.id(d.Key()), d.At, d.Count})
		}
	}
}

// addProcesses sets the processes of a batch's rows, which begin at a place.
func (m *memory) addProcesses(at int, b *wire.Batch) {
	if len(b.Processes) == 0 {
		own := place(&m.processes, m.processIDs, processText(b.ProcessOf(0)))
		for i := range b.Len() {
			m.process[at+i] = own
		}
		return
	}
	texts := make([]string, len(b.Processes))
	for i := range texts {
		texts[i] = processText(b.ProcessOf(uint32(i)))
	}
	m.place(m.process[at:], b.Process, &m.processes, m.processIDs, texts)
}

// place sets a column of the memory to what a batch's column says in the batch's dictionary.
func (m *memory) place(column, from []uint32, list *[]string, ids map[string]uint32, dictionary []string) {
	m.places = m.places[:0]
	for _, text := range dictionary {
		m.places = append(m.places, place(list, ids, text))
	}
	for i, p := range from {
		column[i] = m.places[p]
	}
}

// forget removes what lies wholly before floor. The batches stay known.
func (m *memory) forget(floor int64) {
	if floor <= 0 {
		return
	}
	m.drops = slices.DeleteFunc(m.drops, func(d drop) bool { return d.at < floor })
	m.health = slices.DeleteFunc(m.health, func(r healthRow) bool { return r.to < floor })
	m.weight = 0
	for i := range m.health {
		m.weight += m.health[i].weight()
	}
	var young []uint32
	for i, start := range m.start {
		if start >= floor {
			young = append(young, uint32(i))
		}
	}
	if len(young) < m.rows.len() {
		var kept rows
		kept.gather(&m.rows, young)
		m.rows = kept
	}
}

// len is how full the memory is, in rows: a health result takes as much as some.
func (m *memory) len() int { return m.rows.len() + m.weight }

// encodeIdentities returns the identities that changed, as they are now.
func (m *memory) encodeIdentities() map[string][]byte {
	encoded := make(map[string][]byte, len(m.identities))
	for instance, id := range m.identities {
		encoded[instance] = id.appendBinary(nil)
	}
	return encoded
}

// known returns the identity of an instance, which is a new one if it is unknown.
func known(identities map[string]*identity, instance string) *identity {
	if id := identities[instance]; id != nil {
		return id
	}
	return &identity{}
}

// place returns the index of s in list, to which it is appended if it is new.
func place(list *[]string, ids map[string]uint32, s string) uint32 {
	id, ok := ids[s]
	if !ok {
		id = uint32(len(*list))
		*list = append(*list, s)
		ids[s] = id
	}
	return id
}

func toDuration(ns int64) time.Duration { return time.Duration(ns) }
