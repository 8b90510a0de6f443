package health

import (
	"fmt"
	"os"
	"strings"
	"testing"
)

// The defaults and bounds of rules are those that the documentation names.
func TestDocumentedDefaults(t *testing.T) {
	for file, want := range map[string][]string{
		"../docs/configuration.md": {
			fmt.Sprintf("| `interval` | duration | `%s` |", DefaultInterval),
			fmt.Sprintf("At least `%s`.", minInterval),
			fmt.Sprintf("| `timeout` | duration | `%s` |", defaultTimeout),
			fmt.Sprintf("| `failures` | number | `%d` |", defaultThreshold),
			fmt.Sprintf("| `successes` | number | `%d` |", defaultThreshold),
			fmt.Sprintf("From 1 to %d.", maxThreshold),
			fmt.Sprintf("at most %d bytes", MaxName),
		},
		"../docs/checks.md": {
			fmt.Sprintf("default %s, min %s", DefaultInterval, minInterval),
			fmt.Sprintf("default %s or a third of the interval, whichever is less", defaultTimeout),
			fmt.Sprintf("before the status gets worse; default %d", defaultThreshold),
			fmt.Sprintf("before the status gets better; default %d", defaultThreshold),
		},
	} {
		content, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, text := range want {
			if !strings.Contains(string(content), text) {
				t.Errorf("%s does not have %q", file, text)
			}
		}
	}
}
