package snapshot

import (
	"archive/tar"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/kymohq/kymo/hub/internal/atomicfile"
)

// Draft is a directory into which a snapshot is read, beside the one that it will be.
type Draft struct {
	Dir string // where the files are, until Commit

	target string
	root   *os.Root
	dirs   []string // below Dir
}

// NewDraft returns an empty draft of a directory, which must not exist, or be empty.
func NewDraft(target string) (*Draft, error) {
	place, err := placeOf(target)
	if err != nil {
		return nil, err
	}
	parent := filepath.Dir(place)
	if _, err := os.Stat(parent); errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("the directory %s does not exist; make it first, or name another", parent)
	}
	dir, err := os.MkdirTemp(parent, "."+filepath.Base(place)+".partial-")
	if err != nil {
		return nil, fmt.Errorf("nothing can be written in %s (%w); name another directory", parent, cause(err))
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, errors.Join(err, os.Remove(dir))
	}
	return &Draft{Dir: dir, target: place, root: root}, nil
}

// placeOf returns where a directory is to be made. It is an absolute path, without a
// symbolic link at its end.
func placeOf(target string) (string, error) {
	place, err := filepath.Abs(target)
	if err != nil {
		return "", err
	}
	if resolved, err := filepath.EvalSymlinks(place); err == nil {
		place = resolved
	}
	names, err := os.ReadDir(place)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return place, nil
	case errors.Is(err, syscall.ENOTDIR):
		return "", fmt.Errorf("%s is not a directory; name one that does not exist", target)
	case err != nil:
		return "", fmt.Errorf("cannot read %s (%w); name a directory that does not exist", target, cause(err))
	case len(names) > 0:
		return "", fmt.Errorf("%s is not empty, and stays as it is; name a directory that does not exist", target)
	}
	return place, nil
}

// cause is the part of an error of the file system that helps a user.
func cause(err error) error {
	if number, ok := errors.AsType[syscall.Errno](err); ok {
		return number
	}
	return err
}

// CutError is the error of a stream that ended before the snapshot was whole.
type CutError struct{ Err error }

func (e *CutError) Error() string { return "the snapshot was cut off: " + e.Err.Error() }
func (e *CutError) Unwrap() error { return e.Err }

// cutOr returns the error of reading a stream: a CutError, unless what was read is no
// archive.
func cutOr(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, tar.ErrHeader):
		return notASnapshot("it is no archive")
	case errors.Is(err, io.EOF):
		err = io.ErrUnexpectedEOF
	}
	return &CutError{err}
}

func notASnapshot(why string) error { return errors.New("what was sent is no snapshot: " + why) }

// RoomError is the error of a disk that has no room for the snapshot.
type RoomError struct{ Dir string }

func (e *RoomError) Error() string {
	return fmt.Sprintf("there is no room in %s; make some, or name a directory on another disk", e.Dir)
}

// Receive reads a stream into the draft. It tells progress how many bytes of the files it
// has read. The error is a *CutError, a *RoomError, of the disk, or tells why the stream
// is no snapshot.
func (d *Draft) Receive(r io.Reader, progress func(bytes int64)) (got Amount, err error) {
	t := tar.NewReader(r)
	for {
		h, err := t.Next()
		switch {
		case err != nil:
			return got, cutOr(err)
		case h.Typeflag == tar.TypeDir && isDirName(h.Name):
			if err := d.makeDir(strings.TrimSuffix(h.Name, "/")); err != nil {
				return got, d.explain(err)
			}
			continue
		case h.Typeflag != tar.TypeReg || !isName(h.Name):
			return got, notASnapshot(fmt.Sprintf("it has %q, which a store does not", h.Name))
		case h.Name == endName:
			return got, atEnd(t, got)
		}
		before := got.Bytes
		if err := d.receiveFile(h.Name, t, func(n int64) { progress(before + n) }); err != nil {
			return got, d.explain(err)
		}
		got = got.plus(h.Size)
	}
}

// atEnd compares what was received with the content of the last file. What follows it
// does not matter.
func atEnd(t *tar.Reader, got Amount) error {
	end, err := io.ReadAll(io.LimitReader(t, 1<<10))
	if err != nil {
		return cutOr(err)
	}
	if string(end) != got.end() {
		return notASnapshot(fmt.Sprintf("its end counts %q, and it has %q", end, got.end()))
	}
	return nil
}

// isName reports whether a name can be that of a store's file: in the directory, or in one
// below it. os.Root keeps any other within the draft, too.
func isName(name string) bool {
	const characters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_"
	dir, base := path.Split(name)
	return fs.ValidPath(name) && base != "." && !strings.Contains(strings.TrimSuffix(dir, "/"), "/") &&
		strings.Trim(base, characters) == "" && strings.Trim(dir, characters+"/") == ""
}

// isDirName reports whether a name can be that of a store's directory.
func isDirName(name string) bool {
	name, slash := strings.CutSuffix(name, "/")
	return slash && isName(name) && !strings.Contains(name, "/")
}

// makeDir makes a directory, unless it is there.
func (d *Draft) makeDir(name string) error {
	switch err := d.root.Mkdir(name, dirMode); {
	case err == nil:
		d.dirs = append(d.dirs, name)
	case !errors.Is(err, fs.ErrExist):
		return err
	}
	return nil
}

// receiveFile writes a file, durably.
func (d *Draft) receiveFile(name string, r io.Reader, progress func(int64)) error {
	if dir := path.Dir(name); dir != "." {
		if err := d.makeDir(dir); err != nil {
			return err
		}
	}
	f, err := d.root.OpenFile(name, os.O_CREATE|os.O_EXCL|os.O_WRONLY, fileMode)
	if err != nil {
		return err
	}
	_, err = io.Copy(&counter{w: f, told: progress}, cutReader{r})
	if err == nil {
		err = f.Sync()
	}
	return errors.Join(err, f.Close())
}

// cutReader tells errors of the stream from those of the disk.
type cutReader struct{ io.Reader }

func (r cutReader) Read(b []byte) (int, error) {
	n, err := r.Reader.Read(b)
	if err != nil && !errors.Is(err, io.EOF) {
		err = cutOr(err)
	}
	return n, err
}

type counter struct {
	w    io.Writer
	n    int64
	told func(int64)
}

func (c *counter) Write(b []byte) (int, error) {
	n, err := c.w.Write(b)
	c.n += int64(n)
	c.told(c.n)
	return n, err
}

// explain returns the errors of Receive.
func (d *Draft) explain(err error) error {
	switch {
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		return &RoomError{filepath.Dir(d.target)}
	case errors.As(err, new(*CutError)):
		return err
	}
	return fmt.Errorf("cannot write in %s: %w", d.Dir, cause(err))
}

// Commit makes the draft durable and gives it its name. What others put there meanwhile
// stays, and is an error.
func (d *Draft) Commit() error {
	disk := atomicfile.Disk(fileMode)
	err := d.root.Close()
	for _, dir := range append(d.dirs, ".") {
		err = errors.Join(err, disk.SyncDir(filepath.Join(d.Dir, dir)))
	}
	if err != nil {
		return err
	}
	if err := os.Remove(d.target); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%s cannot be replaced (%w); name a directory that does not exist", d.target, cause(err))
	}
	if err := os.Rename(d.Dir, d.target); err != nil {
		return fmt.Errorf("cannot make %s: %w", d.target, cause(err))
	}
	return disk.SyncDir(filepath.Dir(d.target))
}

// Discard removes the draft. After Commit there is none.
func (d *Draft) Discard() error {
	return errors.Join(d.root.Close(), os.RemoveAll(d.Dir))
}
