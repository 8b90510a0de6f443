package core

import (
	"context"
	"io"
	"path/filepath"
	"strings"

	"github.com/kymohq/kymo/hub/internal/store"
)

// snapshotOf returns how to copy all that a hub keeps, or nil if its store cannot be
// copied while it is in use: a server has tools of its own for that.
func snapshotOf(st store.Store, sessions sessionsFile) func(context.Context) (store.Snapshot, error) {
	s, ok := st.(store.Snapshotter)
	if !ok {
		return nil
	}
	return func(ctx context.Context) (store.Snapshot, error) {
		n, err := s.Snapshot(ctx)
		if err != nil {
			return nil, err
		}
		return withSessions{n, filepath.Base(sessions.name), sessions.read()}, nil
	}
}

// withSessions adds the file of ended sessions to a snapshot, if there are any: their
// cookies stay invalid on a hub that is started on a copy.
type withSessions struct {
	store.Snapshot
	name, content string
}

// Files implements store.Snapshot.
func (s withSessions) Files() []store.File {
	files := s.Snapshot.Files()
	if s.content == "" {
		return files
	}
	return append(files, store.File{Name: s.name, Size: int64(len(s.content))})
}

// Open implements store.Snapshot.
func (s withSessions) Open(name string) (io.ReadCloser, error) {
	if s.content != "" && name == s.name {
		return io.NopCloser(strings.NewReader(s.content)), nil
	}
	return s.Snapshot.Open(name)
}
