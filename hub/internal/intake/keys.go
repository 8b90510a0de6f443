package intake

import (
	"crypto/sha256"
	"errors"
	"sync"
)

// ErrKeyReused is the error of a body whose idempotency key another body had. Nothing of it
// is kept.
var ErrKeyReused = errors.New("another body was sent with this key")

// keys remembers which content the newest idempotency keys had.
type keys struct {
	mu          sync.Mutex
	newer, past map[string]content // by the key's instance
}

type content = [sha256.Size]byte

// maxKeys is how many keys are remembered at least. When there are twice as many, the older half
// is forgotten.
const maxKeys = 1 << 15

// claim remembers the content of a key. It returns false if that had another, and whether the
// key is new, in which case a body that is not kept releases it.
func (k *keys) claim(instance string, c content) (fresh, ok bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	had, known := k.newer[instance]
	if !known {
		had, known = k.past[instance]
	}
	if known {
		return false, had == c
	}
	if k.newer == nil || len(k.newer) >= maxKeys {
		k.newer, k.past = make(map[string]content), k.newer
	}
	k.newer[instance] = c
	return true, true
}

func (k *keys) release(instance string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	delete(k.newer, instance)
	delete(k.past, instance)
}
