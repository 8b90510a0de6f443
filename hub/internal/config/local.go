package config

import (
	"net/url"
	"strings"
)

// localOptions are the options of a URL, by the type of the check, that name a file or a
// socket of the hub's own machine, or that let the server read its files.
var localOptions = map[string][]string{
	"postgres": {"host", "passfile", "service", "servicefile", "sslcert", "sslkey", "sslrootcert"},
	"mysql":    {"socket", "allowAllFiles", "serverPubKey"},
	"redis":    {"socket"},
}

const inFile = "which only the configuration file may have: it is about the hub's own machine; add the check to the file"

// Local returns an *Error of what a check would read of the hub's own machine: files,
// sockets, and what PostgreSQL's environment variables say. A program that may add checks
// may not look at those. It returns nil if there is nothing of the kind.
func (c *Check) Local() *Error {
	if c.Type == "disk" {
		return Errorf("type", "is disk, %s", inFile)
	}
	if c.TLS != nil {
		for _, f := range []struct {
			key  string
			file File
		}{{"ca", c.TLS.CA}, {"cert", c.TLS.Cert}, {"key", c.TLS.Key}} {
			if f.file != "" {
				return Errorf("tls."+f.key, "is a file, %s", inFile)
			}
		}
	}
	scheme, rest, _ := strings.Cut(c.URL, "://")
	if strings.EqualFold(scheme, "unix") {
		return Errorf("url", "is that of a socket, %s", inFile)
	}
	rest, _, _ = strings.Cut(rest, "#")
	before, query, _ := strings.Cut(rest, "?")
	options, _ := url.ParseQuery(query) // what is wrong, the constructor of the type refuses
	for name := range options {
		for _, local := range localOptions[c.Type] {
			if strings.EqualFold(name, local) {
				return Errorf("url", "has the option %s, %s", local, inFile)
			}
		}
	}
	authority, _, _ := strings.Cut(before, "/")
	user, _, _ := strings.Cut(authority, "@")
	if _, password, _ := strings.Cut(user, ":"); c.Type == "postgres" && authority != "" && (password == "" || user == authority) {
		return Errorf("url", "has no user and password; without them the hub's own environment may supply them: write postgres://user:password@host/database")
	}
	return nil
}

// Target returns what a check of the URL contacts: scheme and hosts, or a socket, without
// what may be a secret.
func Target(raw string) string {
	scheme, rest, ok := strings.Cut(raw, "://")
	if !ok {
		return ""
	}
	if strings.EqualFold(scheme, "unix") {
		path, _, _ := strings.Cut(rest, "?")
		return scheme + "://" + path[strings.LastIndexByte(path, '@')+1:]
	}
	end := strings.IndexAny(rest, "/?#")
	if end < 0 {
		end = len(rest)
	}
	return scheme + "://" + rest[strings.LastIndexByte(rest[:end], '@')+1:end]
}
