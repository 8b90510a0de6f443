package text

import (
	"cmp"
	"fmt"
	"time"

	"github.com/kymohq/kymo/hub/internal/figure"
	"github.com/kymohq/kymo/hub/internal/storecopy"
	"github.com/kymohq/kymo/hub/internal/term"
)

// Copied returns the result of a copy as a line.
func Copied(c *storecopy.Copier, done *storecopy.Copied, took time.Duration) string {
	head := c.From.Name + " -> " + c.To.Name + ": "
	known := done.Read.Minus(done.Fresh)
	documents := ""
	if done.Documents > 0 {
		documents = figure.Plural(done.Documents, "check") + " and the like copied"
	}
	switch {
	case done.Read == (storecopy.Amounts{}):
		return head + cmp.Or(documents, "nothing to copy")
	case documents != "":
		documents = "; " + documents
	}
	if known == done.Read {
		return head + known.String() + ", all of which were already there" + documents
	}
	line := fmt.Sprintf("%s%v copied %s", head, done.Fresh, term.Took(took, done.Fresh.Requests, "requests"))
	if known != (storecopy.Amounts{}) {
		line += fmt.Sprintf("; %v were already there", known)
	}
	return line + documents
}

// Checked returns a line on a check that found nothing missing.
func Checked(c *storecopy.Copier, found *storecopy.Checked) string {
	hours := figure.Plural(found.Hours, "hour")
	if found.More == (storecopy.Amounts{}) {
		return hours + " checked: both hold the same"
	}
	return fmt.Sprintf("%s checked: %s holds all of it, and from elsewhere %v", hours, c.To.Name, found.More)
}

// Difference returns a line on a check that found hours that differ.
func Difference(c *storecopy.Copier, found *storecopy.Checked) string {
	verb := "differ"
	if found.Differ == 1 {
		verb = "differs"
	}
	return fmt.Sprintf("%s of %s %s, first that from %s: %s; this happens if something still writes to %s, "+
		"or if a hub on %s keeps less (--retention-age)",
		figure.Thousands(found.Differ), figure.Plural(found.Hours, "hour"), verb, found.First, found.Lacks, c.From.Name, c.To.Name)
}
