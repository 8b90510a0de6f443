package store

import (
	"context"
	"io"
	"strings"
	"time"

	"github.com/kymohq/kymo/hub/internal/rollup"
)

// What only some stores can do is an interface of its own, which callers find by
// type assertion. A store that wraps another hides its abilities unless it has the
// methods, too. Package storetest tests the abilities that an engine claims.

// A Floorer reports up to which instant everything was deleted.
type Floorer interface {
	// Floor returns the instant (Unix milliseconds) before which everything was
	// deleted, 0 if nothing was. After Prune it is at most the instant given, and
	// less than an hour before it. Only LowerFloor moves it back.
	//
	// A request that started before the floor is not refused by Append, but no
	// query yields it. Callers that count what they could not keep compare first.
	Floor() int64

	// LowerFloor moves the floor back to an instant, unless it is there or before it.
	// What starts from there on is yielded again: what comes, and of what was kept the
	// part that was not deleted yet.
	LowerFloor(ctx context.Context, to int64) error
}

// A Timekeeper remembers what time it was, so that the hub notices when its clock is
// wrong. What a Timekeeper forgets by age, like identities, it forgets by that time.
type Timekeeper interface {
	// Reckon keeps the time (Unix milliseconds).
	Reckon(ctx context.Context, now int64) error

	// Reckoned returns the time that Reckon kept last, or up to an hour earlier; 0 if
	// there is none.
	Reckoned(ctx context.Context) (int64, error)

	// Time returns the time by the clock of the store's server, or zero if it has none.
	Time(ctx context.Context) (time.Time, error)
}

// A Sizer can be held to a size.
type Sizer interface {
	// PruneToSize deletes the oldest data until the store takes no more than so many
	// bytes, and returns the instant (Unix milliseconds) up to which it deleted: 0 if
	// it deleted nothing. It deletes a partition at a time, and keeps the newest of
	// them whatever their size: a block of requests in one engine, days in another.
	PruneToSize(ctx context.Context, bytes int64) (before int64, err error)
}

// A SizeKeeper holds itself to a size. It can be filled faster than PruneToSize is called
// from outside.
type SizeKeeper interface {
	Sizer

	// KeepSize has the store prune itself to a size whenever it has grown beyond it, until
	// it is called again; 0 is any size. It does not wait for that. PruneToSize then also
	// returns the instant up to which the store deleted by itself since the last call.
	KeepSize(bytes int64)
}

// A Checker can report whether it works.
type Checker interface {
	// Check returns nil if the store answers and the last write succeeded, or why not.
	// It may return an error as health.Degradedf makes it.
	Check(ctx context.Context) error
}

// A Loser remembers what it had and can no longer read, because a disk damaged it.
type Loser interface {
	// Lost returns what was lost of the window.
	Lost(w rollup.Window) Loss
}

// Loss is what a store lost of a window.
type Loss struct {
	Damaged  bool   // whether anything of the window was lost
	Requests uint64 // how many requests at most, as far as that is known
}

// A Documenter keeps documents (document.go) beside what was measured. Retention, Prune
// and PruneToSize do not touch them.
type Documenter interface {
	// PutDocument keeps a document, in place of one with the same kind and name, and
	// returns once it is durable and visible to every later call, of other hubs on the same
	// server, too. The document must be valid. After an error it may or may not have been
	// kept; putting it again is safe.
	//
	// Of two hubs that put a document of the same name at the same moment, one wins.
	PutDocument(ctx context.Context, d *Document) error

	// AddDocument is PutDocument for a name that is free. It reports whether the document was
	// kept: if there is one of that kind and name, that one stays. Of several calls at the same
	// moment, one keeps its document. Several hubs may all be told so if the documents are the
	// same, or if the server has no transactions: then one of them wins.
	AddDocument(ctx context.Context, d *Document) (added bool, err error)

	// DeleteDocument deletes a document, if there is one, as durably.
	DeleteDocument(ctx context.Context, kind, name string) error

	// Documents returns the documents of a kind, or of all kinds if that is "", ordered by
	// kind and name.
	Documents(ctx context.Context, kind string) ([]Document, error)
}

// A Remote is a store in a server, which may be away while the hub runs.
type Remote interface {
	Checker

	// Waiting returns how many calls of Append have no answer yet.
	Waiting() int
}

// A Snapshotter can be copied while it is in use.
type Snapshotter interface {
	// Snapshot returns the store as it is at one instant of the call. Every batch that
	// Append returned for before the call is in it, any other wholly or not at all, and
	// identities are too. Appends and queries go on meanwhile. Until the snapshot is closed
	// it can keep room on the disk that the store would free.
	Snapshot(ctx context.Context) (Snapshot, error)
}

// Snapshot is the files of a store at one instant. A directory that has them under their
// names, and nothing else, is a store of the same engine. Only one goroutine may use it.
type Snapshot interface {
	// Files returns the files, ordered by name.
	Files() []File

	// Open opens a file for reading. A store that needs the room of a snapshot, or is
	// closed, ends it: then the error is ErrFull or ErrClosed.
	Open(name string) (io.ReadCloser, error)

	// Close frees what the snapshot takes.
	Close() error
}

// File is a file of a snapshot, or a directory, whose name ends with a slash.
type File struct {
	Name string // slash-separated, relative to the directory of the store
	Size int64  // in bytes; 0 of a directory
}

// IsDir reports whether it is a directory.
func (f *File) IsDir() bool { return strings.HasSuffix(f.Name, "/") }
