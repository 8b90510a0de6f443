package main

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/kymohq/kymo/hub/internal/store"
	"github.com/kymohq/kymo/hub/internal/store/pebblestore"
)

// checkStore says what is wrong with the text that names a store.
func checkStore(text string) error {
	scheme, _, isURL := strings.Cut(text, "://")
	switch {
	case text == "":
		return errors.New("is empty; name a folder, like ./kymo-data")
	case isURL && (scheme == "postgres" || scheme == "postgresql" || scheme == "clickhouse"):
		return fmt.Errorf("this version has no %s store yet; name a folder, like ./kymo-data", scheme)
	case isURL:
		// Not the whole: there may be a password in it.
		return fmt.Errorf("there is no %s store; name a folder, like ./kymo-data", scheme)
	}
	return nil
}

// openStore opens what --store names. It is the only place that chooses.
func openStore(text string) (store.Store, error) {
	if err := checkStore(text); err != nil {
		return nil, fmt.Errorf("store: %w", err)
	}
	dir, err := filepath.Abs(text)
	if err != nil {
		return nil, fmt.Errorf("store: %w", err)
	}
	s, err := pebblestore.Open(dir, pebblestore.Options{})
	switch {
	case errors.Is(err, store.ErrLocked):
		return nil, fmt.Errorf("store: another process uses %s; stop it, or name another folder with --store", dir)
	case errors.Is(err, store.ErrVersion):
		return nil, fmt.Errorf("store: %s was written by a newer version of Kymo; use that one, or name another folder with --store", dir)
	case err != nil:
		return nil, fmt.Errorf("store: cannot open %s: %w", dir, err)
	}
	return s, nil
}
