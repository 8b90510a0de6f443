package e2e

import (
	"encoding/json"
	"os"
	"regexp"
	"strings"
	"testing"
)

// The oldest Node.js that works is the same one wherever it is named.
func TestNodeVersion(t *testing.T) {
	oldest := func(file string) string {
		content, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var p struct{ Engines struct{ Node string } }
		if err := json.Unmarshal(content, &p); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		return strings.TrimPrefix(p.Engines.Node, ">=")
	}
	want := oldest("../hub/web/package.json")
	if got := oldest("../tools/spelling/package.json"); got != want {
		t.Errorf("tools/spelling needs Node.js %s, hub/web %s", got, want)
	}
	version := regexp.MustCompile(`Node\.js (\d[\d.]*\d)`)
	for _, file := range []string{"../README.md", "../CONTRIBUTING.md", "../Makefile", "../hub/internal/api/root.html"} {
		content, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		named := version.FindAllSubmatch(content, -1)
		if named == nil {
			t.Errorf("%s names no version of Node.js", file)
		}
		for _, n := range named {
			if string(n[1]) != want {
				t.Errorf("%s: got Node.js %s, want %s", file, n[1], want)
			}
		}
	}
}
