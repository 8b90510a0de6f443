package kymotest

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"testing"

	"github.com/kymohq/kymo"
)

// Adapter is an adapter for Run to test.
type Adapter struct {
	// New returns a server with the routes listed in the package's documentation. It
	// is called for each request, sometimes from several goroutines at once.
	New func(Setup) http.Handler

	// Unsupported lists the features that the framework does not have, each with the
	// reason. Tests that need them are skipped, and show the reason.
	Unsupported map[Feature]string
}

// Setup describes the server that Adapter.New returns.
type Setup struct {
	// Monitor is the adapter's monitor. It is nil for the server without Kymo, with
	// which the others are compared.
	Monitor *kymo.Monitor

	// Recovery is the place of the framework's middleware that recovers from panics.
	// Without Kymo, RecoveryOutside and RecoveryInside are the same.
	Recovery Recovery
}

// Recovery is the place of a middleware that recovers from panics.
type Recovery int

const (
	NoRecovery      Recovery = iota // there is none: net/http closes the connection
	RecoveryOutside                 // it is further out than the adapter
	RecoveryInside                  // it is further in than the adapter
)

// Feature is an ability of most frameworks.
type Feature string

const (
	Unmatched Feature = "unmatched" // the adapter is called for requests that no route matches
	Mounts    Feature = "mounts"    // routers are mounted in each other, or routes grouped
	CatchAll  Feature = "catch-all" // a route matches the rest of the path
	Recovers  Feature = "recovers"  // there is a middleware that recovers from panics
	Streams   Feature = "streams"   // a response is sent in parts
	Upgrades  Feature = "upgrades"  // a connection is hijacked
)

var features = []Feature{Unmatched, Mounts, CatchAll, Recovers, Streams, Upgrades}

// Run tests the adapter, in subtests, as the package's documentation describes.
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
		return errors.New("kymotest: Adapter.New is nil")
	}
	for f, reason := range a.Unsupported {
		if !slices.Contains(features, f) {
			return fmt.Errorf("kymotest: Adapter.Unsupported has %q, which is not a Feature", f)
		}
		if reason == "" {
			return fmt.Errorf("kymotest: Adapter.Unsupported gives no reason for %q", f)
		}
	}
	return nil
}

// need skips the test unless the adapter supports all of the features.
func (a *Adapter) need(t *testing.T, features []Feature) {
	for _, f := range features {
		if reason, ok := a.Unsupported[f]; ok {
			t.Skipf("the adapter does not support %q: %s", f, reason)
		}
	}
}
