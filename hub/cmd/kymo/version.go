package main

import (
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/kymohq/kymo/internal/wire"
)

type versionCommand struct{}

func (*versionCommand) Help() string {
	return "Example:\n\n" +
		"    $ kymo version\n" +
		"    kymo v1.2.0 (commit 5b1f0c9e2a77), go1.26.0, batch format 3\n"
}

func (*versionCommand) Run(env *environment) error {
	_, err := fmt.Fprintf(env.stdout, "kymo %s, %s, batch format %d\n",
		describeBuild(debug.ReadBuildInfo()), runtime.Version(), wire.Version)
	return err
}

// describeBuild returns the version of a build, "dev" if it has none, and the commit
// that it was made from, if that is known.
func describeBuild(info *debug.BuildInfo, ok bool) string {
	if !ok {
		return "dev"
	}
	version, commit := info.Main.Version, ""
	if version == "" || version == "(devel)" {
		version = "dev"
	}
	for _, s := range info.Settings {
		switch {
		case s.Key == "vcs.revision":
			commit = " (commit " + s.Value[:min(12, len(s.Value))]
		case s.Key == "vcs.modified" && s.Value == "true":
			commit += ", changed since"
		}
	}
	if commit != "" {
		commit += ")"
	}
	return version + commit
}
