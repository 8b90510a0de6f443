package kymo

import (
	"runtime/debug"
	"strings"

	"github.com/kymohq/kymo/internal/wire"
)

// WithVersion sets the service's release, such as "1.4.2": at most 64 bytes, without
// control characters. It is sent with each batch.
//
// The default is taken from the build information of the main module: its version if
// that is a tag; otherwise the first 12 digits of the commit, with "-dirty" appended if
// files were modified; otherwise none. WithVersion("") sets none.
func WithVersion(version string) Option {
	return func(o *options) {
		o.version = wire.Clean(version, wire.MaxVersion)
		if o.version != version {
			o.problemf("WithVersion: the version is too long or contains control characters; using %q", o.version)
		}
	}
}

// buildVersion returns the release according to a build's information, "" if it has
// none.
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

// released reports whether a module's version is a tag: neither "(devel)", nor that of
// a modified tree, nor a pseudo-version such as v0.0.0-20260102030405-0123456789ab.
func released(version string) bool {
	if !strings.HasPrefix(version, "v") || strings.HasSuffix(version, "+dirty") {
		return false
	}
	version, _, _ = strings.Cut(version, "+") // as in v2.0.0+incompatible
	at := strings.LastIndexByte(version, '-')
	return at < 0 || !only(version[at+1:], 12, "0123456789abcdef") ||
		!only(version[max(0, at-14):at], 14, "0123456789")
}

// only reports whether s has n bytes and consists of the given characters.
func only(s string, n int, characters string) bool {
	return len(s) == n && strings.Trim(s, characters) == ""
}
