package config_test

import (
	"testing"

	"github.com/kymohq/kymo/hub/internal/config"
)

func TestHostNames(t *testing.T) {
	both := config.Tokens{Ingest: "in", Read: "out"}
	for _, test := range []struct {
		config                 config.Config
		listed, listen, others bool
	}{
		{config.Config{}, false, false, false},
		{config.Config{Listen: ":5966", InsecureListen: true}, false, false, false},
		{config.Config{Listen: "kymo.internal:5966", InsecureListen: true}, false, true, false},
		{config.Config{Tokens: config.Tokens{Ingest: "in"}}, false, false, false}, // reading is open
		{config.Config{Tokens: config.Tokens{Read: "out"}}, false, false, false},
		{config.Config{Tokens: both}, true, true, true},
		{config.Config{Tokens: both, Hosts: []string{"kymo.example.com"}}, true, false, false},
		{config.Config{Tokens: both, Hosts: []string{"Kymo.Example.com."}, Listen: "kymo.internal:5966"}, true, true, false},
		{config.Config{Hosts: []string{"other.example.com", "kymo.example.com"}}, true, false, false},
	} {
		if got := verdict(&test.config); got != "" {
			t.Errorf("%+v: %s", test.config, got)
		}
		names := test.config.HostNames()
		for host, want := range map[string]bool{
			"localhost": true, "10.1.2.3:5966": true,
			"kymo.example.com": test.listed, "kymo.internal:5966": test.listen, "evil.example": test.others,
		} {
			if got := names.Answer(host); got != want {
				t.Errorf("%+v: answers to %s: %v", test.config, host, got)
			}
		}
	}
}
