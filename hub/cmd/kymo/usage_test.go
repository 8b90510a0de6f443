package main

import (
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/alecthomas/kong"
)

// TestHelp: every command that there is, and every flag, has a help; and that of a
// command shows an example of the command itself.
func TestHelp(t *testing.T) {
	parser, err := kong.New(&commands{}, helpVars, kong.Name("kymo"))
	if err != nil {
		t.Fatal(err)
	}
	leaves := parser.Model.Leaves(false)
	if len(leaves) < len(parser.Model.Children) {
		t.Fatalf("%d commands, and at their ends %d", len(parser.Model.Children), len(leaves))
	}
	for _, node := range leaves {
		t.Run(node.Path(), func(t *testing.T) {
			path := strings.Fields(node.FullPath())[1:]
			r := runKymo(t, nil, append(path, "--help")...)
			r.expect(t, exitOK, "")
			example := regexp.MustCompile(`\n {4}\$ (?:\S+=\S+ |zcat \S+ \| )*` + regexp.QuoteMeta(node.FullPath()) + `\b`)
			if help := r.stdout.String(); !strings.HasPrefix(help, "Usage: "+node.FullPath()) || !example.MatchString(help) {
				t.Errorf("no example in\n%s", help)
			}
			if node.Help == "" {
				t.Error("the list of commands does not describe it")
			}
			for _, f := range node.Flags {
				if f.Help == "" {
					t.Errorf("--%s has no help", f.Name)
				}
				// Without a placeholder the help shows the type of the Go code.
				if !f.IsBool() && f.PlaceHolder == "" {
					t.Errorf("--%s has no placeholder", f.Name)
				}
			}
			for _, p := range node.Positional {
				if p.Help == "" {
					t.Errorf("<%s> has no help", p.Name)
				}
			}
		})
	}
}

// TestUsageErrorsOfEveryCommand: whatever is missing or too much on the command line
// of any command, the error is a line with the help to read, and not the parser's.
func TestUsageErrorsOfEveryCommand(t *testing.T) {
	parser, err := kong.New(&commands{}, helpVars, kong.Name("kymo"))
	if err != nil {
		t.Fatal(err)
	}
	for _, node := range parser.Model.Leaves(false) {
		path := slices.Clip(strings.Fields(node.FullPath())[1:])
		see := "; see " + node.FullPath() + " --help\n"
		lines := map[string][]string{
			"unknown flag --nothing-like-it": append(path, "--nothing-like-it"),
		}
		arguments := []string(nil)
		for _, p := range node.Positional {
			if p.Required {
				lines[strings.ToUpper(p.Name)+": is missing; write "+node.FullPath()] = append(path, arguments...)
			}
			arguments = append(arguments, "x")
		}
		if len(node.Positional) == 0 || !node.Positional[len(node.Positional)-1].IsCumulative() {
			lines[`unexpected argument "more"`] = append(append(path, arguments...), "more")
		}
		for _, f := range node.Flags {
			if f.IsBool() {
				if f.Name != "help" {
					lines["--"+f.Name+`: "maybe" is neither true nor false`] = append(path, "--"+f.Name+"=maybe")
				}
				continue
			}
			lines["--"+f.Name+": has no value; write --"+f.Name+"="+f.PlaceHolder] = append(path, "--"+f.Name)
		}
		for want, args := range lines {
			r := runKymo(t, nil, args...)
			got := r.stderr.String()
			if r.status != exitFailed || r.stdout.String() != "" || !strings.HasPrefix(got, "kymo: "+want) || !strings.HasSuffix(got, see) {
				t.Errorf("%v: status %d, %q, want %q", args, r.status, got, want)
			}
		}
	}
}
