package text

import (
	"fmt"

	"github.com/kymohq/kymo/hub/internal/figure"
	"github.com/kymohq/kymo/hub/internal/fileimport"
	"github.com/kymohq/kymo/hub/internal/term"
)

// Imported returns a line on what an import of the named file has done.
func Imported(name string, r *fileimport.Result) string {
	imported := r.Rows - r.Known - r.Refused
	if r.Known > 0 && r.Known == r.Rows {
		return fmt.Sprintf("%s: %s, all of which were already there", name, figure.Plural(r.Known, "row"))
	}
	line := fmt.Sprintf("%s: %s imported %s", name, figure.Plural(imported, "row"), term.Took(r.Took, imported, "rows"))
	if r.Known > 0 {
		line += fmt.Sprintf("; %s were already there", figure.Plural(r.Known, "row"))
	}
	return line
}

// Refused returns a line on an import of which the hub refused some rows.
func Refused(name string, r *fileimport.Result) string {
	return fmt.Sprintf("%s: %s refused: older than what the hub keeps, or in the future; "+
		"start the hub with a longer --retention-age", name, figure.Plural(r.Refused, "row"))
}
