package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// module is a router, as it comes from the module proxy.
type module struct {
	path, version string

	file     string // where ServeHTTP is
	name     string // the package's
	receiver string // of ServeHTTP, as in "r *Router"

	adaptations []adaptation
}

func (m module) copies(ctx context.Context, root, work string) (plain, patched tree, err error) {
	var downloaded struct{ Dir, Error string }
	if err := goJSON(ctx, root, &downloaded, "mod", "download", "-json", m.path+"@"+m.version); err != nil {
		return tree{}, tree{}, err
	}
	for _, t := range []*tree{&plain, &patched} {
		name := "kymo"
		if t == &plain {
			name = "plain"
		}
		t.dir = filepath.Join(work, name)
		t.command = "go"
		t.env = []string{"GOFLAGS=-mod=mod"}
		if err := os.CopyFS(t.dir, os.DirFS(downloaded.Dir)); err != nil {
			return tree{}, tree{}, fmt.Errorf("copy %s: %w", m.path, err)
		}
		// Both copies require Kymo, so that they have the same versions of all that
		// both import, and the same version of the language.
		_, err := goOutput(ctx, t.dir, "mod", "edit",
			"-require="+kymoPath+"@v0.0.0", "-replace="+kymoPath+"="+root)
		if err != nil {
			return tree{}, tree{}, err
		}
	}
	if plain.packages, err = plain.list(ctx); err != nil {
		return tree{}, tree{}, err
	}
	patched.packages = plain.packages // without the hook, which has no tests
	return plain, patched, m.patch(patched.dir)
}

// patch renames ServeHTTP and adds one that serves through Kymo.
func (m module) patch(dir string) error {
	const method = "func (%s) %s(w http.ResponseWriter, "
	old, renamed := fmt.Sprintf(method, m.receiver, "ServeHTTP"), fmt.Sprintf(method, m.receiver, "serveWithoutKymo")
	if err := replace(filepath.Join(dir, m.file), old, renamed); err != nil {
		return err
	}
	if err := add("hook/hook.go", filepath.Join(dir, "kymohook", "hook.go")); err != nil {
		return err
	}
	if err := adapt(dir, m.adaptations); err != nil {
		return err
	}
	_, pointer, _ := strings.Cut(m.receiver, " ")
	return add("router.go", filepath.Join(dir, "kymo_router.go"),
		"package router", "package "+m.name, "example.com/router", m.path, "*Router", pointer)
}

func (m module) adapted() []adaptation { return m.adaptations }
