package main

import (
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"path/filepath"
	"strings"

	"github.com/kymohq/kymo/hub/internal/store"
	"github.com/kymohq/kymo/hub/internal/store/chstore"
	"github.com/kymohq/kymo/hub/internal/store/pebblestore"
	"github.com/kymohq/kymo/hub/internal/store/pgstore"
)

// checkStore says what is wrong with the text that names a store.
func checkStore(text string) error {
	scheme, _, isURL := strings.Cut(text, "://")
	switch {
	case text == "":
		return errors.New("is empty; name a folder, like ./kymo-data")
	case isURL && isPostgres(scheme):
		return pgstore.CheckURL(text)
	case isURL && scheme == "clickhouse":
		return chstore.CheckURL(text)
	case isURL:
		// Not the whole: there may be a password in it.
		return fmt.Errorf("there is no %s store; name a folder, like ./kymo-data, postgres://… or clickhouse://…", scheme)
	}
	return nil
}

func isPostgres(scheme string) bool { return scheme == "postgres" || scheme == "postgresql" }

// openStore opens what --store names. It is the only place that chooses.
func openStore(text string, logger *slog.Logger) (store.Store, error) {
	if err := checkStore(text); err != nil {
		return nil, fmt.Errorf("store: %w", err)
	}
	if strings.Contains(text, "://") {
		return openURL(text, logger)
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

// openURL opens a store that is a server of its own.
func openURL(text string, logger *slog.Logger) (s store.Store, err error) {
	if scheme, _, _ := strings.Cut(text, "://"); isPostgres(scheme) {
		s, err = pgstore.Open(text, pgstore.Options{Logger: logger})
	} else {
		s, err = chstore.Open(text, chstore.Options{Logger: logger})
	}
	switch {
	case errors.Is(err, store.ErrVersion):
		return nil, fmt.Errorf("store: %s was written by a newer version of Kymo; use that one, or another database", storeName(text))
	case err != nil:
		return nil, fmt.Errorf("store: cannot open %s: %w", storeName(text), err)
	}
	return s, nil
}

// storeName is the store as it may be shown: without a password, wherever in the
// URL it is.
func storeName(text string) string {
	scheme, _, isURL := strings.Cut(text, "://")
	if !isURL {
		return text
	}
	if scheme == "clickhouse" {
		return chstore.ShowURL(text)
	}
	u, err := url.Parse(text)
	if err != nil {
		return scheme + "://…"
	}
	if _, secret := u.User.Password(); secret {
		u.User = url.User(u.User.Username())
	}
	q := u.Query()
	for key := range q {
		if strings.Contains(strings.ToLower(key), "password") {
			q.Del(key)
		}
	}
	u.RawQuery = q.Encode()
	return u.String()
}
