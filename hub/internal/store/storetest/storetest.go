// Package storetest is the conformance suite of store.Store. An engine's test
// calls Run with a way to open it; every answer is compared, to the last bit of
// every histogram, with that of an Oracle that was given the same batches.
package storetest

import (
	"testing"

	"github.com/kymohq/kymo/hub/internal/store"
)

// Engine is one set of data of the engine under test.
type Engine struct {
	// Open opens the store. The suite closes it before it opens it again, and
	// expects the same data to be there.
	Open func(t testing.TB) store.Store
	// Restore opens a store of what a snapshot has. Only an engine whose store is a
	// store.Snapshotter needs it.
	Restore func(t testing.TB, s store.Snapshot) store.Store
}

// Basics runs the tests that need all kinds of an engine's statements, once each: for
// other versions of a server than the one that Run is given.
func Basics(t *testing.T, prepare func(t testing.TB) Engine) {
	for name, run := range map[string]func(*testing.T, Engine){
		"keeps every field":                    testFields,
		"counts an identity once":              testIdentity,
		"cuts windows into steps":              testSteps,
		"counts dropped requests":              testDrops,
		"prunes what is old":                   testPrune,
		"keeps every field of a health result": testHealthFields,
		"prunes old health results":            testHealthPrune,
		"keeps documents":                      testDocuments,
	} {
		t.Run(name, func(t *testing.T) { run(t, prepare(t)) })
	}
}

// Run runs the suite, with the tests of the abilities that the engine claims: it
// must have those and no others. prepare returns an engine with an empty set of
// data, one for each test; it fails the test when the engine is not available.
func Run(t *testing.T, claims Abilities, prepare func(t testing.TB) Engine) {
	tests := []struct {
		name string
		run  func(*testing.T, Engine)
	}{
		{"has the abilities that it claims", func(t *testing.T, e Engine) { testAbilities(t, e, claims) }},
		{"keeps every field", testFields},
		{"answers nothing when empty", testEmpty},
		{"counts an identity once", testIdentity},
		{"tells batches with the same content apart", testSameContent},
		{"cuts windows to the millisecond", testWindows},
		{"cuts windows into steps", testSteps},
		{"merges what adds up to the same", testCoarse},
		{"selects by service, endpoint and method", testFilters},
		{"counts dropped requests", testDrops},
		{"takes late, early and unordered requests", testDisorder},
		{"takes the limits of a batch", testLimits},
		{"prunes what is old", testPrune},
		{"takes many writers at once", testWriters},
		{"shows what it acknowledged, to readers at work", testReaders},
		{"lets readers stop early", testStop},
		{"heeds a context that ended", testContext},
		{"fails once closed", testClosed},
		{"keeps every field of a health result", testHealthFields},
		{"counts health results once", testHealthIdentity},
		{"cuts windows of health to the millisecond", testHealthWindows},
		{"tells checks apart by name", testHealthNames},
		{"keeps joined names of checks apart", testHealthJoinedNames},
		{"prunes old health results", testHealthPrune},
		{"takes many health results", testHealthMany},
		{"orders health results by span, check and instance", testHealthOrder},
		{"shows health results once, to readers at work", testHealthReaders},
		{"heeds a context that ended in questions of health", testHealthContext},
		{"fails to give health once closed", testHealthClosed},
		{"shows names that others stored as clean ones", testCleaned},
		{"equals the oracle on random histories", testRandom},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) { test.run(t, prepare(t)) })
	}
	optional := []struct {
		name    string
		claimed bool
		run     func(*testing.T, Engine)
	}{
		{"tells up to where it is pruned", claims.Floorer, testFloor},
		{"moves its floor back", claims.Floorer, testLowerFloor},
		{"reckons the time", claims.Timekeeper, testTimekeeper},
		{"prunes to a size", claims.Sizer, testSize},
		{"holds itself to a size", claims.SizeKeeper, testKeepSize},
		{"checks itself", claims.Checker, testChecker},
		{"tells what it lost", claims.Loser, testLoser},
		{"tells how many calls wait", claims.Remote, testRemote},
		{"keeps documents", claims.Documenter, testDocuments},
		{"is copied as it is", claims.Snapshotter, testSnapshot},
		{"is copied while others write", claims.Snapshotter, testSnapshotOfWriters},
	}
	for _, test := range optional {
		if test.claimed {
			t.Run(test.name, func(t *testing.T) { test.run(t, prepare(t)) })
		}
	}
}
