//go:build linux

package serverstest

import (
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"testing/fstest"
)

// templates are data directories as initdb made them, by the directory of its program. A
// test binary starts some twenty servers, and a copy takes a fraction of initdb's time.
var templates = struct {
	sync.Mutex
	byPrograms map[string]fstest.MapFS
}{byPrograms: make(map[string]fstest.MapFS)}

// initialize makes the server's data directory.
func (p *PostgresServer) initialize() error {
	p.t.Helper()
	made, err := p.template()
	if err != nil {
		return err
	}
	return p.restore(p.path("data"), made)
}

// template returns a data directory that initdb made, which it runs if it must.
func (p *PostgresServer) template() (fstest.MapFS, error) {
	p.t.Helper()
	templates.Lock()
	defer templates.Unlock()
	if made, ok := templates.byPrograms[p.bin]; ok {
		return made, nil
	}
	p.write("password", PostgresPassword)
	p.own("password")
	p.run(p.tool("initdb", "-D", p.path("initialized"), "-U", "postgres", "-E", "UTF8", "--locale=C", "--no-sync",
		"--auth-local=trust", "--auth-host=scram-sha-256", "--pwfile", p.path("password")))
	made, err := load(p.path("initialized"))
	if err == nil {
		templates.byPrograms[p.bin] = made
	}
	return made, err
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
