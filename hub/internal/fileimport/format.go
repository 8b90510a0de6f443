package fileimport

import (
	"io"
	"slices"
	"strings"

	"github.com/kymohq/kymo/hub/internal/ingest"
)

// format is a format of files.
type format struct {
	name       string
	extensions []string // of files in it
	about      string   // a sentence on what the files hold
	read       func(io.Reader) ingest.Reader
}

// formats are all that can be imported, in the order in which users read of them.
var formats = []format{
	{
		name: "csv", extensions: []string{"csv"}, read: ingest.CSV,
		about: "CSV has the columns start (Unix ms), endpoint, method, duration (ns), status, user (may be empty), and no heading; " +
			"or a heading with the names of the table api_metrics, as PostgreSQL's COPY api_metrics TO STDOUT CSV HEADER writes.",
	},
	{
		name: "ndjson", extensions: []string{"ndjson", "jsonl"}, read: ingest.NDJSON,
		about: "NDJSON has one PerformanceMetric on each line, as POST /api/v1/requests takes.",
	},
}

// Formats lists the names of all formats: "csv or ndjson".
func Formats() string { return alternatives("") }

// AboutFormats is a sentence on each format.
func AboutFormats() string {
	var all []string
	for _, f := range formats {
		all = append(all, f.about)
	}
	return strings.Join(all, " ")
}

// alternatives lists the names, each after the prefix.
func alternatives(prefix string) string {
	var text strings.Builder
	for i, f := range formats {
		switch {
		case i > 0 && i == len(formats)-1:
			text.WriteString(" or ")
		case i > 0:
			text.WriteString(", ")
		}
		text.WriteString(prefix + f.name)
	}
	return text.String()
}

// named returns the format of a name, or nil.
func named(name string) *format {
	return formatWhere(func(f format) bool { return f.name == name })
}

// byExtension returns the format of files with the extension, or nil.
func byExtension(extension string) *format {
	return formatWhere(func(f format) bool { return slices.Contains(f.extensions, extension) })
}

func formatWhere(is func(format) bool) *format {
	if i := slices.IndexFunc(formats, is); i >= 0 {
		return &formats[i]
	}
	return nil
}
