package probe

import (
	"cmp"
	"net"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// address is the URL of a database. Unlike url.URL it may name several hosts,
// and its errors never quote it: url.Parse repeats the password of a URL that it
// does not understand.
type address struct {
	scheme         string
	user, password string
	hosts          []string // host:port, at least one unless there is a socket
	socket         string   // the path of a Unix socket; "" if there are hosts
	path           string   // after the slash
	options        url.Values
	secrets        secrets
}

const encode = "; characters like / @ : # ? in a user or password must be percent-encoded"

// parseAddress parses a URL that looks like example and has one of the schemes.
// Its port is optional.
func parseAddress(raw, example, port string, schemes ...string) (*address, error) {
	a := &address{}
	scheme, rest, ok := strings.Cut(raw, "://")
	a.scheme = strings.ToLower(scheme)
	if !ok || !slices.Contains(schemes, a.scheme) {
		return nil, wrong("url", "must begin with %s:// and look like %s", strings.Join(schemes, ":// or "), example)
	}
	a.secrets.add(raw)

	authority, tail := rest, ""
	if i := strings.IndexAny(rest, "/?#"); i >= 0 {
		authority, tail = rest[:i], rest[i:]
	}
	if strings.Contains(tail, "@") {
		return nil, wrong("url", "has an @ after the host"+encode)
	}
	if strings.Count(authority, "@") > 1 { // drivers take the first or the last one for the end of the password
		return nil, wrong("url", "has more than one @"+encode)
	}
	if i := strings.LastIndexByte(authority, '@'); i >= 0 {
		user, password, _ := strings.Cut(authority[:i], ":")
		authority = authority[i+1:]
		var err, err2 error
		a.user, err = url.PathUnescape(user)
		a.password, err2 = url.PathUnescape(password)
		if err != nil || err2 != nil {
			return nil, wrong("url", "has a %% that is not followed by two hexadecimal digits in the user or password"+encode)
		}
		a.secrets.add(password)
		a.secrets.add(a.password)
	}
	tail, _, _ = strings.Cut(tail, "#")
	path, query, _ := strings.Cut(tail, "?")
	var err, err2 error
	a.path, err = url.PathUnescape(strings.TrimPrefix(path, "/"))
	a.options, err2 = url.ParseQuery(query)
	if err != nil || err2 != nil {
		return nil, wrong("url", "has a %% that is not followed by two hexadecimal digits after the host, or a ;")
	}
	if a.socket = a.socketPath(); a.socket == "" || authority != "" {
		a.socket = ""
		for host := range strings.SplitSeq(authority, ",") {
			host, err := hostPort(host, port)
			if err != nil {
				return nil, err
			}
			a.hosts = append(a.hosts, host)
		}
	}
	for name, values := range a.options {
		if strings.Contains(strings.ToLower(name), "password") {
			for _, value := range values {
				a.secrets.add(value)
			}
		}
	}
	return a, nil
}

// socketPath returns the path of the Unix socket that a URL without a host means, or "":
// unix:///run/redis.sock, mysql:///database?socket=/run/mysqld.sock, and
// postgres:///database?host=/run/postgresql, which is a directory.
func (a *address) socketPath() (path string) {
	switch a.scheme {
	case "unix":
		path, a.path = "/"+a.path, ""
	case "postgres", "postgresql":
		path = a.options.Get("host")
	default:
		path = a.options.Get("socket")
	}
	if len(path) > 1 && path[0] == '/' {
		return path
	}
	return ""
}

// hostPort adds the port to a host if it has none.
func hostPort(host, port string) (string, error) {
	bare := strings.TrimSuffix(strings.TrimPrefix(host, "["), "]")
	if h, p, err := net.SplitHostPort(host); err == nil {
		bare, port = h, p
	} else if strings.Contains(bare, ":") && bare == host { // an IPv6 address goes in brackets
		return "", wrong("url", "has a host with several colons; put an IPv6 address in brackets"+encode)
	}
	if bare == "" {
		return "", wrong("url", "names no host; it is between // or @ and the next /")
	}
	if n, err := strconv.Atoi(port); err != nil || n < 1 || n > 65535 {
		return "", wrong("url", "has a port that is not a number from 1 to 65535"+encode)
	}
	return net.JoinHostPort(bare, port), nil
}

// one returns the network and the address of a URL that must not have several hosts, and
// the name of the host.
func (a *address) one() (network, addr, name string, err error) {
	if a.socket != "" {
		return "unix", a.socket, "localhost", nil
	}
	if len(a.hosts) > 1 {
		return "", "", "", wrong("url", "names %d hosts; make a check for each", len(a.hosts))
	}
	name, _, err = net.SplitHostPort(a.hosts[0])
	return "tcp", a.hosts[0], name, err
}

// shown returns where the server is, without secrets.
func (a *address) shown() string { return cmp.Or(a.socket, strings.Join(a.hosts, ",")) }

// onlyOptions refuses unknown options.
func (a *address) onlyOptions(known ...string) error {
	for name := range a.options {
		if !slices.Contains(known, name) {
			return wrong("url", "has an option that %s:// does not take; it takes %s", a.scheme, strings.Join(known, ", "))
		}
	}
	return nil
}
