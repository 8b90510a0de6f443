package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/alecthomas/kong"

	"github.com/kymohq/kymo/hub/internal/config/settings"
)

// TestEachSettingHasAFlag keeps the file, the environment and the flags alike.
func TestEachSettingHasAFlag(t *testing.T) {
	parser, err := kong.New(&commands{})
	if err != nil {
		t.Fatal(err)
	}
	flags := make(map[string]bool)
	for _, command := range parser.Model.Children {
		if command.Name == "serve" {
			for _, f := range command.Flags {
				flags[f.Name] = true
			}
		}
	}
	for _, key := range settings.Keys() {
		if !flags[settings.Flag(key)] {
			t.Errorf("%s has no flag --%s", key, settings.Flag(key))
		}
	}
}

// TestEachCommandHasTheSameVerdict: whatever is wrong with a file, serve, check and
// config check end with the same lines, which name the line that is at fault.
func TestEachCommandHasTheSameVerdict(t *testing.T) {
	files, err := filepath.Glob("testdata/verdict/*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatalf("no files: %v", err)
	}
	// A file that is right must not start a hub: its port is taken.
	l, err := listen("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	for _, file := range files {
		content, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		first, _, _ := strings.Cut(string(content), "\n")
		want, wrong := strings.CutPrefix(first, "# wrong: ")
		if !wrong {
			ok := runKymo(t, nil, "config", "check", file)
			ok.expect(t, exitOK, "")
			if want := file + ": ok: 3 checks, 2 services, listening on 127.0.0.1:5966, store ./kymo-data\n"; ok.stdout.String() != want {
				t.Errorf("got %q, want %q", ok.stdout.String(), want)
			}
			runKymo(t, nil, "serve", "--config", file, "--listen", l.Addr().String()).expect(t, exitFailed, "is in use by another process")
			continue
		}
		for _, args := range [][]string{{"serve", "--config", file}, {"check", "--config", file}, {"config", "check", file}} {
			runKymo(t, nil, args...).expect(t, exitFailed, "kymo: "+file+":"+want+"\n")
		}
	}
}

func write(t *testing.T, path, content string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}
