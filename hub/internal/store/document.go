package store

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/kymohq/kymo/internal/printable"
)

// Limits of a document, in bytes.
const (
	MaxDocument     = 64 << 10 // of its JSON
	maxDocumentName = 200      // of its name, and of its kind
)

// Document is a small piece of JSON that a person or a program gave to the hub, such as a
// check: it is not measured and does not grow old. Kind and name identify it.
type Document struct {
	Kind, Name       string
	Created, Updated time.Time // to the millisecond
	JSON             []byte    // kept as it is, byte for byte; it may hold secrets
}

// Validate returns what is wrong with a document, or nil. The error does not quote the
// JSON.
func (d *Document) Validate() error {
	for _, text := range []string{d.Kind, d.Name} {
		if text == "" || len(text) > maxDocumentName || !printable.Is(text) {
			return fmt.Errorf("document %.200q: kind and name must be printable and have 1 to %d bytes", d.Kind+"/"+d.Name, maxDocumentName)
		}
	}
	switch {
	case len(d.JSON) > MaxDocument:
		return fmt.Errorf("document %s/%s: has %d bytes; at most %d are kept", d.Kind, d.Name, len(d.JSON), MaxDocument)
	case !json.Valid(d.JSON) || !utf8.Valid(d.JSON):
		return fmt.Errorf("document %s/%s: is not JSON", d.Kind, d.Name)
	}
	return nil
}

// SortDocuments puts documents in the order in which Documents returns them.
func SortDocuments(all []Document) {
	slices.SortFunc(all, func(a, b Document) int {
		return cmp.Or(strings.Compare(a.Kind, b.Kind), strings.Compare(a.Name, b.Name))
	})
}
