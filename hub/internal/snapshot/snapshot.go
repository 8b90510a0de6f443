// Package snapshot brings the files of a store's snapshot from a hub to a directory.
//
// The hub writes them as one stream (Write). The other side reads the stream into a draft
// (draft.go), which is a directory beside the one that was asked for, and gets its name
// once it is whole and durable: so there is never a part of a snapshot under that name.
//
// The stream is a tar archive of the files and directories, in any order, and then of a file named END,
// which has the number of the files and of their bytes. A stream that was cut off has no
// such file.
package snapshot

import (
	"archive/tar"
	"bufio"
	"fmt"
	"io"
	"strings"

	"github.com/kymohq/kymo/hub/internal/store"
)

// What a server that sends a snapshot sets.
const (
	ContentType = "application/x-tar"
	SizeHeader  = "Kymo-Snapshot-Bytes" // how many bytes the files have, for progress
)

const (
	fileMode = 0o600
	dirMode  = 0o700
	endName  = "END"
)

// Amount is how much a snapshot has, directories aside.
type Amount struct {
	Files int
	Bytes int64
}

func (a Amount) plus(size int64) Amount { return Amount{a.Files + 1, a.Bytes + size} }

// end returns the content of the last file.
func (a Amount) end() string { return fmt.Sprintf("%d files, %d bytes\n", a.Files, a.Bytes) }

// AmountOf returns how much a snapshot has.
func AmountOf(s store.Snapshot) (a Amount) {
	for _, f := range s.Files() {
		if !f.IsDir() {
			a = a.plus(f.Size)
		}
	}
	return a
}

// Write writes a snapshot as a stream. After an error, which is that of w or of the
// snapshot, the stream is not whole.
func Write(w io.Writer, s store.Snapshot) error {
	buffered := bufio.NewWriterSize(w, 64<<10)
	t := tar.NewWriter(buffered)
	for _, f := range s.Files() {
		if err := writeFile(t, s, f); err != nil {
			return fmt.Errorf("%s: %w", f.Name, err)
		}
	}
	end := AmountOf(s).end()
	if err := writeHeader(t, endName, int64(len(end))); err != nil {
		return err
	}
	if _, err := io.Copy(t, strings.NewReader(end)); err != nil {
		return err
	}
	if err := t.Close(); err != nil {
		return err
	}
	return buffered.Flush()
}

func writeHeader(t *tar.Writer, name string, size int64) error {
	return t.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: name, Size: size, Mode: fileMode})
}

func writeFile(t *tar.Writer, s store.Snapshot, f store.File) error {
	if f.IsDir() {
		return t.WriteHeader(&tar.Header{Typeflag: tar.TypeDir, Name: f.Name, Mode: dirMode})
	}
	r, err := s.Open(f.Name)
	if err != nil {
		return err
	}
	defer r.Close()
	if err := writeHeader(t, f.Name, f.Size); err != nil {
		return err
	}
	_, err = io.CopyN(t, r, f.Size)
	return err
}
