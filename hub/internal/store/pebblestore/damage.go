package pebblestore

import (
	"encoding/binary"
	"errors"
	"math"
	"slices"

	"github.com/kymohq/kymo/hub/internal/rollup"
	"github.com/kymohq/kymo/hub/internal/store"
)

// damage is something that was stored and can no longer be read. It is remembered in
// the database until its time is pruned:
//
//	'm' "damage" id:8
//	                  flags (1 open, 2 known, 4 health), from, to, requests, bytes: varints;
//	                  then the keys lower and upper, each after its length
type damage struct {
	id       uint64
	from, to int64  // when the requests started, Unix ms
	requests uint64 // how many, if that is known
	bytes    int64  // of the journal; 0 if it is not the journal's
	known    bool
	health   bool // results of health checks may be lost, too

	// Between these keys nothing is left. While the damage is open, the pages there are
	// still to be made again.
	open         bool
	lower, upper []byte
}

var (
	prefixDamage = []byte("mdamage")
	damageKeys   = keyRange{prefixDamage, append(keyDamage(math.MaxUint64), 0)}
)

func keyDamage(id uint64) []byte {
	return binary.BigEndian.AppendUint64(slices.Clone(prefixDamage), id)
}

func (d *damage) encode() []byte {
	flags := uint64(0)
	for i, set := range []bool{d.open, d.known, d.health} {
		if set {
			flags |= 1 << i
		}
	}
	b := binary.AppendUvarint(nil, flags)
	b = binary.AppendUvarint(b, uint64(d.from))
	b = binary.AppendUvarint(b, uint64(d.to))
	b = binary.AppendUvarint(b, d.requests)
	b = binary.AppendUvarint(b, uint64(d.bytes))
	for _, key := range [][]byte{d.lower, d.upper} {
		b = binary.AppendUvarint(b, uint64(len(key)))
		b = append(b, key...)
	}
	return b
}

var errDamage = errors.New("pebblestore: corrupt record of damage")

func decodeDamage(key, value []byte) (*damage, error) {
	if len(key) != len(prefixDamage)+8 {
		return nil, errDamage
	}
	c := cursor{b: value}
	flags := c.uvarint()
	d := &damage{id: binary.BigEndian.Uint64(key[len(prefixDamage):]), open: flags&1 != 0, known: flags&2 != 0, health: flags&4 != 0,
		from: int64(c.uvarint()), to: int64(c.uvarint()), requests: c.uvarint(), bytes: int64(c.uvarint())}
	d.lower, d.upper = slices.Clone(c.section()), slices.Clone(c.section())
	if c.bad || len(c.b) > 0 {
		return nil, errDamage
	}
	return d, nil
}

// Lost implements store.Loser.
func (s *Store) Lost(w rollup.Window) store.Loss {
	s.mu.RLock()
	defer s.mu.RUnlock()
	var l store.Loss
	for _, d := range s.damages {
		if d.from < w.To && d.to > w.From {
			l.Damaged = true
			l.Requests += d.requests
		}
	}
	return l
}
