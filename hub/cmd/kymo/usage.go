package main

import (
	"errors"
	"fmt"
	"regexp"
	"strings"

	"github.com/alecthomas/kong"

	"github.com/kymohq/kymo/hub/internal/nearest"
)

// expand writes out the short ways to ask for help and for the version.
func expand(args []string) []string {
	switch args[0] {
	case "help":
		return append(args[1:len(args):len(args)], "--help")
	case "--version", "-v":
		return append([]string{"version"}, args[1:]...)
	}
	return args
}

// usageError returns the parser's error in the words of the command, with what to
// write instead and where the help is.
func usageError(parser *kong.Kong, err error) error {
	node := parser.Model.Node
	if parse, ok := errors.AsType[*kong.ParseError](err); ok {
		if selected := deepest(parse.Context); selected != nil {
			node = selected
		}
	}
	for _, reading := range readings {
		if match := reading.pattern.FindStringSubmatch(err.Error()); match != nil {
			err = errors.New(reading.say(node, match))
			break
		}
	}
	return fmt.Errorf("%w; see %s --help", err, node.FullPath())
}

var quoted = regexp.MustCompile(`"(.*?)"`)

// suggestion returns the parser's question, "did you mean …?", without those of its
// candidates that name neither begins nor resembles: it takes any with two letters
// of difference. The question is in parentheses, since it would end within a sentence.
func suggestion(name, question string) string {
	var near []string
	for _, match := range quoted.FindAllStringSubmatch(question, -1) {
		if c := match[1]; strings.HasPrefix(c, name) || nearest.Likely(name, []string{c}) != "" {
			near = append(near, match[0])
		}
	}
	if len(near) == 0 {
		return ""
	}
	return fmt.Sprintf(" (did you mean %s?)", strings.Join(near, " or "))
}

// deepest returns the command that was named, down to the last of its names.
func deepest(c *kong.Context) *kong.Node {
	var node *kong.Node
	for _, step := range c.Path {
		if step.Command != nil {
			node = step.Command
		}
	}
	return node
}

// readings are errors of the parser, each with what replaces it. All others are
// left as they are.
var readings = []struct {
	pattern *regexp.Regexp
	say     func(node *kong.Node, match []string) string
}{
	{regexp.MustCompile(`^expected "<`), func(node *kong.Node, match []string) string {
		return fmt.Sprintf("%s: is missing; write kymo %s", missing(node, match[0]), node.Summary())
	}},
	{regexp.MustCompile(`^expected (?:one of )?("\w.*)$`), func(node *kong.Node, match []string) string {
		return fmt.Sprintf("%s needs one of its commands: %s", node.FullPath(), strings.ReplaceAll(match[1], `"`, ""))
	}},
	{regexp.MustCompile(`^(--[\w-]+): expected \w+ value but got `), func(node *kong.Node, match []string) string {
		return fmt.Sprintf("%s: has no value; write %s=%s", match[1], match[1], placeholder(node, match[1]))
	}},
	{regexp.MustCompile(`^(--[\w-]+): bool value must be .* but got (".*")$`), func(_ *kong.Node, match []string) string {
		return fmt.Sprintf("%s: %s is neither true nor false; write %s alone", match[1], match[2], match[1])
	}},
	{regexp.MustCompile(`^(unexpected argument) (.*?)((?:, did you mean .*)?)$`), func(node *kong.Node, match []string) string {
		what := match[1]
		if len(node.Children) > 0 {
			what = "there is no command"
		}
		return fmt.Sprintf("%s %q%s", what, match[2], suggestion(match[2], match[3]))
	}},
	{regexp.MustCompile(`^unknown flag (\S+), (did you mean .*)$`), func(_ *kong.Node, match []string) string {
		return "unknown flag " + match[1] + suggestion(match[1], match[2])
	}},
}

// missing returns the first argument that the parser misses.
func missing(node *kong.Node, text string) string {
	for _, p := range node.Positional {
		if p.Required && !p.Set {
			return strings.ToUpper(p.Name)
		}
	}
	return text
}

// placeholder returns what stands for the value of a flag in the help.
func placeholder(node *kong.Node, flag string) string {
	for _, f := range node.Flags {
		if "--"+f.Name == flag && f.PlaceHolder != "" {
			return f.PlaceHolder
		}
	}
	return "VALUE"
}
