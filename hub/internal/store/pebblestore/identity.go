package pebblestore

import (
	"encoding/binary"
	"errors"

	"github.com/kymohq/kymo/hub/internal/store/seen"
)

// maxGaps bounds the runs that are remembered of one instance. Senders send in order,
// so that there is one run, and one more for each batch that was given up.
const maxGaps = 4096

// identity remembers which sequence numbers of an instance were kept.
type identity struct {
	seen    int64 // when a batch was last kept, Unix ms
	numbers seen.Set
}

// full reports whether another run would be one too many.
func (id *identity) full() bool { return id.numbers.Runs() >= maxGaps }

// appendBinary appends seen, and then the numbers.
func (id *identity) appendBinary(b []byte) []byte {
	return id.numbers.AppendBinary(binary.AppendUvarint(b, uint64(id.seen)))
}

var errIdentity = errors.New("pebblestore: corrupt identity")

func decodeIdentity(b []byte) (*identity, error) {
	at, n := binary.Uvarint(b)
	if n <= 0 {
		return nil, errIdentity
	}
	numbers, err := seen.Decode(b[n:])
	if err != nil {
		return nil, errIdentity
	}
	return &identity{seen: int64(at), numbers: numbers}, nil
}
