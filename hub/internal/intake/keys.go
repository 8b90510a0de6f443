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

// another reports whether the key had another content.
func (k *keys) another(instance string, c content) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	had, ok := k.newer[instance]
	if !ok {
		had, ok = k.past[instance]
	}
	return ok && had != c
}

func (k *keys) remember(instance string, c content) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.newer == nil || len(k.newer) >= maxKeys {
		k.newer, k.past = make(map[string]content), k.newer
	}
	k.newer[instance] = c
}
