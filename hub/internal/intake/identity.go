package intake

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"sync"

	"github.com/kymohq/kymo/internal/wire"
)

// identities gives batches without an identity one of the hub's.
type identities struct {
	mu       sync.Mutex
	instance string
	sequence uint64
}

func newIdentities() *identities { return &identities{instance: newInstance()} }

func newInstance() string { return "hub-" + rand.Text() }

// number gives the batches the next numbers. It must be called only if they
// will be appended, since a number that is not used leaves a gap.
func (i *identities) number(batches []*wire.Batch) {
	i.mu.Lock()
	defer i.mu.Unlock()
	for _, b := range batches {
		i.sequence++
		b.Instance, b.Sequence = i.instance, i.sequence
	}
}

// restart begins another instance after a failed append: under the old one,
// the batches would be gaps, of which a store remembers only so many.
func (i *identities) restart() {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.instance, i.sequence = newInstance(), 0
}

// keyInstance is the instance of a body with an idempotency key, whose batches are
// numbered from 0.
func keyInstance(key string) string {
	sum := sha256.Sum256([]byte(key))
	return "key-" + hex.EncodeToString(sum[:16])
}
