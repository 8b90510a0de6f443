package e2e

import (
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// productImports returns what each package of the product's modules imports,
// without what only its tests import.
func productImports(t *testing.T) map[string][]string {
	t.Helper()
	product := make(map[string][]string)
	for path, p := range graph(t) {
		if strings.HasPrefix(p.ImportPath+"/", project+"/") {
			product[path] = p.Imports
		}
	}
	return product
}

// listed is a package in the output of go list; paths of the project are shortened.
type listed struct {
	ImportPath string
	Standard   bool
	Imports    []string
	GoFiles    []string
}

// graph returns all packages of the product's modules and those that they depend on.
var graph = func() func(t *testing.T) map[string]*listed {
	var once sync.Once
	packages := make(map[string]*listed)
	return func(t *testing.T) map[string]*listed {
		t.Helper()
		once.Do(func() { listPackages(t, packages) })
		return packages
	}
}()

func listPackages(t *testing.T, packages map[string]*listed) {
	t.Helper()
	adapters, err := filepath.Glob("../contrib/*")
	if err != nil || len(adapters) == 0 {
		t.Fatalf("no adapters in ../contrib: %v", err)
	}
	for _, module := range append(adapters, "..", "../hub") {
		list := exec.Command("go", "list", "-deps", "-json=ImportPath,Standard,Imports,GoFiles", "./...")
		list.Dir = module
		list.Stderr = os.Stderr
		out, err := list.Output()
		if err != nil {
			t.Fatalf("go list in %s: %v", module, err)
		}
		for d := json.NewDecoder(strings.NewReader(string(out))); ; {
			p := new(listed)
			err := d.Decode(p)
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
			if len(p.GoFiles) == 0 && !p.Standard && strings.HasPrefix(p.ImportPath, project) {
				continue // only tests
			}
			for i := range p.Imports {
				p.Imports[i] = within(p.Imports[i])
			}
			packages[within(p.ImportPath)] = p
		}
	}
}

// way returns the chain of imports from a package to a wanted one, or nil.
func way(packages map[string]*listed, from string, wanted func(path string) bool) []string {
	before := map[string]string{from: ""}
	for queue := []string{from}; len(queue) > 0; queue = queue[1:] {
		at := queue[0]
		if at != from && wanted(at) {
			var steps []string
			for ; at != ""; at = before[at] {
				steps = append([]string{at}, steps...)
			}
			return steps
		}
		p := packages[at]
		if p == nil || p.Standard {
			continue
		}
		for _, i := range p.Imports {
			if _, seen := before[i]; !seen {
				before[i] = at
				queue = append(queue, i)
			}
		}
	}
	return nil
}

// The rules hold for indirect imports, too: a driver is in a program whichever package
// imported it.
func TestWhatComesAlong(t *testing.T) {
	packages := graph(t)
	for _, r := range rooms {
		for _, never := range r.never {
			below := func(path string) bool { return path == never || strings.HasPrefix(path, never+"/") }
			if steps := way(packages, r.path, below); steps != nil {
				t.Errorf("%q brings %s along: %s: %s", r.path, never, strings.Join(steps, " > "), r.neverWhy)
			}
		}
		// The root module is the SDK: it has no dependency at all.
		if strings.HasPrefix(r.path, "hub") || strings.HasPrefix(r.path, "contrib/") {
			continue
		}
		outside := func(path string) bool { p := packages[path]; return find(path) == nil && (p == nil || !p.Standard) }
		if steps := way(packages, r.path, outside); steps != nil {
			t.Errorf("%q has a dependency: %s: %s", r.path, strings.Join(steps, " > "), r.why)
		}
	}
	// The rule finds what is there: the command has it all.
	for _, driver := range drivers[:10] {
		if way(packages, "hub/cmd/kymo", func(path string) bool { return path == driver || strings.HasPrefix(path, driver+"/") }) == nil {
			t.Errorf("the command does not have %s: is the rule blind?", driver)
		}
	}
}

// within shortens the import path of a package of the project.
func within(path string) string {
	if path == project {
		return "."
	}
	return strings.TrimPrefix(path, project+"/")
}
