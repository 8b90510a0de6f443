package main

import (
	"bytes"
	"embed"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// sources are the files that are added to copies.
//
//go:embed testdata
var sources embed.FS

// replace replaces old in a file by text. A file that does not have old exactly
// once is not the one that the patch was written for.
func replace(file, old, text string) error {
	content, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	if n := bytes.Count(content, []byte(old)); n != 1 {
		return fmt.Errorf("patch %s: found %d times instead of once: %q", filepath.Base(file), n, old)
	}
	return os.WriteFile(file, bytes.Replace(content, []byte(old), []byte(text), 1), 0o644)
}

// add writes one of sources to a file that must not exist, with pairs of old
// and new texts replaced.
func add(source, file string, pairs ...string) error {
	content, err := sources.ReadFile("testdata/" + source)
	if err != nil {
		return err
	}
	for i := 0; i < len(pairs); i += 2 {
		if !bytes.Contains(content, []byte(pairs[i])) {
			return fmt.Errorf("add %s: it does not have %q", source, pairs[i])
		}
	}
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		return err
	}
	f, err := os.OpenFile(file, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return err
	}
	_, err = strings.NewReplacer(pairs...).WriteString(f, string(content))
	if closed := f.Close(); err == nil {
		err = closed
	}
	return err
}
