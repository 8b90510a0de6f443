package probe

import (
	"fmt"
	"os"
	"strings"
	"testing"
)

// The defaults of checks are those that the documentation names.
func TestDocumentedDefaults(t *testing.T) {
	content, err := os.ReadFile("../../../docs/configuration.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range []string{
		fmt.Sprintf("| `expires_in` | duration | `%s` |", strings.TrimSuffix(defaultExpiresIn.String(), "0m0s")),
		fmt.Sprintf("| `min_free` | fraction | `%g` |", defaultMinFree),
	} {
		if !strings.Contains(string(content), row) {
			t.Errorf("docs/configuration.md has no row that begins with %q", row)
		}
	}
}
