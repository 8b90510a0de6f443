// Package hosts decides which host names a hub answers to. A page of a stranger's site
// can have its name resolve to the hub's address, and is then of one origin with the
// hub for its visitor's browser (DNS rebinding). What tells it from the hub's own pages
// is the name in the request's Host header. An address as a literal resolves to
// nothing else, so it is always answered: Kubernetes' probes use one.
package hosts

import (
	"fmt"
	"net"
	"net/netip"
	"strings"
)

const maxName = 253 // bytes of a name in DNS

// Names are the names that a hub answers to, besides IP addresses and the names of
// loopback. The zero value has none.
type Names struct {
	all    bool
	listed map[string]bool
}

// Any is all names.
func Any() Names { return Names{all: true} }

// Listed are these names; Check has found each of them right.
func Listed(names []string) Names {
	n := Names{listed: make(map[string]bool, len(names))}
	for _, name := range names {
		n.listed[canonical(name)] = true
	}
	return n
}

// Answer reports whether a request with this Host header, host or host:port, is
// answered. HTTP/1.0 has requests without one; no browser sends them.
func (n Names) Answer(header string) bool {
	name := Of(header)
	return n.all || name == "" || Literal(name) || loopback(name) || n.listed[name]
}

// Of returns the name in a Host header, without its port and in lower case.
func Of(header string) string {
	host, _, err := net.SplitHostPort(header)
	if err != nil {
		host = strings.TrimSuffix(strings.TrimPrefix(header, "["), "]")
	}
	return canonical(host)
}

func canonical(name string) string { return strings.ToLower(strings.TrimSuffix(name, ".")) }

// Literal reports whether a host is an IP address rather than a name.
func Literal(host string) bool {
	_, err := netip.ParseAddr(host)
	return err == nil
}

// loopback reports whether a name means this machine wherever it is resolved (RFC 6761).
func loopback(name string) bool { return name == "localhost" || strings.HasSuffix(name, ".localhost") }

// Check returns what is wrong with a host of a configuration.
func Check(host string) error {
	const example = "write a name alone, like kymo.example.com"
	switch {
	case host == "":
		return fmt.Errorf("is empty; %s", example)
	case Literal(host):
		return nil
	case strings.Contains(host, "/"):
		return fmt.Errorf("%q is a URL; %s", host, example)
	case strings.Contains(host, ":"):
		return fmt.Errorf("%q has a port; %s", host, example)
	case strings.Contains(host, "*"):
		return fmt.Errorf("%q is a pattern; write each name out, like kymo.example.com", host)
	case strings.ContainsFunc(host, func(r rune) bool { return r >= 0x80 }):
		return fmt.Errorf("%+q is not what a browser sends; write it in Punycode, like xn--bcher-kva.example", host)
	case !IsName(host):
		return fmt.Errorf("%q is not a host name; %s", host, example)
	}
	return nil
}

// IsName reports whether a text has the form of a host name.
func IsName(text string) bool {
	text = strings.TrimSuffix(text, ".")
	for label := range strings.SplitSeq(text, ".") {
		if label == "" || strings.ContainsFunc(label, func(r rune) bool {
			return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != '-' && r != '_'
		}) {
			return false
		}
	}
	return len(text) <= maxName
}
