package snapshot

import (
	"archive/tar"
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/kymohq/kymo/hub/internal/store"
)

// files is a snapshot, by name.
type files map[string]string

func (s files) Files() (list []store.File) {
	for _, name := range slices.Sorted(maps.Keys(s)) {
		list = append(list, store.File{Name: name, Size: int64(len(s[name]))})
	}
	return list
}

func (s files) Open(name string) (io.ReadCloser, error) {
	return io.NopCloser(strings.NewReader(s[name])), nil
}

func (files) Close() error { return nil }

var some = files{
	"FORMAT": "3\n", "journal/0000000000000001.journal": strings.Repeat("requests ", 40_000),
	"pebble/000004.sst": "", "pebble/MANIFEST-000001": "tables", "journal/": "", "ended-sessions": "1 a\n", "pebble/": "", "empty/": "",
}

func stream(t testing.TB, s store.Snapshot) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := Write(&b, s); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func draft(t testing.TB, target string) *Draft {
	t.Helper()
	d, err := NewDraft(target)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { d.Discard() })
	return d
}

// read returns the files of a directory, and fails the test if others may use them.
func read(t testing.TB, dir string) files {
	t.Helper()
	got := make(files)
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := entry.Info()
		if err != nil {
			return err
		}
		if info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s has the mode %o", path, info.Mode().Perm())
		}
		name, err := filepath.Rel(dir, path)
		if err != nil {
			return err
		}
		if entry.IsDir() {
			got[filepath.ToSlash(name)+"/"] = ""
			return nil
		}
		b, err := os.ReadFile(path)
		got[filepath.ToSlash(name)] = string(b)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	delete(got, "./")
	return got
}

// wantNames fails the test unless a directory has just these entries.
func wantNames(t testing.TB, dir string, want ...string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	if !slices.Equal(names, want) {
		t.Errorf("%s has %q, want %q", dir, names, want)
	}
}

func ignore(int64) {}

func TestReceive(t *testing.T) {
	parent := t.TempDir()
	for _, target := range []string{"absent", "empty", "link"} {
		path := filepath.Join(parent, target)
		switch target {
		case "empty":
			if err := os.Mkdir(path, 0o755); err != nil {
				t.Fatal(err)
			}
		case "link":
			path = filepath.Join(parent, "behind")
			if err := errors.Join(os.Mkdir(path, 0o755), os.Symlink(path, filepath.Join(parent, target))); err != nil {
				t.Fatal(err)
			}
		}
		d := draft(t, filepath.Join(parent, target))
		var last int64
		got, err := d.Receive(bytes.NewReader(stream(t, some)), func(n int64) {
			if n < last {
				t.Errorf("%d bytes after %d", n, last)
			}
			last = n
		})
		if want := AmountOf(some); err != nil || got != want || last != want.Bytes {
			t.Fatalf("%s: received %+v, %d bytes, %v, want %+v", target, got, last, err, want)
		}
		if names, err := os.ReadDir(path); target != "absent" && (err != nil || len(names) > 0) {
			t.Errorf("before the end there is %v, %v", names, err)
		}
		if err := errors.Join(d.Commit(), d.Discard()); err != nil {
			t.Fatal(err)
		}
		if got := read(t, path); !maps.Equal(got, some) {
			t.Errorf("%s: got %d files", target, len(got))
		}
	}
	wantNames(t, parent, "absent", "behind", "empty", "link")
}

