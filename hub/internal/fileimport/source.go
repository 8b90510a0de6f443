package fileimport

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// Source is one file to import.
type Source struct {
	name    string // as the user gave it
	format  *format
	service string
	// Regular files can be read twice, so they are checked before they are sent
	// and identified by their content.
	regular  bool
	size     int64
	instance string // the identity of its batches
}

const stdinName = "standard input"

// NewSource returns the source of a name: a file, or standard input
// for "-". The format is one of Formats; if it is empty, the name's extension tells
// it. Requests that name no service belong to the given one.
func NewSource(name, format, service string) (*Source, error) {
	s := &Source{name: name, service: service, format: named(format)}
	if format == "" {
		s.format = byExtension(strings.TrimPrefix(strings.ToLower(filepath.Ext(name)), "."))
	}
	info, err := s.stat()
	if err != nil {
		return nil, err
	}
	if s.format == nil {
		if format != "" {
			return nil, fmt.Errorf("--format: %q is not a format; it is %s", format, Formats())
		}
		return nil, fmt.Errorf("%s: cannot tell the format from the name; add %s", name, alternatives("--format "))
	}
	if name == "-" {
		s.name = stdinName
		return s, nil
	}
	s.regular, s.size = info.Mode().IsRegular(), info.Size()
	return s, nil
}

// stat returns the file's description, nil for standard input.
func (s *Source) stat() (fs.FileInfo, error) {
	switch s.name {
	case "-":
		return nil, nil
	case "":
		return nil, errors.New("FILE: is empty; name a file, or - for standard input")
	}
	info, err := os.Stat(s.name)
	if path, ok := errors.AsType[*fs.PathError](err); ok {
		return nil, fmt.Errorf("%s: %w", s.name, path.Err)
	}
	if err == nil && info.IsDir() {
		return nil, fmt.Errorf("%s: is a directory; name the files in it", s.name)
	}
	return info, err
}

// Name returns the name for messages.
func (s *Source) Name() string { return s.name }

// Size returns how many bytes the source has, 0 if that is not known.
func (s *Source) Size() int64 { return s.size }

// open returns the source's bytes.
func (s *Source) open(stdin io.Reader) (io.ReadCloser, error) {
	if s.name == stdinName && !s.regular {
		return io.NopCloser(stdin), nil
	}
	return os.Open(s.name)
}

// identity is the instance of a file's batches: they depend on its content, the
// service and the number of rows in a batch, and on nothing else.
func (s *Source) identity(content hash.Hash) string {
	sum := sha256.New()
	fmt.Fprintf(sum, "%x %d %s", content.Sum(nil), batchRows, s.service)
	return "import-" + hex.EncodeToString(sum.Sum(nil)[:20])
}

// counter counts the bytes that are read through it, and hashes them.
type counter struct {
	r     io.Reader
	sum   hash.Hash
	bytes int64
}

func (c *counter) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.sum.Write(p[:n])
	c.bytes += int64(n)
	return n, err
}
