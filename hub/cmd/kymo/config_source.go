package main

import (
	"github.com/kymohq/kymo/hub/internal/config/settings"
)

// configSource returns where a command reads its configuration: from the file that
// the flag --config or else KYMO_CONFIG names, and the environment. Without either
// there is no file.
func configSource(env *environment, flag string) settings.Source {
	s := settings.Source{Vars: env.vars}
	if s.Path, s.Named = flag, "--config"; s.Path == "" {
		s.Path, s.Named = env.vars["KYMO_CONFIG"], "KYMO_CONFIG"
	}
	return s
}
