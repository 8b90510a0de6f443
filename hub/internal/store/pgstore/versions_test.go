package pgstore

import (
	"fmt"
	"testing"

	"github.com/kymohq/kymo/hub/internal/store"
	"github.com/kymohq/kymo/hub/internal/store/storetest"
	"github.com/kymohq/kymo/internal/serverstest"
)

// The store works in versions other than Debian's: in short mode the basics and some of
// what operators do, else the whole suite.
func TestVersions(t *testing.T) {
	for _, major := range versions {
		t.Run(fmt.Sprint(major), func(t *testing.T) {
			server := serverstest.PostgresVersion(t, major)
			if got := server.SQL("SELECT current_setting('server_version_num')::int / 10000"); got != fmt.Sprint(major) {
				t.Fatalf("it is version %s", got)
			}
			prepare := func(t testing.TB) storetest.Engine {
				url := database(t, server)
				return storetest.Engine{Open: func(t testing.TB) store.Store {
					return open(t, url, Options{tuning: tuning{mergeEvery: 1, parts: 2}})
				}}
			}
			tests := operators
			if testing.Short() {
				storetest.Basics(t, prepare)
				tests = map[string]func(*testing.T, string){"detached": testDetached, "default": testDefault, "short time limits": testTimeLimits}
			} else {
				storetest.Run(t, claims, prepare)
			}
			for name, test := range tests {
				t.Run(name, func(t *testing.T) { test(t, database(t, server)) })
			}
		})
	}
}
