package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// kymoPath is the import path of Kymo, and stdKymo what it is in a copy of the
// standard library. That has to be a path without a dot: the tests of net/http
// can only be built within the standard library, which may import nothing else.
const (
	kymoPath = "github.com/kymohq/kymo"
	stdKymo  = "kymo"
)

// standardLibrary is the installed standard library, of which packages are
// tested.
type standardLibrary struct {
	tested []string
}

func (s standardLibrary) copies(ctx context.Context, root, work string) (plain, patched tree, err error) {
	var installed struct{ GOROOT string }
	if err := goJSON(ctx, root, &installed, "env", "-json", "GOROOT"); err != nil {
		return tree{}, tree{}, err
	}
	for _, t := range []*tree{&plain, &patched} {
		name := "kymo"
		if t == &plain {
			name = "plain"
		}
		dir := filepath.Join(work, name)
		if err := copyGOROOT(dir, installed.GOROOT); err != nil {
			return tree{}, tree{}, fmt.Errorf("copy the standard library: %w", err)
		}
		*t = tree{
			dir:      dir,
			command:  filepath.Join(dir, "bin", "go"),
			env:      []string{"GOROOT=" + dir, "GOFLAGS=", "GOTOOLCHAIN=local"},
			packages: s.tested,
		}
	}
	src := filepath.Join(patched.dir, "src")
	if err := addKymo(ctx, root, src); err != nil {
		return tree{}, tree{}, fmt.Errorf("put Kymo into the standard library: %w", err)
	}
	if err := s.patch(src); err != nil {
		return tree{}, tree{}, err
	}
	return plain, patched, nil
}

// copyGOROOT makes a GOROOT in dir: real sources, and the rest by links.
func copyGOROOT(dir, installed string) error {
	installed, err := filepath.EvalSymlinks(installed) // CopyFS does not follow links
	if err != nil {
		return err
	}
	if err := os.CopyFS(filepath.Join(dir, "src"), os.DirFS(filepath.Join(installed, "src"))); err != nil {
		return err
	}
	entries, err := os.ReadDir(installed)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if e.Name() == "src" {
			continue
		}
		if err := os.Symlink(filepath.Join(installed, e.Name()), filepath.Join(dir, e.Name())); err != nil {
			return err
		}
	}
	return nil
}

// addKymo copies Kymo's root package, and those of its module that it imports,
// to src, under the path stdKymo.
func addKymo(ctx context.Context, root, src string) error {
	out, err := goOutput(ctx, root, "list", "-deps", "-json=ImportPath,Dir,GoFiles,Standard", kymoPath)
	if err != nil {
		return err
	}
	for packages := json.NewDecoder(strings.NewReader(out)); packages.More(); {
		var p struct {
			ImportPath string   `json:"ImportPath"`
			Dir        string   `json:"Dir"`
			GoFiles    []string `json:"GoFiles"`
			Standard   bool     `json:"Standard"`
		}
		if err := packages.Decode(&p); err != nil {
			return err
		}
		if p.Standard {
			continue
		}
		rest, within := strings.CutPrefix(p.ImportPath, kymoPath)
		if !within {
			return fmt.Errorf("%s imports %s, which is in another module", kymoPath, p.ImportPath)
		}
		for _, name := range p.GoFiles {
			to := filepath.Join(src, stdKymo, filepath.FromSlash(rest), name)
			if err := copyRenamed(filepath.Join(p.Dir, name), to); err != nil {
				return err
			}
		}
	}
	return add("hook/hook.go", filepath.Join(src, stdKymo, "kymohook", "hook.go"), kymoPath, stdKymo)
}

// copyRenamed copies a source file of Kymo. Beside imports, the names by which
// Kymo finds its own functions in a stack begin with its path.
func copyRenamed(from, to string) error {
	source, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	source = bytes.ReplaceAll(source, []byte(`"`+kymoPath), []byte(`"`+stdKymo))
	if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
		return err
	}
	return os.WriteFile(to, source, 0o644)
}

// patch changes the places of net/http where a handler is called, or a Server
// starts, to go through testdata/server.go, whose hook the tests set.
func (s standardLibrary) patch(src string) error {
	http := filepath.Join(src, "net", "http")
	server := filepath.Join(http, "server.go")
	for _, p := range [][2]string{
		{"\ntype Server struct {\n", "\ntype Server struct {\n\tkymo kymoServer\n"},
		{
			"func (sh serverHandler) ServeHTTP(rw ResponseWriter, req *Request) {\n",
			"func (sh serverHandler) serve(rw ResponseWriter, req *Request) {\n",
		},
		{
			"\t\tfn(s, l) // call hook with unwrapped listener\n\t}\n",
			"\t\tfn(s, l) // call hook with unwrapped listener\n\t}\n\ts.kymoStart()\n",
		},
		{
			"func (f HandlerFunc) ServeHTTP(w ResponseWriter, r *Request) {\n\tf(w, r)\n",
			"func (f HandlerFunc) ServeHTTP(w ResponseWriter, r *Request) {\n\tkymoInner(f, w, r)\n",
		},
	} {
		if err := replace(server, p[0], p[1]); err != nil {
			return err
		}
	}
	if err := add("server.go", filepath.Join(http, "kymo_server.go")); err != nil {
		return err
	}

	// The checks for leaks of goroutines must not see the two that a monitor has.
	const ignored = "\t\t\tstrings.Contains(stack, \"os/signal.signal_recv\") ||\n"
	own := fmt.Sprintf("\t\t\tstrings.Contains(stack, \"%s.(*shipper).start.\") ||\n", stdKymo)
	if err := replace(filepath.Join(http, "main_test.go"), ignored, ignored+own); err != nil {
		return err
	}

	for _, path := range s.tested {
		name := filepath.Base(path) + "_test"
		file := filepath.Join(src, filepath.FromSlash(path), "kymo_hook_test.go")
		if err := add("hook_test.go", file, "package http_test", "package "+name); err != nil {
			return err
		}
	}
	return adapt(src, netHTTPAdaptations)
}

func (s standardLibrary) adapted() []adaptation { return netHTTPAdaptations }
