package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestReplace(t *testing.T) {
	file := filepath.Join(t.TempDir(), "a.go")
	const content = "one two two"
	if err := os.WriteFile(file, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
	for old, times := range map[string]string{"two": "2 times", "three": "0 times"} {
		err := replace(file, old, "x")
		if err == nil || !strings.Contains(err.Error(), times) {
			t.Errorf("replace %q: %v, want that it is there %s", old, err, times)
		}
	}
	wantContent(t, file, content)
	if err := replace(file, "one ", ""); err != nil {
		t.Fatal(err)
	}
	wantContent(t, file, "two two")
}

func TestAdd(t *testing.T) {
	file := filepath.Join(t.TempDir(), "sub", "hook_test.go")
	if err := add("hook_test.go", file, "package no_such_package", "package x"); err == nil {
		t.Error("add replaced a text that is not there")
	}
	if err := add("hook_test.go", file, "package http_test", "package x_test"); err != nil {
		t.Fatal(err)
	}
	content, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(string(content), "package x_test\n") {
		t.Errorf("the file begins with %.40q", content)
	}
	if err := add("hook_test.go", file, "package http_test", "package x_test"); err == nil {
		t.Error("add wrote over a file")
	}
}

func wantContent(t *testing.T, file, want string) {
	t.Helper()
	if got, err := os.ReadFile(file); err != nil || string(got) != want {
		t.Errorf("the file holds %q, %v; want %q", got, err, want)
	}
}
