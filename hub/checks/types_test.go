package checks

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/kymohq/kymo/hub/internal/config"
)

// specComments returns the comments of the fields of Spec, a line each.
func specComments(t *testing.T) map[string]string {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), "checks.go", nil, parser.ParseComments)
	if err != nil {
		t.Fatal(err)
	}
	comments := make(map[string]string)
	ast.Inspect(file, func(n ast.Node) bool {
		if spec, ok := n.(*ast.TypeSpec); ok && spec.Name.Name == "Spec" {
			for _, field := range spec.Type.(*ast.StructType).Fields.List {
				for _, name := range field.Names {
					comments[name.Name] = strings.Join(strings.Fields(field.Doc.Text()), " ")
				}
			}
		}
		return true
	})
	if len(comments) == 0 {
		t.Fatal("there is no type Spec")
	}
	return comments
}

// TestCommentsNameTheTypes: the comment of Type has every type, and those of the
// other fields have the types that take them.
func TestCommentsNameTheTypes(t *testing.T) {
	comments := specComments(t)
	types := config.Types()
	last := len(types) - 1
	if want := "Type is one of " + strings.Join(types[:last], ", ") + " and " + types[last] + "."; comments["Type"] != want {
		t.Errorf("Type: the comment is\n%s\nwant\n%s", comments["Type"], want)
	}
	models := []string{"kserve", "openai", "tfserving", "torchserve"}
	taking := regexp.MustCompile(`\. For ([^.]+)\.$`)
	for field, comment := range comments {
		if field == "Type" || field == "URL" {
			continue
		}
		match := taking.FindStringSubmatch(comment)
		if match == nil {
			t.Errorf("%s: the comment does not end with the types that take it: %s", field, comment)
			continue
		}
		var got, want []string
		for name := range strings.SplitSeq(strings.ReplaceAll(match[1], " and ", ", "), ", ") {
			if name == "model servers" {
				got = append(got, models...)
			} else {
				got = append(got, name)
			}
		}
		for _, typ := range types {
			if slices.Contains(config.CheckKeys(typ), config.Key(field)) {
				want = append(want, typ)
			}
		}
		slices.Sort(got)
		if !slices.Equal(got, want) {
			t.Errorf("%s: the comment names %v, and it is taken by %v", field, got, want)
		}
	}
}

// TestDocumentedTypes: docs/checks.md has a row for every type, with its keys.
func TestDocumentedTypes(t *testing.T) {
	content, err := os.ReadFile("../../docs/checks.md")
	if err != nil {
		t.Fatal(err)
	}
	_, table, _ := strings.Cut(string(content), "\n## The types\n")
	table, _, _ = strings.Cut(table, "\n#")
	common := append(config.CheckKeys("disk"), "url")
	common = slices.DeleteFunc(common, func(key string) bool { return key == "path" || key == "min_free" })
	quoted := regexp.MustCompile("`([a-z_]+)`")
	keys := make(map[string][]string) // of each type
	for line := range strings.Lines(table) {
		cells := strings.Split(strings.TrimSpace(line), "|")
		name := quoted.FindStringSubmatch(cells[min(1, len(cells)-1)])
		if len(cells) != 6 || name == nil || name[1] == "url" || strings.TrimSpace(cells[1]) == "type" {
			continue
		}
		if like, ok := strings.CutPrefix(strings.TrimSpace(cells[4]), "as "); ok {
			keys[name[1]] = keys[strings.Trim(like, "`")]
			continue
		}
		keys[name[1]] = []string{}
		for _, key := range quoted.FindAllStringSubmatch(cells[4], -1) {
			keys[name[1]] = append(keys[name[1]], key[1])
		}
	}
	for _, typ := range config.Types() {
		got, ok := keys[typ]
		if !ok {
			t.Errorf("there is no row for %s", typ)
			continue
		}
		delete(keys, typ)
		want := slices.DeleteFunc(config.CheckKeys(typ), func(key string) bool { return slices.Contains(common, key) })
		got = slices.Sorted(slices.Values(got))
		if !slices.Equal(got, want) {
			t.Errorf("%s: the row has the keys %v, want %v", typ, got, want)
		}
	}
	for typ := range keys {
		t.Errorf("there is a row for %s, and no such type", typ)
	}
}
