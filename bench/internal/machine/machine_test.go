package machine

import (
	"strings"
	"testing"
)

func TestCPU(t *testing.T) {
	if got := cpu("processor\t: 0\nmodel name\t: Some CPU @ 2 GHz\nflags\t: a b\n"); got != "Some CPU @ 2 GHz" {
		t.Errorf("got %q", got)
	}
	if got := cpu(""); got != "an unnamed CPU" {
		t.Errorf("of nothing: %q", got)
	}
}

func TestDescribeNamesTheToolchain(t *testing.T) {
	if got := Describe(); !strings.Contains(got, "go1") || !strings.Contains(got, "cores") {
		t.Errorf("got %q", got)
	}
}

func TestModuleSaysWhatIsMissing(t *testing.T) {
	if got := Module("example.org/nowhere"); got != "not built in" && got != "unknown" {
		t.Errorf("got %q", got)
	}
}

func TestSyncTime(t *testing.T) {
	if took, err := SyncTime(t.TempDir()); err != nil || took <= 0 {
		t.Errorf("got %v, %v", took, err)
	}
	if _, err := SyncTime("/nowhere"); err == nil {
		t.Error("no error for a directory that does not exist")
	}
}
