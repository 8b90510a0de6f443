package config

import (
	"fmt"
	"net"
	"slices"

	"github.com/kymohq/kymo/hub/internal/hosts"
)

func (v *verdict) hosts() {
	for i, host := range v.Hosts {
		if err := hosts.Check(host); err != nil {
			v.add(Errorf(fmt.Sprintf("hosts[%d]", i), "%s", err))
		}
	}
}

// HostNames returns the names that the hub answers to. With both tokens every
// name is safe: a page that comes by it has neither.
func (c *Config) HostNames() hosts.Names {
	if len(c.Hosts) == 0 && c.Tokens.Ingest != "" && c.Tokens.Read != "" {
		return hosts.Any()
	}
	names := slices.Clone(c.Hosts)
	if host, _, err := net.SplitHostPort(c.Listen); err == nil && host != "" {
		names = append(names, host)
	}
	return hosts.Listed(names)
}
