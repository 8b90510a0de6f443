package main

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
)

// configFile walks the file's syntax tree instead of decoding into a struct, so
// that every error can name the line and an unknown key the known one nearest.
type configFile struct {
	path     string
	settings *settings
	resolver *resolver
	// checksOnly skips the values of all that is not a check or a service: a
	// machine that only runs the checks need not have the hub's secrets.
	checksOnly bool
	names      map[string]string // of checks and services, and where each is
}

// readConfig takes the settings in the YAML file at path into s.
func readConfig(path string, s *settings, r *resolver) error {
	content, err := os.ReadFile(path)
	if err != nil {
		return fmt.Errorf("--config: %w", err)
	}
	return (&configFile{path: path, settings: s, resolver: r}).read(content)
}

// readChecks returns settings of which only the checks and services in the file
// at path are set.
func readChecks(path string, vars map[string]string) (*settings, error) {
	content, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("--config: %w", err)
	}
	s := defaultSettings()
	r := &resolver{vars: vars, used: make(map[string]bool)}
	return s, (&configFile{path: path, settings: s, resolver: r, checksOnly: true}).read(content)
}

func (c *configFile) read(content []byte) error {
	file, err := parser.ParseBytes(content, 0)
	if err != nil {
		return c.syntaxError(content, err)
	}
	for i, doc := range file.Docs {
		if doc.Body == nil {
			continue
		}
		if i > 0 {
			return c.errorf(doc.Body, "a second document; one file is one configuration")
		}
		if err := c.mapping("", doc.Body); err != nil {
			return err
		}
	}
	return nil
}

func (c *configFile) errorf(at ast.Node, format string, args ...any) error {
	return fmt.Errorf("%s:%d: %w", c.path, at.GetToken().Position.Line, fmt.Errorf(format, args...))
}

// syntaxError drops the excerpt that the parser's errors come with: there may be
// a secret in it.
func (c *configFile) syntaxError(content []byte, err error) error {
	var syntax yaml.Error
	if !errors.As(err, &syntax) || syntax.GetToken() == nil {
		return fmt.Errorf("%s: not YAML", c.path)
	}
	line := syntax.GetToken().Position.Line
	hint := ""
	if lines := strings.Split(string(content), "\n"); line <= len(lines) && strings.Contains(lines[line-1], "/{") {
		// {endpoint: /reports/{id}} ends at the first }.
		hint = `; inside {…} a route template needs quotes, like endpoint: "/reports/{id}"`
	}
	return fmt.Errorf("%s:%d: not YAML: %s%s", c.path, line, syntax.GetMessage(), hint)
}

// mapping takes the keys below prefix, which is empty or ends with a dot.
func (c *configFile) mapping(prefix string, node ast.Node) error {
	m, ok := node.(*ast.MappingNode)
	if !ok {
		name := strings.TrimSuffix(prefix, ".")
		if name == "" {
			name = "the file"
		}
		return c.errorf(node, "%s must be a mapping of keys to values", name)
	}
	for _, entry := range m.Values {
		if err := c.entry(prefix, entry); err != nil {
			return err
		}
	}
	return nil
}

func (c *configFile) entry(prefix string, entry *ast.MappingValueNode) error {
	key := prefix + entry.Key.GetToken().Value
	switch {
	case key == "checks":
		return c.checks(entry.Value)
	case key == "services":
		return c.services(entry.Value)
	case c.checksOnly && setters[key] != nil:
		return nil
	case key == "slow.routes":
		return c.routes(key, entry.Value)
	case setters[key] != nil:
		text, err := c.scalar(key, entry.Value)
		if err != nil {
			return err
		}
		if err := setters[key](c.settings, c.resolver, text); err != nil {
			return c.errorf(entry.Value, "%s: %w", key, err)
		}
		return nil
	case slices.ContainsFunc(knownKeys(), func(known string) bool { return strings.HasPrefix(known, key+".") }):
		return c.mapping(key+".", entry.Value)
	}
	best, _ := nearest(key, slices.Concat(knownKeys(), fileKeys, []string{"retention", "slow", "tokens"}))
	return c.errorf(entry.Key, "%s: unknown key; the nearest known one is %s", key, best)
}

// scalar returns the text of a single value.
func (c *configFile) scalar(key string, node ast.Node) (string, error) {
	switch v := node.(type) {
	case *ast.StringNode:
		return v.Value, nil
	case *ast.LiteralNode:
		return strings.TrimSpace(v.Value.Value), nil
	case *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode:
		return v.GetToken().Value, nil
	}
	return "", c.errorf(node, "%s: must be a single value", key)
}

// routes takes a list of mappings with endpoint and target.
func (c *configFile) routes(key string, node ast.Node) error {
	list, ok := node.(*ast.SequenceNode)
	if !ok {
		return c.errorf(node, `%s: must be a list, like [{endpoint: "/reports/{id}", target: 5s}]`, key)
	}
	c.settings.slowRoutes = nil
	for i, item := range list.Values {
		at := fmt.Sprintf("%s[%d]", key, i)
		m, ok := item.(*ast.MappingNode)
		if !ok {
			return c.errorf(item, `%s: must be a mapping, like {endpoint: "/reports/{id}", target: 5s}`, at)
		}
		fields := map[string]string{}
		for _, entry := range m.Values {
			field := entry.Key.GetToken().Value
			if field != "endpoint" && field != "target" {
				best, _ := nearest(field, []string{"endpoint", "target"})
				return c.errorf(entry.Key, "%s.%s: unknown key; the nearest known one is %s", at, field, best)
			}
			text, err := c.scalar(at+"."+field, entry.Value)
			if err != nil {
				return err
			}
			fields[field] = text
		}
		route, err := newSlowRoute(fields["endpoint"], fields["target"])
		if err != nil {
			return c.errorf(item, "%s: %w", at, err)
		}
		c.settings.slowRoutes = append(c.settings.slowRoutes, route)
	}
	return nil
}
