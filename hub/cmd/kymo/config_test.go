package main

import (
	"os"
	"testing"

	"github.com/alecthomas/kong"

	"github.com/kymohq/kymo/hub/internal/config/settings"
)

// TestEachSettingHasAFlag keeps the file, the environment and the flags alike.
func TestEachSettingHasAFlag(t *testing.T) {
	parser, err := kong.New(&commands{}, helpVars)
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

func write(t *testing.T, path, content string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}