// A stream that is cut off anywhere is not whole, and leaves nothing.
func TestStreamsThatAreCutOff(t *testing.T) {
	small := files{"FORMAT": "3\n", "pebble/a": "some"}
	whole := stream(t, small)
	parent := t.TempDir()
	// Where the content of the last file ends; what follows is padding.
	end := bytes.LastIndexByte(whole, '\n') + 1
	for n := 0; n < len(whole); n += 37 {
		if n > end && n-37 < end {
			n = end
		}
		d := draft(t, filepath.Join(parent, "copy"))
		_, err := d.Receive(bytes.NewReader(whole[:n]), ignore)
		if (err == nil) != (n >= end) || err != nil && !errors.As(err, new(*CutError)) {
			t.Fatalf("%d of %d bytes, of which %d are needed: %v", n, len(whole), end, err)
		}
		if err := d.Discard(); err != nil {
			t.Fatal(err)
		}
	}
	wantNames(t, parent)
	d := draft(t, filepath.Join(parent, "copy"))
	broken := io.MultiReader(bytes.NewReader(whole[:600]), failing{errors.New("the line is dead")})
	if _, err := d.Receive(broken, ignore); err == nil || err.Error() != "the snapshot was cut off: the line is dead" {
		t.Errorf("a connection that breaks: %v", err)
	}
}

type failing struct{ err error }

func (f failing) Read([]byte) (int, error)  { return 0, f.err }
func (f failing) Write([]byte) (int, error) { return 0, f.err }

