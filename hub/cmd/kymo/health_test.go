package main

import (
	"net/http"
	"strings"
	"testing"
)

func TestHealthThatCannotBePrinted(t *testing.T) {
	healthy := answering(t, http.StatusOK, `{"status": "healthy", "checks": {"database": {"status": "healthy", "state": "healthy"}}}`)
	history := answering(t, http.StatusOK, `{"name": "database", "status": "healthy"}`)
	for _, args := range [][]string{
		{"health", "--hub", healthy},
		{"health", "--hub", healthy, "--json"},
		{"health", "--hub", healthy, "--watch"},
		{"health", "--hub", healthy, "--watch", "--json"},
		{"health", "database", "--hub", history},
		{"health", "database", "--hub", history, "--json"},
	} {
		var stderr strings.Builder
		status := run(t.Context(), args, nil, full{}, &stderr, nil)
		if status != exitFailed || stderr.String() != "kymo: no space left on device\n" {
			t.Errorf("%v: status %d, stderr %q", args, status, stderr.String())
		}
	}
}
