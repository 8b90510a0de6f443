package template

import (
	"strings"
	"testing"
)

func TestRules(t *testing.T) {
	rules := Rules{
		{Service: "shop", Path: "/help/**", Endpoint: "/help/{page}"},
		{Service: "shop", Path: "/go/*", Keep: true},
		{Path: "/assets/*.js", Endpoint: "/assets/{name}.js"},
		{Path: "/a/*/b/**", Endpoint: "/a/{x}/b/{rest}"},
		{Path: "/[x]/*", Endpoint: "/brackets"},
		{Path: "/", Endpoint: "/home"},
		{Path: "/late/**", Endpoint: "/late/{rest}"},
		{Path: "/late/x", Endpoint: "/never"},
		{Service: "all", Path: "/**", Endpoint: "/{page}"},
	}
	for i := range rules {
		if field, problem := rules[i].Problem(); problem != "" {
			t.Errorf("%+v: %s: %s", rules[i], field, problem)
		}
	}
	for line, want := range map[string]string{
		"shop /help/a": "/help/{page}", "shop /help/a/b?x=1": "/help/{page}", "shop /help/a/": "/help/{page}", "shop /help": "", "shop /help/": "",
		"web /help/a": "", "shop /go/WORD": "/go/WORD", "shop /go/123?a=b": "/go/123", "shop /go/a/b": "", "shop https://x.example/go/y": "/go/y",
		"web /assets/index-BqR7xK2p.js": "/assets/{name}.js", "web /assets/a.css": "", "web /assets/a/b.js": "",
		"web /a/7/b/c/d": "/a/{x}/b/{rest}", "web /a/7/b": "", "web /a/7/c/d": "", "web /[x]/y": "/brackets", "web /x/y": "",
		"all (unmatched)": "", "all /x/y": "/{page}",
		"web /": "/home", "shop help/a": "/help/{page}", "web (unmatched)": "", "web (other)": "", "web /other": "", "web /late/x": "/late/{rest}",
	} {
		service, raw, _ := strings.Cut(line, " ")
		if got, ok := rules.Endpoint(service, raw); got != want || ok != (want != "") {
			t.Errorf("%s is %q, %t; want %q", line, got, ok, want)
		}
	}
}

func TestRulesThatAreWrong(t *testing.T) {
	for _, c := range []struct {
		rule        Rule
		field, says string
	}{
		{Rule{Endpoint: "/x"}, "path", "is missing"},
		{Rule{Path: "docs/**", Endpoint: "/x"}, "path", "must begin with a slash"},
		{Rule{Path: "/a/**/b", Endpoint: "/x"}, "path", "can only be its last segment"},
		{Rule{Path: "/a**", Endpoint: "/x"}, "path", "can only be its last segment"},
		{Rule{Path: "/a?b", Endpoint: "/x"}, "path", "no query"},
		{Rule{Path: "/a/*"}, "endpoint", "is missing"},
		{Rule{Path: "/a/*", Endpoint: "/x", Keep: true}, "endpoint", "must be left out"},
		{Rule{Path: "/a/*", Endpoint: "x"}, "endpoint", "must begin with a slash"},
		{Rule{Path: "/a/\u202e", Endpoint: "/x"}, "path", "contains U+202E"},
		{Rule{Path: "/a", Endpoint: "/" + strings.Repeat("x", 255)}, "endpoint", "has 256 bytes; at most 255"},
		{Rule{Path: "/a", Endpoint: "/x", Service: strings.Repeat("x", 101)}, "service", "has 101 bytes"},
	} {
		if field, problem := c.rule.Problem(); field != c.field || !strings.Contains(problem, c.says) {
			t.Errorf("%+v: %s: %s; want %s: … %s", c.rule, field, problem, c.field, c.says)
		}
	}
}
