package e2e

import (
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// publishedModules returns the directories of the modules that others may import, in
// the repository, as in "hub"; the root is ".".
func publishedModules(t *testing.T) []string {
	t.Helper()
	out, err := exec.Command("../tools/modules.sh", "published").Output()
	modules := strings.Fields(string(out))
	if err != nil || !slices.Contains(modules, ".") {
		t.Fatalf("tools/modules.sh published: %v, printed %q", err, out)
	}
	return modules
}
