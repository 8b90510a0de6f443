package api

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"fmt"
	"html/template"
	"maps"
	"slices"
	"sort"
	"strings"

	"github.com/danielgtaylor/huma/v2"
)

//go:embed docs.html
var docsPage string

// renderDocs returns the document as a page. Viewers of OpenAPI documents are
// loaded from elsewhere, or are larger than the rest of the hub.
func renderDocs(doc *huma.OpenAPI) []byte {
	return render(docsPage, map[string]any{"Doc": doc, "Groups": groups(doc), "Schemas": doc.Components.Schemas.Map()})
}

// group is the routes of one tag.
type group struct {
	*huma.Tag
	Operations []*huma.Operation
}

func groups(doc *huma.OpenAPI) []group {
	out := make([]group, len(doc.Tags))
	for i, tag := range doc.Tags {
		out[i].Tag = tag
		for _, path := range slices.Sorted(maps.Keys(doc.Paths)) {
			item := doc.Paths[path]
			for _, op := range []*huma.Operation{item.Get, item.Post, item.Delete} {
				if op != nil && op.Tags[0] == tag.Name {
					out[i].Operations = append(out[i].Operations, op)
				}
			}
		}
	}
	return out
}

// render executes a page's template. It panics on an error, since the
// templates are part of the program.
func render(page string, data any) []byte {
	t := template.Must(template.New("page").Funcs(template.FuncMap{
		"style":      func() template.CSS { return template.CSS(style) },
		"paragraphs": func(s string) []string { return strings.Split(s, "\n\n") },
		"bold":       bold,
		"type":       typeOf,
		"pretty":     pretty,
		"properties": properties,
		"code":       func(op *huma.Operation) string { return op.Method + " " + op.Path },
	}).Parse(page))
	var b bytes.Buffer
	if err := t.Execute(&b, data); err != nil {
		panic(fmt.Errorf("rendering a page: %w", err))
	}
	return b.Bytes()
}

// bold turns the only markup of the descriptions, **words**, into HTML.
func bold(s string) template.HTML {
	parts := strings.Split(template.HTMLEscapeString(s), "**")
	for i := 1; i < len(parts)-1; i += 2 {
		parts[i] = "<strong>" + parts[i] + "</strong>"
	}
	return template.HTML(strings.Join(parts, ""))
}

// typeOf describes what a schema accepts in a few words.
func typeOf(s *huma.Schema) string {
	if s == nil {
		return ""
	}
	if s.Ref != "" {
		return s.Ref[strings.LastIndexByte(s.Ref, '/')+1:]
	}
	var words []string
	add := func(format string, args ...any) { words = append(words, fmt.Sprintf(format, args...)) }
	switch {
	case s.Type == huma.TypeArray:
		add("array of %s", typeOf(s.Items))
	case len(s.OneOf) > 0:
		for i, one := range s.OneOf {
			if i > 0 {
				add("or")
			}
			add("%s", typeOf(one))
		}
	default:
		add("%s", s.Type)
	}
	if s.Format != "" && s.Type == huma.TypeString {
		add("(%s)", s.Format)
	}
	if s.Nullable {
		add("or null")
	}
	if len(s.Enum) > 0 {
		add("one of %s", strings.Trim(fmt.Sprint(s.Enum), "[]"))
	}
	if s.Minimum != nil && s.Maximum != nil {
		add("from %s to %s", pretty(*s.Minimum), pretty(*s.Maximum))
	} else if s.Minimum != nil {
		add("from %s", pretty(*s.Minimum))
	}
	if s.MaxLength != nil {
		add("of at most %d characters", *s.MaxLength)
	}
	if s.Default != nil {
		add("by default %v", s.Default)
	}
	return strings.Join(words, " ")
}

// pretty formats an example for reading.
func pretty(v any) string {
	if s, ok := v.(string); ok {
		return s
	}
	b, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return fmt.Sprint(v)
	}
	return string(b)
}

// property is one field of a schema.
type property struct {
	Name     string
	Schema   *huma.Schema
	Required bool
}

// properties lists a schema's fields, the required ones first.
func properties(s *huma.Schema) []property {
	var out []property
	for name, p := range s.Properties {
		out = append(out, property{name, p, slices.Contains(s.Required, name)})
	}
	sort.Slice(out, func(i, j int) bool {
		if out[i].Required != out[j].Required {
			return out[i].Required
		}
		return out[i].Name < out[j].Name
	})
	return out
}
