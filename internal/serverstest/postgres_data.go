//go:build linux

package serverstest

import (
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"testing/fstest"
)

// initialized are data directories as initdb made them, by its path: a copy takes a
// fraction of initdb's time, and a test binary starts some twenty servers.
var initialized = struct {
	sync.Mutex
	byPath map[string]fstest.MapFS
}{byPath: make(map[string]fstest.MapFS)}

// initialize makes the server's data directory.
func (p *PostgresServer) initialize() error {
	initialized.Lock()
	defer initialized.Unlock()
	data := p.path("data")
	if made, ok := initialized.byPath[p.bin]; ok {
		return p.restore(data, made)
	}
	p.t.Helper()
	p.write("password", PostgresPassword)
	p.own("password")
	p.run(p.tool("initdb", "-D", data, "-U", "postgres", "-E", "UTF8", "--locale=C", "--no-sync",
		"--auth-local=trust", "--auth-host=scram-sha-256", "--pwfile", p.path("password")))
	made, err := load(data)
	initialized.byPath[p.bin] = made
	return err
}

// restore writes a data directory that belongs to the server's user.
func (p *PostgresServer) restore(data string, made fstest.MapFS) error {
	if err := os.CopyFS(data, made); err != nil {
		return err
	}
	return filepath.WalkDir(data, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		p.Own(path)
		if d.IsDir() {
			return os.Chmod(path, 0o700)
		}
		return os.Chmod(path, 0o600)
	})
}

// load reads the directories and files below dir.
func load(dir string) (fstest.MapFS, error) {
	files := make(fstest.MapFS)
	root := os.DirFS(dir)
	return files, fs.WalkDir(root, ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || path == "." {
			return err
		}
		if d.IsDir() {
			files[path] = &fstest.MapFile{Mode: fs.ModeDir}
			return nil
		}
		text, err := fs.ReadFile(root, path)
		files[path] = &fstest.MapFile{Data: text}
		return err
	})
}
