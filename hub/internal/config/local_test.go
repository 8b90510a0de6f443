package config_test

import (
	"strings"
	"testing"

	"github.com/kymohq/kymo/hub/internal/config"
)

// The target of a check shows nothing that may be secret.
func TestTarget(t *testing.T) {
	for url, want := range map[string]string{
		"postgres://app:secret@10.0.0.5:5432/app?x=y": "postgres://10.0.0.5:5432",
		"http://user:p%40ss@host":                     "http://host",
		"https://host/hook/secret?token=secret#x":     "https://host",
		"https://host?token=a@b":                      "https://host",
		"redis+cluster://:secret@a:1,b:2/0":           "redis+cluster://a:1,b:2",
		"unix://user:secret@/run/redis.sock?db=0":     "unix:///run/redis.sock",
		"postgres:///db?host=/run/postgresql":         "postgres://",
		"dns://10.0.0.1/secret.example?type=A":        "dns://10.0.0.1",
		"":                                            "",
		"secret":                                      "",
	} {
		if got := config.Target(url); got != want || strings.Contains(got, "secret") {
			t.Errorf("%s: %s, want %s", url, got, want)
		}
	}
}
