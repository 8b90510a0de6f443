package health

import (
	"strings"
	"testing"
)

func TestNamesThatNoAddressHolds(t *testing.T) {
	for name, wrong := range map[string]bool{
		".": true, "..": true, "": true, "a\nb": true, strings.Repeat("a", MaxName+1): true, "\xff": true,
		"...": false, ".a": false, "a/b": false, "%2e": false, strings.Repeat("a", MaxName): false,
	} {
		if err := ValidateName(name); (err != nil) != wrong {
			t.Errorf("%.20q: %v", name, err)
		}
	}
}
