package pebblestore

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io/fs"
	"path"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/kymohq/kymo/hub/internal/atomicfile"
	"github.com/kymohq/kymo/hub/internal/store"
)

// documentsFile has the documents. They are few, so each change replaces the file as a
// whole. It is beside the database, so that damage there does not reach it.
//
// Each line is a document: the CRC-32C of its JSON as 8 hexadecimal digits, a space, and a
// documentLine as JSON. A line that does not match costs that document alone.
const documentsFile = "documents"

type documentLine struct {
	Kind    string `json:"kind"`
	Name    string `json:"name"`
	Created int64  `json:"created"` // Unix ms, as is Updated
	Updated int64  `json:"updated"`
	JSON    string `json:"json"`
}

// documents are the documents of a store.
type documents struct {
	all atomic.Pointer[[]store.Document] // ordered; replaced as a whole

	writing sync.Mutex // held while the file is replaced, or copied
	closed  bool
	lost    int // lines that were damaged when the store was opened
}

func (d *documents) list() []store.Document {
	if all := d.all.Load(); all != nil {
		return *all
	}
	return nil
}

// close lets nothing be written from now on.
func (d *documents) close() {
	d.writing.Lock()
	defer d.writing.Unlock()
	d.closed = true
}

// PutDocument implements store.Documenter.
func (s *Store) PutDocument(ctx context.Context, d *store.Document) error {
	_, err := s.keepDocument(ctx, d, true)
	return err
}

// AddDocument implements store.Documenter.
func (s *Store) AddDocument(ctx context.Context, d *store.Document) (bool, error) {
	return s.keepDocument(ctx, d, false)
}

// keepDocument keeps a document, in place of one with its kind and name or only if there is
// none.
func (s *Store) keepDocument(ctx context.Context, d *store.Document, replace bool) (kept bool, err error) {
	if err := d.Validate(); err != nil {
		return false, err
	}
	own := *d
	own.JSON = slices.Clone(d.JSON)
	own.Created, own.Updated = time.UnixMilli(d.Created.UnixMilli()).UTC(), time.UnixMilli(d.Updated.UnixMilli()).UTC()
	err = s.changeDocuments(ctx, func(all []store.Document) []store.Document {
		others := without(all, d.Kind, d.Name)
		if kept = replace || len(others) == len(all); !kept {
			return nil
		}
		return append(others, own)
	})
	return kept && err == nil, err
}

// DeleteDocument implements store.Documenter.
func (s *Store) DeleteDocument(ctx context.Context, kind, name string) error {
	return s.changeDocuments(ctx, func(all []store.Document) []store.Document { return without(all, kind, name) })
}

// without returns a copy of documents that leaves one out.
func without(all []store.Document, kind, name string) []store.Document {
	return slices.DeleteFunc(slices.Clone(all), func(d store.Document) bool { return d.Kind == kind && d.Name == name })
}

// changeDocuments replaces the file, and then what Documents returns, unless change returns
// nil.
func (s *Store) changeDocuments(ctx context.Context, change func([]store.Document) []store.Document) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	s.documents.writing.Lock()
	defer s.documents.writing.Unlock()
	if s.documents.closed {
		return store.ErrClosed
	}
	all := change(s.documents.list())
	if all == nil {
		return nil
	}
	store.SortDocuments(all)
	if err := s.writeDocuments(all); err != nil {
		return fmt.Errorf("write %s: %w", documentsFile, classify(err))
	}
	s.documents.all.Store(&all)
	return nil
}

// Documents implements store.Documenter.
func (s *Store) Documents(ctx context.Context, kind string) ([]store.Document, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	s.mu.RLock()
	closed := s.closed
	s.mu.RUnlock()
	if closed {
		return nil, store.ErrClosed
	}
	var found []store.Document
	for _, d := range s.documents.list() {
		if kind == "" || d.Kind == kind {
			d.JSON = slices.Clone(d.JSON)
			found = append(found, d)
		}
	}
	return found, nil
}

