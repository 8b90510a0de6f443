package kymo

import (
	"runtime/debug"
	"strings"

	"github.com/kymohq/kymo/internal/wire"
)

// WithVersion sets the service's release, such as "1.4.2", by which the hub tells
// what came with which. It takes at most 64 bytes without control characters.
//
// Without it, the release is what the build knows of the main module: its version
// if that is a tagged one, otherwise the first 12 characters of the commit, with
// "-dirty" if files were changed since, otherwise none. WithVersion("") sets none.
func WithVersion(version string) Option {
	return func(o *options) {
		o.version = wire.Clean(version, wire.MaxVersion)
		if o.version != version {
			o.problem("WithVersion: the version is too long or holds control characters; using %q", o.version)
		}
	}
}

// buildVersion returns the release that a build's information tells of, "" if it
// tells of none.
func buildVersion(info *debug.BuildInfo, ok bool) string {
	if !ok {
		return ""
	}
	if v := info.Main.Version; released(v) {
		return v
	}
	var revision, dirty string
	for _, s := range info.Settings {
		switch {
		case s.Key == "vcs.revision":
			revision = s.Value[:min(12, len(s.Value))]
		case s.Key == "vcs.modified" && s.Value == "true":
			dirty = "-dirty"
		}
	}
	if revision == "" {
		return ""
	}
	return revision + dirty
}

// released reports whether a module's version is a tag of it: neither "(devel)",
// nor one of a changed tree, nor one that the go command made up for a commit, such
// as v0.0.0-20260102030405-0123456789ab.
func released(version string) bool {
	if !strings.HasPrefix(version, "v") || strings.HasSuffix(version, "+dirty") {
		return false
	}
	version, _, _ = strings.Cut(version, "+") // as in v2.0.0+incompatible
	at := strings.LastIndexByte(version, '-')
	return at < 0 || !only(version[at+1:], 12, "0123456789abcdef") ||
		!only(version[max(0, at-14):at], 14, "0123456789")
}

// only reports whether s is n long and holds no other than the given characters.
func only(s string, n int, characters string) bool {
	return len(s) == n && strings.Trim(s, characters) == ""
}
