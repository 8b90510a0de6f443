package e2e

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"go/importer"
	"go/token"
	"go/types"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// TestAPI compares the exported API of each package that others may import with
// its file in testdata/api, one line for each symbol: a change of it is seen in
// review. It also fails if a user could not write down a type of the API, because
// an internal package has it.
func TestAPI(t *testing.T) {
	const dir = "testdata/api"
	var want []string
	for _, p := range publicPackages(t) {
		api := newAPI(p)
		for _, problem := range api.problems {
			t.Errorf("%s: %s", p.Path(), problem)
		}
		file := filepath.Join(dir, apiFile(p.Path()))
		want = append(want, file)
		if *update {
			if err := os.WriteFile(file, []byte(api.String()), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		golden, err := os.ReadFile(file)
		if err != nil {
			t.Errorf("%v; a new package: run go test -run TestAPI -update .", err)
			continue
		}
		if diff := lineDiff(string(golden), api.String()); diff != "" {
			t.Errorf("the API of %s changed; if that is meant, run go test -run TestAPI -update . and note it in CHANGELOG.md:\n%s", p.Path(), diff)
		}
	}
	got, err := filepath.Glob(dir + "/*")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range got {
		if slices.Contains(want, file) {
			continue
		}
		if !*update {
			t.Errorf("%s is of a package that does not exist", file)
		} else if err := os.Remove(file); err != nil {
			t.Fatal(err)
		}
	}
}

// apiFile names the golden file of a package.
func apiFile(path string) string {
	if path == project {
		return "kymo.txt"
	}
	return strings.ReplaceAll(within(path), "/", "-") + ".txt"
}

// publicPackages returns the packages that users of the published modules may
// import, by their paths.
func publicPackages(t *testing.T) []*types.Package {
	t.Helper()
	exports := make(map[string]string) // files with the types of packages, by import path
	var paths []string
	for _, module := range publishedModules(t) {
		list := exec.Command("go", "list", "-deps", "-export", "-json=ImportPath,Name,Export,Module", "./...")
		list.Dir = filepath.Join("..", module)
		list.Stderr = os.Stderr
		out, err := list.Output()
		if err != nil {
			t.Fatalf("go list in %s: %v", module, err)
		}
		for d := json.NewDecoder(strings.NewReader(string(out))); ; {
			var p struct {
				ImportPath, Name, Export string
				Module                   *struct{ Path string }
			}
			err := d.Decode(&p)
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
			exports[p.ImportPath] = p.Export
			if p.Module != nil && ours(p.Module.Path) && p.Name != "main" && !internal(p.ImportPath) {
				paths = append(paths, p.ImportPath)
			}
		}
	}
	slices.Sort(paths)
	imports := importer.ForCompiler(token.NewFileSet(), "gc", func(path string) (io.ReadCloser, error) {
		return os.Open(exports[path])
	})
	var packages []*types.Package
	for _, path := range slices.Compact(paths) {
		p, err := imports.Import(path)
		if err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		packages = append(packages, p)
	}
	return packages
}

func ours(path string) bool { return path == project || strings.HasPrefix(path, project+"/") }

func internal(path string) bool { return slices.Contains(strings.Split(path, "/"), "internal") }

// api is what a package exports.
type api struct {
	pkg      *types.Package
	lines    []string
	problems []string
}

func newAPI(p *types.Package) *api {
	a := &api{pkg: p}
	for _, name := range p.Scope().Names() {
		if object := p.Scope().Lookup(name); object.Exported() {
			a.object(object)
		}
	}
	slices.Sort(a.lines)
	return a
}

func (a *api) String() string { return strings.Join(a.lines, "\n") + "\n" }

// line adds a line for an object of the API, with its types.
func (a *api) linef(of types.Type, format string, args ...any) {
	line := fmt.Sprintf(format, args...)
	a.lines = append(a.lines, line)
	for _, path := range slices.Sorted(maps.Keys(internalTypes(of))) {
		a.problems = append(a.problems, fmt.Sprintf("%q mentions %s, which users cannot import", line, path))
	}
}

// in prints a type or an object, with the packages of others by their names.
func (a *api) in(p *types.Package) string {
	if p == a.pkg {
		return ""
	}
	return p.Name()
}

func (a *api) object(object types.Object) {
	switch o := object.(type) {
	case *types.Const:
		a.linef(o.Type(), "const %s %s = %s", o.Name(), types.TypeString(o.Type(), a.in), o.Val().ExactString())
	case *types.TypeName:
		a.typeName(o)
	default:
		a.linef(o.Type(), "%s", types.ObjectString(o, a.in))
	}
}

// typeName adds a type, its fields and its methods, each as a line.
func (a *api) typeName(o *types.TypeName) {
	if o.IsAlias() {
		a.linef(types.Unalias(o.Type()), "%s", types.ObjectString(o, a.in))
		return
	}
	name := o.Name()
	switch u := o.Type().Underlying().(type) {
	case *types.Struct:
		a.linef(nil, "type %s struct", a.declared(o))
		for field := range u.Fields() {
			if field.Exported() {
				a.linef(field.Type(), "type %s struct, %s %s", name, field.Name(), types.TypeString(field.Type(), a.in))
			}
		}
	case *types.Interface:
		a.linef(nil, "type %s interface", a.declared(o))
		for method := range u.Methods() {
			a.linef(method.Type(), "type %s interface, %s", name, a.method(method))
		}
		return
	default:
		a.linef(u, "type %s %s", a.declared(o), types.TypeString(u, a.in))
	}
	// Those of *T are those of T, too, and include what embedded fields give.
	values := types.NewMethodSet(o.Type())
	for selection := range types.NewMethodSet(types.NewPointer(o.Type())).Methods() {
		method := selection.Obj().(*types.Func)
		if !method.Exported() {
			continue
		}
		receiver := name
		if values.Lookup(method.Pkg(), method.Name()) == nil {
			receiver = "*" + name
		}
		a.linef(method.Type(), "func (%s) %s", receiver, a.method(method))
	}
}

// declared returns a type's name with its parameters.
func (a *api) declared(o *types.TypeName) string { return types.TypeString(o.Type(), a.in) }

// method returns a method's name and signature.
func (a *api) method(m *types.Func) string {
	return m.Name() + strings.TrimPrefix(types.TypeString(m.Type(), a.in), "func")
}

// internalTypes returns the types of the project's internal packages in a type, those
// behind aliases included.
func internalTypes(t types.Type) map[string]bool {
	found := make(map[string]bool)
	seen := make(map[types.Type]bool)
	var walk func(types.Type)
	walk = func(t types.Type) {
		t = types.Unalias(t)
		if t == nil || seen[t] {
			return
		}
		seen[t] = true
		switch t := t.(type) {
		case *types.Named:
			if p := t.Obj().Pkg(); p != nil && ours(p.Path()) && internal(p.Path()) {
				found[p.Path()+"."+t.Obj().Name()] = true
			}
			for argument := range t.TypeArgs().Types() {
				walk(argument)
			}
		case *types.Signature:
			walk(t.Params())
			walk(t.Results())
			for parameter := range t.TypeParams().TypeParams() {
				walk(parameter.Constraint())
			}
		case *types.Tuple:
			for v := range t.Variables() {
				walk(v.Type())
			}
		case *types.Struct:
			for field := range t.Fields() {
				walk(field.Type())
			}
		case *types.Interface:
			for method := range t.Methods() {
				walk(method.Type())
			}
			for embedded := range t.EmbeddedTypes() {
				walk(embedded)
			}
		case *types.Map:
			walk(t.Key())
			walk(t.Elem())
		case *types.Union:
			for term := range t.Terms() {
				walk(term.Type())
			}
		case interface{ Elem() types.Type }: // pointer, slice, array, channel
			walk(t.Elem())
		}
	}
	walk(t)
	return found
}

// lineDiff returns the lines that only one of two sorted texts has.
func lineDiff(before, after string) string {
	var diff strings.Builder
	old, now := strings.Split(before, "\n"), strings.Split(after, "\n")
	for _, line := range old {
		if !slices.Contains(now, line) {
			fmt.Fprintf(&diff, "- %s\n", line)
		}
	}
	for _, line := range now {
		if !slices.Contains(old, line) {
			fmt.Fprintf(&diff, "+ %s\n", line)
		}
	}
	return diff.String()
}

// Wherever a type of an internal package hides, it is found.
func TestInternalTypes(t *testing.T) {
	named := func(path, name string) *types.Named {
		object := types.NewTypeName(token.NoPos, types.NewPackage(path, "p"), name, nil)
		return types.NewNamed(object, types.NewStruct(nil, nil), nil)
	}
	hidden, public, other := named(project+"/hub/internal/x", "T"), named(project+"/health", "T"), named("example.com/internal/x", "T")
	alias := types.NewAlias(types.NewTypeName(token.NoPos, public.Obj().Pkg(), "Alias", nil), hidden)
	parameter := func(t types.Type) *types.Tuple { return types.NewTuple(types.NewParam(token.NoPos, nil, "", t)) }
	function := func(params, results *types.Tuple) *types.Signature {
		return types.NewSignatureType(nil, nil, nil, params, results, false)
	}
	for _, test := range []struct {
		of    types.Type
		found bool
	}{
		{public, false},
		{other, false},
		{types.Typ[types.Int], false},
		{function(parameter(types.NewSlice(public)), nil), false},
		{hidden, true},
		{alias, true},
		{types.NewPointer(alias), true},
		{function(parameter(types.NewSlice(hidden)), nil), true},
		{function(nil, parameter(types.NewChan(types.RecvOnly, hidden))), true},
		{types.NewMap(types.Typ[types.String], types.NewArray(hidden, 2)), true},
		{types.NewStruct([]*types.Var{types.NewField(token.NoPos, nil, "F", hidden, false)}, nil), true},
		{types.NewInterfaceType([]*types.Func{types.NewFunc(token.NoPos, nil, "M", function(nil, parameter(hidden)))}, nil), true},
	} {
		if found := internalTypes(test.of); (len(found) == 1) != test.found {
			t.Errorf("in %v are %v, want one: %v", test.of, found, test.found)
		}
	}
}