func (s *Store) writeDocuments(all []store.Document) error {
	var b bytes.Buffer
	for i := range all {
		d := &all[i]
		line, err := json.Marshal(documentLine{d.Kind, d.Name, d.Created.UnixMilli(), d.Updated.UnixMilli(), string(d.JSON)})
		if err != nil {
			return err
		}
		fmt.Fprintf(&b, "%08x %s\n", crc32.Checksum(line, castagnoli), line)
	}
	return atomicfile.Write(formatFS{s.fs}, path.Join(s.dir, documentsFile), b.Bytes())
}

// parseDocuments returns the documents in the content of the file, and how many lines hold
// none.
func parseDocuments(content []byte) (all []store.Document, damaged int) {
	for line := range bytes.Lines(content) {
		if d, ok := parseDocument(bytes.TrimSuffix(line, []byte("\n"))); ok {
			all = append(all, d)
		} else {
			damaged++
		}
	}
	store.SortDocuments(all)
	return all, damaged
}

func parseDocument(line []byte) (d store.Document, ok bool) {
	sum, text, _ := bytes.Cut(line, []byte(" "))
	want, err := strconv.ParseUint(string(sum), 16, 32)
	var l documentLine
	if err != nil || uint32(want) != crc32.Checksum(text, castagnoli) || json.Unmarshal(text, &l) != nil {
		return d, false
	}
	return store.Document{
		Kind: l.Kind, Name: l.Name, JSON: []byte(l.JSON),
		Created: time.UnixMilli(l.Created).UTC(), Updated: time.UnixMilli(l.Updated).UTC(),
	}, true
}

// readDocuments reads the file, of which there is none before the first document.
func (s *Store) readDocuments() (content []byte, all []store.Document, damaged int, err error) {
	content, err = readFile(s.fs, path.Join(s.dir, documentsFile))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil, 0, nil
	}
	if err != nil {
		return nil, nil, 0, err
	}
	all, damaged = parseDocuments(content)
	return content, all, damaged, nil
}

// loadDocuments reads the documents. Damage costs those that it hits, and the rest of the
// store nothing: a damaged file is put aside as it was, and what is left of it replaces it.
func (s *Store) loadDocuments() error {
	content, all, damaged, err := s.readDocuments()
	if err != nil {
		return fmt.Errorf("read %s: %w", documentsFile, err)
	}
	s.documents.all.Store(&all)
	if damaged == 0 {
		return nil
	}
	s.documents.lost = damaged
	aside := path.Join(asideDir, documentsFile+"-"+s.now().UTC().Format("20060102-150405"))
	err = s.fs.MkdirAll(path.Join(s.dir, asideDir), 0o755)
	if err == nil {
		err = atomicfile.Write(formatFS{s.fs}, path.Join(s.dir, aside), content)
	}
	if err == nil {
		err = s.writeDocuments(all)
	}
	s.logger.Error("a file of the store is damaged", "directory", s.dir, "file", documentsFile,
		"lost", lostDocuments(damaged), "copy", aside, "error", err)
	return nil
}

// lostDocuments describes what damage cost.
func lostDocuments(n int) string {
	return fmt.Sprintf("%d of what was added over the API, such as checks", n)
}

// inspectDocuments finds damage of the documents.
func (r *repair) inspectDocuments() error {
	_, all, damaged, err := r.readDocuments()
	if err == nil && damaged > 0 {
		r.foundf("%s is damaged: %d lines hold no document; %d can be read", documentsFile, damaged, len(all))
	}
	return err
}

// addDocuments adds the file of the documents as it is now.
func (n *snapshot) addDocuments() error {
	s := n.store
	s.documents.writing.Lock()
	defer s.documents.writing.Unlock()
	where := path.Join(s.dir, documentsFile)
	f, err := s.fs.Open(where)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return classify(err)
	}
	file := snapshotFile{path: where, open: f, File: store.File{Name: documentsFile}}
	n.files = append(n.files, file) // which Close closes
	info, err := f.Stat()
	if err != nil {
		return classify(err)
	}
	n.files[len(n.files)-1].Size = info.Size()
	return nil
}
