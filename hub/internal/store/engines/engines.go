// Package engines opens a store by its name, as --store takes it: the path of a
// directory, or the URL of a server. Check validates a name without opening
// anything, Open returns the store, Show writes the name without secrets, and
// Location identifies the data whatever else the name holds.
//
// What a scheme means is in one table (byScheme); each engine has a file.
package engines

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"path/filepath"
	"strings"

	"github.com/kymohq/kymo/hub/internal/store"
)

// Options are the same for all engines.
type Options struct {
	Logger *slog.Logger // for what goes wrong in the background; slog.Default() if nil
	// MaxSize is the size in bytes that the store will be held to, if it is known; any if
	// 0. A store.SizeKeeper begins with it.
	MaxSize int64
	// Service, if not empty, says that the store is opened to be read only, and is that
	// of requests that name none: a table of another program can be read, too.
	Service string
}

// engine is one kind of store.
type engine struct {
	check    func(name string) error // without secrets in the error
	open     func(name string, o Options) (store.Store, error)
	show     func(name string) string
	location func(name string) string
	other    string // how to name another store, for errors
}

// byScheme has the engines that are servers. A name without a scheme is a directory.
var byScheme = map[string]*engine{
	"postgres":   &postgres,
	"postgresql": &postgres,
	"clickhouse": &clickHouse,
}

// find returns the engine of a name, or an error that names the schemes there are.
func find(name string) (*engine, error) {
	if !Remote(name) {
		if looksRemote(name) {
			return nil, errors.New("looks like a server, but not like its URL; write it as postgres://… or clickhouse://…")
		}
		return &directory, nil
	}
	if e := byScheme[scheme(name)]; e != nil {
		return e, nil
	}
	// Not the whole name: there may be a password in it.
	return nil, fmt.Errorf("there is no %s store; name a directory, like ./kymo-data, postgres://… or clickhouse://…", scheme(name))
}

// scheme returns what is before the :// of a name, or … if that is no scheme: then a
// part of a password may be there.
func scheme(name string) string {
	s, _, _ := strings.Cut(name, "://")
	if s == "" || strings.Trim(strings.ToLower(s), "abcdefghijklmnopqrstuvwxyz0123456789+") != "" {
		return "…"
	}
	return s
}

// looksRemote reports whether a name without :// was meant for a server: a directory of
// that name would show a password.
func looksRemote(name string) bool {
	for s := range byScheme {
		if strings.HasPrefix(name, s+":") {
			return true
		}
	}
	return strings.Contains(name, "password=")
}

// Remote reports whether a name is the URL of a server. One server can have
// several names; a directory has one Location.
func Remote(name string) bool { return strings.Contains(name, "://") }

// Check returns what is wrong with a name, or nil. It opens nothing, and the
// error holds no password.
func Check(name string) error {
	if name == "" {
		return errors.New("is empty; name a directory, like ./kymo-data")
	}
	e, err := find(name)
	if err != nil {
		return err
	}
	return e.check(name)
}

// Open opens the store of a name; a directory that does not exist is
// created. The error holds no password.
func Open(name string, o Options) (store.Store, error) {
	s, err := open(name, o)
	if err != nil {
		return nil, fmt.Errorf("store: %w", err)
	}
	return s, nil
}

func open(name string, o Options) (store.Store, error) {
	if err := Check(name); err != nil {
		return nil, err
	}
	e, err := find(name)
	if err != nil {
		return nil, err
	}
	if !Remote(name) {
		if name, err = filepath.Abs(name); err != nil { // an error should show where it is
			return nil, err
		}
	}
	s, err := e.open(name, o)
	switch {
	case errors.Is(err, store.ErrLocked):
		return nil, fmt.Errorf("another process uses %s; stop it, or %s", e.show(name), e.other)
	case errors.Is(err, store.ErrVersion):
		return nil, fmt.Errorf("%s was written by a newer version of Kymo; use that one, or %s", e.show(name), e.other)
	case errors.Is(err, store.ErrDamaged):
		return nil, fmt.Errorf("cannot open %s: %w; run: kymo repair %s", e.show(name), err, e.show(name))
	case errors.As(err, new(*net.OpError)):
		return nil, fmt.Errorf("cannot open %s: %w; start the server, or name another store", e.show(name), err)
	case err != nil:
		return nil, fmt.Errorf("cannot open %s: %w", e.show(name), err)
	}
	return s, nil
}

// Show returns a name as it may be printed: without a password, wherever in the
// name it is.
func Show(name string) string {
	e, err := find(name)
	if err != nil {
		return scheme(name) + "://…"
	}
	return e.show(name)
}

// Location identifies the data that a name leads to, so that it is recognized
// under a name that differs in anything else: a directory by its absolute path, a
// server by hosts and database.
func Location(name string) string {
	e, err := find(name)
	if err != nil {
		return name
	}
	return e.location(name)
}
