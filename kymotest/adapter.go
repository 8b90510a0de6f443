package kymotest

import (
	"fmt"
	"net/http"
	"slices"
	"testing"

	"github.com/kymohq/kymo"
)

// Adapter is what Run tests.
type Adapter struct {
	// New returns a server of the routes that the package's comment lists. It is
	// called anew for each request, and for some requests from several goroutines.
	New func(Setup) http.Handler

	// Unsupported is what the framework cannot do, each with the reason, which is
	// shown. What depends on it is skipped.
	Unsupported map[Feature]string
}

// Setup is what a server is to be built of.
type Setup struct {
	// Monitor is the monitor to give to the adapter. It is nil for the server
	// without Kymo, to which the others are compared.
	Monitor *kymo.Monitor

	// Recovery is where the framework's middleware stands that recovers from
	// panics. Without Kymo, RecoveryOutside and RecoveryInside are the same.
	Recovery Recovery
}

// Recovery is the place of a middleware that recovers from panics.
type Recovery int

const (
	NoRecovery      Recovery = iota // there is none: net/http closes the connection
	RecoveryOutside                 // the adapter is within it
	RecoveryInside                  // it is within the adapter
)

// Feature is something that most frameworks can do.
type Feature string

const (
	Unmatched Feature = "unmatched" // the adapter is called for requests that no route matches
	Mounts    Feature = "mounts"    // routers are mounted in each other, or routes grouped
	CatchAll  Feature = "catch-all" // a route takes the rest of the path
	Recovers  Feature = "recovers"  // there is a middleware that recovers from panics
	Streams   Feature = "streams"   // a response is sent in parts
	Upgrades  Feature = "upgrades"  // a connection is taken over
)

var features = []Feature{Unmatched, Mounts, CatchAll, Recovers, Streams, Upgrades}

// Run tests the adapter, in subtests. The package's comment says how.
func Run(t *testing.T, a Adapter) {
	t.Helper()
	if err := a.validate(); err != nil {
		t.Fatal(err)
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			a.need(t, c.features)
			for _, p := range c.protocols() {
				t.Run(p.name, func(t *testing.T) {
					if err := c.verify(a, p, patience); err != nil {
						t.Error(err)
					}
				})
			}
		})
	}
	for _, p := range protocols {
		t.Run("crowd/"+p.name, func(t *testing.T) {
			if err := verifyCrowd(a, p, patience); err != nil {
				t.Error(err)
			}
		})
	}
}

func (a *Adapter) validate() error {
	if a.New == nil {
		return fmt.Errorf("kymotest: Adapter.New is nil")
	}
	for f, reason := range a.Unsupported {
		if !slices.Contains(features, f) {
			return fmt.Errorf("kymotest: Adapter.Unsupported has %q, which is no Feature", f)
		}
		if reason == "" {
			return fmt.Errorf("kymotest: Adapter.Unsupported gives no reason for %q", f)
		}
	}
	return nil
}

// need skips the test unless the adapter supports all of these.
func (a *Adapter) need(t *testing.T, features []Feature) {
	for _, f := range features {
		if reason, ok := a.Unsupported[f]; ok {
			t.Skipf("the adapter does not support %q: %s", f, reason)
		}
	}
}
