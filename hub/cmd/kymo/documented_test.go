package main

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

const operations = "../../../docs/operations.md"

// transcript is a command of a document, and what is shown below it.
type transcript struct{ command, output string }

var consoleBlock = regexp.MustCompile("(?s)```console\n(.*?)```")

// transcripts returns the commands of all console blocks.
func transcripts(document string) (all []transcript) {
	for _, block := range consoleBlock.FindAllStringSubmatch(document, -1) {
		for _, part := range strings.Split("\n"+block[1], "\n$ ")[1:] {
			command, output, _ := strings.Cut(part, "\n")
			all = append(all, transcript{command, strings.TrimSuffix(output, "\n")})
		}
	}
	return all
}

// documented COMMAND runs a command of docs/operations.md as it is written there. What it
// prints must be what is shown there, but for numbers, sizes and times. The document's
// /srv is the script's directory, and its /backup is backup in that.
func documented(ts *testscript.TestScript, neg bool, args []string) {
	document, err := os.ReadFile(operations)
	ts.Check(err)
	all := transcripts(string(document))
	i := slices.IndexFunc(all, func(t transcript) bool { return len(args) == 1 && t.command == args[0] })
	if i < 0 {
		ts.Fatalf("docs/operations.md does not show %q", args)
	}
	here := strings.NewReplacer("/srv/", ts.Getenv("WORK")+"/", "/backup/", filepath.Join(ts.Getenv("WORK"), "backup")+"/")
	command := strings.Fields(here.Replace(all[i].command))
	err = ts.Exec(command[0], command[1:]...)
	if (err != nil) != neg {
		ts.Fatalf("%s: %v", command, err)
	}
	got := strings.TrimSuffix(ts.ReadFile("stdout")+ts.ReadFile("stderr"), "\n")
	if want := here.Replace(all[i].output); withoutFigures(got) != withoutFigures(want) {
		ts.Fatalf("%s printed\n%s\nand docs/operations.md shows\n%s", command, got, want)
	}
}

var figures = regexp.MustCompile(`[0-9][0-9.,]*( (bytes|KiB|MiB|GiB|µs|ms|s)\b)?`)

func withoutFigures(text string) string { return figures.ReplaceAllString(text, "N") }

// Each command whose output docs/operations.md shows is run by a script.
func TestDocumentedCommandsAreRun(t *testing.T) {
	document, err := os.ReadFile(operations)
	if err != nil {
		t.Fatal(err)
	}
	scripts, err := filepath.Glob("testdata/*.txtar")
	if err != nil {
		t.Fatal(err)
	}
	var run strings.Builder
	for _, script := range scripts {
		text, err := os.ReadFile(script)
		if err != nil {
			t.Fatal(err)
		}
		run.Write(text)
	}
	all := transcripts(string(document))
	if len(all) == 0 {
		t.Error("docs/operations.md shows no command")
	}
	for _, one := range all {
		if !strings.Contains(run.String(), "documented '"+one.command+"'\n") {
			t.Errorf("no script runs %q", one.command)
		}
	}
}
