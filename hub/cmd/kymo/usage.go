package main

import (
	"errors"
	"fmt"
	"regexp"
	"strings"

	"github.com/alecthomas/kong"
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
	// The parser's question would end within the sentence.
	text := suggestion.ReplaceAllString(err.Error(), " ($1)")
	return fmt.Errorf("%s; see %s --help", text, node.FullPath())
}

var suggestion = regexp.MustCompile(`, (did you mean .*\?)$`)

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
		return fmt.Sprintf("%s %q%s", what, match[2], match[3])
	}},
	// A short flag is near to any that is misspelt.
	{regexp.MustCompile(`^(unknown flag .*), did you mean "-h"\?$`), func(_ *kong.Node, match []string) string {
		return match[1]
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
