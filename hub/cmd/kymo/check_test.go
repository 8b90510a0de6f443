package main

import (
	"context"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
)

// TestCheckStops when the process is asked to, and does not report what it has not
// checked.
func TestCheckStops(t *testing.T) {
	ctx, stop := context.WithCancel(t.Context())
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		stop()
		<-r.Context().Done()
	}))
	defer server.Close()
	config := filepath.Join(t.TempDir(), "kymo.yaml")
	write(t, config, "checks: [{name: site, type: http, url: \""+server.URL+"\"}]\n")
	var stdout, stderr strings.Builder
	status := run(ctx, []string{"check", "--config", config}, nil, &stdout, &stderr, nil)
	if status != exitFailed || stdout.String() != "" || stderr.String() != "kymo: stopped before all checks were run\n" {
		t.Errorf("status %d, stdout %q, stderr %q", status, stdout.String(), stderr.String())
	}
}

func TestCheckThatCannotBePrinted(t *testing.T) {
	config := filepath.Join(t.TempDir(), "kymo.yaml")
	write(t, config, "checks: [{name: disk, type: disk, path: /}]\n")
	for _, more := range []string{"--json", "disk"} {
		var stderr strings.Builder
		status := run(t.Context(), []string{"check", "--config", config, more}, nil, full{}, &stderr, nil)
		if status != exitFailed || stderr.String() != "kymo: no space left on device\n" {
			t.Errorf("status %d, stderr %q", status, stderr.String())
		}
	}
}
