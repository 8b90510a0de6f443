package engines

import (
	"os"
	"path/filepath"
	"testing"
)

func TestLocation(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	if err := os.Mkdir("data", 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("data", "link"); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct{ text, want string }{
		{"data", filepath.Join(dir, "data")},
		{"./link/", filepath.Join(dir, "data")},
		{"none", filepath.Join(dir, "none")},
		{"postgres://db/kymo", "postgres://db/kymo?"},
		{"postgresql://me:hun@ter2@db:5432,other:5432/kymo?sslmode=disable&search_path=a&connect_timeout=3", "postgres://db:5432,other:5432/kymo?search_path=a"},
		{"clickhouse://me@[::1]:9000/kymo?cluster=main", "clickhouse://[::1]:9000/kymo?"},
		{"postgres://db", "postgres://db/?"},
		{"mysql://db", "mysql://db"},
	} {
		if got := Location(test.text); got != test.want {
			t.Errorf("%s is at %s, want %s", test.text, got, test.want)
		}
	}
}
