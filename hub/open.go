package hub

import (
	"errors"
	"fmt"

	"github.com/kymohq/kymo/hub/internal/store/pebblestore"
)

// Open returns a hub that keeps its data in the folder dir, which it creates if
// need be and which no other process may use.
func Open(dir string, opts ...Option) (*Hub, error) {
	var config Config
	for _, opt := range opts {
		opt(&config)
	}
	// A wrong configuration must not leave a folder behind.
	if err := config.settle(); err != nil {
		return nil, fmt.Errorf("configuration: %w", err)
	}
	st, err := pebblestore.Open(dir, pebblestore.Options{Now: config.Now})
	if err != nil {
		return nil, err
	}
	h, err := New(st, config)
	if err != nil {
		return nil, errors.Join(err, st.Close())
	}
	h.owned = true
	return h, nil
}