// What a stream of another kind has is written nowhere.
func TestStreamsThatAreNone(t *testing.T) {
	archive := func(headers ...tar.Header) []byte {
		var b bytes.Buffer
		w := tar.NewWriter(&b)
		for _, h := range headers {
			content := h.Linkname // of a file
			if h.Typeflag == tar.TypeReg {
				h.Size, h.Linkname = int64(len(content)), ""
			}
			if err := w.WriteHeader(&h); err != nil {
				t.Fatal(err)
			}
			if h.Typeflag == tar.TypeReg {
				if _, err := io.WriteString(w, content); err != nil {
					t.Fatal(err)
				}
			}
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		return b.Bytes()
	}
	file := func(name, content string) tar.Header {
		return tar.Header{Typeflag: tar.TypeReg, Name: name, Mode: 0o777, Linkname: content}
	}
	end := file(endName, Amount{1, 1}.end())
	for what, body := range map[string][]byte{
		"text":                     []byte(strings.Repeat("<html>", 200)),
		"a path":                   archive(file("../out", "x"), end),
		"a path within":            archive(file("pebble/../../out", "x"), end),
		"an absolute path":         archive(file("/tmp/out", "x"), end),
		"a path that is deep":      archive(file("a/b/out", "x"), end),
		"a backslash":              archive(file(`..\out`, "x"), end),
		"a name with a colon":      archive(file("C:out", "x"), end),
		"no name":                  archive(file(".", "x"), end),
		"a directory":              archive(tar.Header{Typeflag: tar.TypeDir, Name: "pebble/", Mode: 0o777}, end),
		"a symbolic link":          archive(tar.Header{Typeflag: tar.TypeSymlink, Name: "pebble", Linkname: "/tmp"}, file("pebble/out", "x"), end),
		"a hard link":              archive(tar.Header{Typeflag: tar.TypeLink, Name: "x", Linkname: "/etc/passwd"}, end),
		"a file twice":             archive(file("x", "y"), file("x", "z"), end),
		"a file that is no longer": archive(file("x", "y"), file("x/y", "z"), end),
		"an end that is none":      archive(file("x", "yz"), end),
		"an end of something else": archive(file("x", "y"), file(endName, strings.Repeat("y", 5000))),
	} {
		parent := t.TempDir()
		d := draft(t, filepath.Join(parent, "copy"))
		_, err := d.Receive(bytes.NewReader(body), ignore)
		if err == nil || errors.As(err, new(*CutError)) || errors.As(err, new(*RoomError)) {
			t.Errorf("%s: %v", what, err)
		}
		if err := d.Discard(); err != nil {
			t.Error(err)
		}
		wantNames(t, parent)
	}
}

// FuzzReceive writes nothing outside its draft, and takes nothing for whole that is not.
func FuzzReceive(f *testing.F) {
	f.Add(stream(f, files{"FORMAT": "3\n", "pebble/a": "b"}))
	f.Fuzz(func(t *testing.T, b []byte) {
		parent := t.TempDir()
		d := draft(t, filepath.Join(parent, "copy"))
		got, err := d.Receive(bytes.NewReader(b), ignore)
		if err == nil {
			if err := d.Commit(); err != nil {
				t.Fatal(err)
			}
			if had := AmountOf(read(t, filepath.Join(parent, "copy"))); had != got {
				t.Errorf("received %+v, and there is %+v", got, had)
			}
			wantNames(t, parent, "copy")
			return
		}
		if err := d.Discard(); err != nil {
			t.Error(err)
		}
		wantNames(t, parent)
	})
}

// What is there stays.
func TestDraftsThatCannotBe(t *testing.T) {
	parent := t.TempDir()
	file, full := filepath.Join(parent, "file"), filepath.Join(parent, "full")
	if err := errors.Join(os.WriteFile(file, []byte("mine"), 0o600), os.Mkdir(full, 0o700), os.WriteFile(filepath.Join(full, "mine"), nil, 0o600)); err != nil {
		t.Fatal(err)
	}
	for target, want := range map[string]string{
		file:                                 " is not a directory; name one that does not exist",
		full:                                 " is not empty, and stays as it is; name a directory that does not exist",
		filepath.Join(parent, "absent", "x"): "/absent does not exist; make it first, or name another",
		filepath.Join(file, "x"):             " is not a directory; name one that does not exist",
		"/proc/copy":                         "nothing can be written in /proc (", // not even by root
		filepath.Join(parent, "a\x00b"):      "cannot read ",
		filepath.Join(parent, "name-"+long):  "",
	} {
		d, err := NewDraft(target)
		if err == nil {
			d.Discard()
		}
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", target, err, want)
		}
	}
	wantNames(t, parent, "file", "full")
	wantNames(t, full, "mine")

	// Nor does what is put there meanwhile go.
	target := filepath.Join(parent, "copy")
	d := draft(t, target)
	if _, err := d.Receive(bytes.NewReader(stream(t, some)), ignore); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(os.Mkdir(target, 0o700), os.WriteFile(filepath.Join(target, "mine"), nil, 0o600)); err != nil {
		t.Fatal(err)
	}
	if err := d.Commit(); err == nil || !strings.Contains(err.Error(), " cannot be replaced (") {
		t.Errorf("over a directory of someone else's: %v", err)
	}
	if err := d.Discard(); err != nil {
		t.Error(err)
	}
	wantNames(t, parent, "copy", "file", "full")
	wantNames(t, target, "mine")
}

var long = strings.Repeat("x", 300)

// torn is a snapshot one of whose files ends early, or cannot be opened.
type torn struct {
	files
	err error
}

func (s torn) Open(name string) (io.ReadCloser, error) {
	if s.err != nil {
		return nil, s.err
	}
	return io.NopCloser(strings.NewReader(s.files[name][:1])), nil
}

func TestWriteThatFails(t *testing.T) {
	gone := errors.New("gone")
	if err := Write(io.Discard, torn{some, gone}); !errors.Is(err, gone) || !strings.HasPrefix(err.Error(), "FORMAT: ") {
		t.Errorf("a file that cannot be opened: %v", err)
	}
	if err := Write(io.Discard, torn{some, nil}); !errors.Is(err, io.EOF) {
		t.Errorf("a file that is too short: %v", err)
	}
	if err := Write(failing{gone}, some); !errors.Is(err, gone) {
		t.Errorf("a stream that cannot be written: %v", err)
	}
	if err := Write(failing{gone}, files{}); !errors.Is(err, gone) {
		t.Errorf("a short one: %v", err)
	}
}

func TestAmounts(t *testing.T) {
	if got, want := fmt.Sprint(AmountOf(some)), fmt.Sprintf("{5 %d}", 2+360_000+6+4); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}
