package pebblestore

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"path"
	"slices"
	"strings"
	"sync"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/kymohq/kymo/hub/internal/store"
)

// snapshotPrefix begins the names of the directories, in the store's, that each hold the
// database of one snapshot: links to its files.
const snapshotPrefix = "snapshot-"

// Snapshot implements store.Snapshotter.
//
// The committer opens the journal's segments between two groups of batches, so that what
// was acknowledged by then is in them, up to their length at that instant, or in the
// database's files. The database is copied afterwards, and may be newer: it has the number
// of the last segment that it includes, and a copy replays those behind it. Segments that
// the store removes meanwhile can still be read, since they are open.
//
// So a copy is what a crash at that instant could have left.
func (s *Store) Snapshot(ctx context.Context) (store.Snapshot, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	n := &snapshot{store: s}
	var e *engine
	err := s.do(ctx, func(c *committer) error {
		if c.failed != nil {
			return classify(c.failed)
		}
		if err := n.openJournal(&c.journal); err != nil {
			return fmt.Errorf("open the journal: %w", classify(err))
		}
		e = c.engine
		e.users.Add(1) // while it is the store's
		return nil
	})
	if err == nil {
		err = n.copyDatabase(e)
		e.release()
	}
	if err == nil {
		err = n.addDocuments()
	}
	if err != nil {
		return nil, errors.Join(err, n.Close())
	}
	slices.SortFunc(n.files, func(a, b snapshotFile) int { return strings.Compare(a.Name, b.Name) })
	return n, nil
}

// snapshot is read by one goroutine. Others may end it.
type snapshot struct {
	store *Store
	dir   string // of the database
	files []snapshotFile

	mu    sync.Mutex
	ended error // why its files are gone; nil if they are not
}

type snapshotFile struct {
	store.File
	path string   // where it is
	open vfs.File // what is read instead, if not nil
}

func (n *snapshot) openJournal(j *journal) error {
	numbers, err := segments(j.fs, j.dir)
	if err != nil {
		return err
	}
	n.files = append(n.files, snapshotFile{File: store.File{Name: journalDir + "/"}}) // which may be empty
	for _, number := range numbers {
		name := segmentName(j.dir, number)
		f, err := j.fs.Open(name)
		if err != nil {
			return err
		}
		file := snapshotFile{path: name, open: f, File: store.File{Name: path.Join(journalDir, path.Base(name))}}
		n.files = append(n.files, file)
		info, err := f.Stat()
		if err != nil {
			return err
		}
		size := info.Size()
		if number == j.number {
			size = min(size, j.valid)
		}
		n.files[len(n.files)-1].Size = size
	}
	return nil
}

// copyDatabase links the files of the engine's database into a directory.
func (n *snapshot) copyDatabase(e *engine) error {
	n.store.snapshots.add(n)
	err := e.flush() // or what was pruned just now would be there
	if err == nil {
		err = e.attempt(func() error { return e.db.Checkpoint(n.dir) })
	}
	if e.isDead() {
		e.fence.drain() // or it might write there while that is removed
	}
	if err != nil {
		if pebble.IsCorruptionError(err) {
			return damaged(err)
		}
		return fmt.Errorf("copy the database: %w", classify(err))
	}
	if err := n.add("FORMAT", path.Join(n.store.dir, "FORMAT")); err != nil {
		return err
	}
	names, err := n.store.fs.List(n.dir)
	for _, name := range names {
		err = cmp.Or(err, n.add(path.Join(databaseDir, name), path.Join(n.dir, name)))
	}
	return err
}

func (n *snapshot) add(name, where string) error {
	info, err := n.store.fs.Stat(where)
	if err != nil {
		return n.because(err)
	}
	n.files = append(n.files, snapshotFile{File: store.File{Name: name, Size: info.Size()}, path: where})
	return nil
}

// because returns why the snapshot was ended, or else the error.
func (n *snapshot) because(err error) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	return cmp.Or(n.ended, err)
}

// Files implements store.Snapshot.
func (n *snapshot) Files() []store.File {
	files := make([]store.File, len(n.files))
	for i := range n.files {
		files[i] = n.files[i].File
	}
	return files
}

// Open implements store.Snapshot.
func (n *snapshot) Open(name string) (io.ReadCloser, error) {
	i, found := slices.BinarySearchFunc(n.files, name, func(f snapshotFile, name string) int { return strings.Compare(f.Name, name) })
	if err := n.because(nil); err != nil {
		return nil, err
	}
	if !found {
		return nil, fmt.Errorf("the snapshot has no file %s", name)
	}
	f := &n.files[i]
	if f.open != nil {
		return io.NopCloser(io.NewSectionReader(f.open, 0, f.Size)), nil
	}
	file, err := n.store.fs.Open(f.path, vfs.SequentialReadsOption)
	if err != nil {
		return nil, n.because(err)
	}
	return file, nil
}

// Close implements store.Snapshot.
func (n *snapshot) Close() error {
	var err error
	for i := range n.files {
		if f := n.files[i].open; f != nil {
			err = errors.Join(err, f.Close())
			n.files[i].open = nil
		}
	}
	n.store.snapshots.remove(n)
	return errors.Join(err, n.end(store.ErrClosed))
}

// end removes the files of the database. It can be called again: one that is being copied
// may leave some behind.
func (n *snapshot) end(reason error) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.ended = cmp.Or(n.ended, reason)
	if n.dir == "" {
		return nil
	}
	return n.store.fs.RemoveAll(n.dir)
}

// snapshots are those of a store that are open.
type snapshots struct {
	mu   sync.Mutex
	made int
	open map[*snapshot]struct{}
}

// add adds a snapshot, and names the directory for its database, which does not exist.
func (l *snapshots) add(n *snapshot) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.open == nil {
		l.open = make(map[*snapshot]struct{})
	}
	l.open[n] = struct{}{}
	l.made++
	n.dir = path.Join(n.store.dir, fmt.Sprint(snapshotPrefix, l.made))
}

func (l *snapshots) remove(n *snapshot) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.open, n)
}

// end ends all snapshots, whose room the store needs, and reports whether there was one.
func (l *snapshots) end(reason error) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	found := len(l.open) > 0
	for n := range l.open {
		if err := n.end(reason); err != nil {
			n.store.logger.Warn("cannot remove the files of a snapshot", "directory", n.dir, "error", err)
		}
		delete(l.open, n)
	}
	return found
}

// removeSnapshots removes what a process left that ended while there was a snapshot.
func (s *Store) removeSnapshots() {
	names, err := s.fs.List(s.dir)
	if err != nil {
		return // opening the store meets it, too
	}
	for _, name := range names {
		if strings.HasPrefix(name, snapshotPrefix) {
			if err := s.fs.RemoveAll(path.Join(s.dir, name)); err != nil {
				s.logger.Warn("cannot remove what is left of a snapshot", "directory", path.Join(s.dir, name), "error", err)
			}
		}
	}
}
