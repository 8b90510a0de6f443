package settings

import (
	"errors"
	"maps"
	"reflect"
	"slices"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"

	"github.com/kymohq/kymo/hub/internal/config"
	"github.com/kymohq/kymo/hub/internal/maintenance"
	"github.com/kymohq/kymo/hub/internal/report"
	"github.com/kymohq/kymo/hub/internal/template"
)

const (
	checkExample   = `{name: database, type: postgres, url: "env:DATABASE_URL"}`
	serviceExample = `{name: orders, health: "http://127.0.0.1:8000/health"}`
	windowExample  = `{name: weekly, where: {service: shop}, every: "Sun 02:00", for: 1h}`
	ruleExample    = `{service: web, path: "/docs/**", endpoint: "/docs/{page}"}`
	routeExample   = `{endpoint: "/reports/{id}", target: 5s}`
)

// file takes the settings in the content of the file.
func (r *reader) file(content []byte) {
	file, err := parser.ParseBytes(content, 0)
	if err != nil {
		r.syntaxError(content, err)
		return
	}
	r.Empty = true
	for i, doc := range file.Docs {
		if doc.Body == nil {
			continue
		}
		r.Empty = false
		if i > 0 {
			r.errorAt(doc.Body, &config.Error{Problem: "a second document; one file is one configuration"})
			return
		}
		r.mapping("", doc.Body)
	}
}

// syntaxError drops the excerpt that the parser's errors come with: there may be
// a secret in it.
func (r *reader) syntaxError(content []byte, err error) {
	var syntax yaml.Error
	if !errors.As(err, &syntax) || syntax.GetToken() == nil {
		r.add(config.Place{Path: r.path, Line: 1}, config.Errorf("", "not YAML"))
		return
	}
	line := max(1, syntax.GetToken().Position.Line)
	written, hint := "", ""
	if lines := strings.Split(string(content), "\n"); line <= len(lines) {
		written = lines[line-1]
	}
	switch indent := written[:len(written)-len(strings.TrimLeft(written, " \t"))]; {
	case strings.Contains(indent, "\t"):
		r.add(config.Place{Path: r.path, Line: line}, config.Errorf("", "not YAML: indented with a tab; use spaces"))
		return
	case strings.Contains(written, "/{"):
		// {endpoint: /reports/{id}} ends at the first }.
		hint = `; inside {…} a route template needs quotes, like endpoint: "/reports/{id}"`
	}
	r.add(config.Place{Path: r.path, Line: line}, config.Errorf("", "not YAML: %s%s", syntax.GetMessage(), hint))
}

// at is the place of a node.
func (r *reader) at(node ast.Node) config.Place {
	line := 1
	if t := node.GetToken(); t != nil && t.Position != nil {
		line = max(1, t.Position.Line)
	}
	return config.Place{Path: r.path, Line: line}
}

func (r *reader) errorAt(node ast.Node, e *config.Error) { r.add(r.at(node), e) }

// mapping takes the keys below prefix, which is empty or ends with a dot.
func (r *reader) mapping(prefix string, node ast.Node) {
	m, ok := node.(*ast.MappingNode)
	if !ok {
		group := strings.TrimSuffix(prefix, ".")
		e := config.Errorf(group, "must be a mapping, like %s", groups[group])
		if prefix == "" {
			e.Problem = "the file must be a mapping of keys to values, like listen: " + config.DefaultListen
		}
		r.errorAt(node, e)
		return
	}
	for _, entry := range m.Values {
		r.entry(prefix, entry)
	}
}

func (r *reader) entry(prefix string, entry *ast.MappingValueNode) {
	key := prefix + keyOf(entry)
	switch {
	case key == "checks":
		r.list(key, checkExample, entry.Value, func(at string, m *ast.MappingNode) {
			var check config.Check
			r.check(at, m, &check)
			r.Checks = append(r.Checks, check)
		})
	case key == "services":
		r.list(key, serviceExample, entry.Value, func(at string, m *ast.MappingNode) {
			r.Services = append(r.Services, config.Service{})
			r.fields(at, m, reflect.ValueOf(&r.Services[len(r.Services)-1]).Elem())
		})
	case key == "maintenance":
		r.list(key, windowExample, entry.Value, func(at string, m *ast.MappingNode) {
			r.Maintenance = append(r.Maintenance, maintenance.Window{})
			r.fields(at, m, reflect.ValueOf(&r.Maintenance[len(r.Maintenance)-1]).Elem())
		})
	case key == "templates":
		r.list(key, ruleExample, entry.Value, func(at string, m *ast.MappingNode) {
			r.Templates = append(r.Templates, template.Rule{})
			r.fields(at, m, reflect.ValueOf(&r.Templates[len(r.Templates)-1]).Elem())
		})
	case key == routesKey:
		r.Slow.Routes = nil
		r.list(key, routeExample, entry.Value, func(at string, m *ast.MappingNode) {
			r.Slow.Routes = append(r.Slow.Routes, report.RouteTarget{})
			r.fields(at, m, reflect.ValueOf(&r.Slow.Routes[len(r.Slow.Routes)-1]).Elem())
		})
	case key == hostsKey:
		r.Places[key] = r.at(entry.Key)
		r.value(key, key, entry.Value, reflect.ValueOf(&r.Hosts).Elem())
	case setters[key] != nil:
		if text, ok := r.scalar(key, entry.Value); ok {
			r.set(key, text, r.at(entry.Value))
		}
	case groups[key] != "":
		r.mapping(key+".", entry.Value)
	default:
		r.errorAt(entry.Key, config.UnknownKey(key, slices.Concat(settingKeys, listKeys, slices.Collect(maps.Keys(groups)))))
	}
}

// keyOf returns the key of an entry as it is written.
func keyOf(entry *ast.MappingValueNode) string {
	if t := entry.Key.GetToken(); t != nil {
		return t.Value
	}
	return ""
}

// list calls f with each entry of a list of mappings.
func (r *reader) list(key, example string, node ast.Node, f func(at string, m *ast.MappingNode)) {
	list, ok := node.(*ast.SequenceNode)
	if !ok {
		r.errorAt(node, config.Errorf(key, "must be a list, like [%s]", example))
		return
	}
	for i, item := range list.Values {
		at := element(key, i)
		m, ok := item.(*ast.MappingNode)
		if !ok || len(m.Values) == 0 {
			r.errorAt(item, config.Errorf(at, "must be a mapping, like %s", example))
			m = &ast.MappingNode{}
		} else {
			// The mapping's own token is in its first line only if it is in braces.
			r.Places[at] = r.at(m.Values[0].Key)
		}
		f(at, m) // also of none, so that entries keep their numbers
	}
}
