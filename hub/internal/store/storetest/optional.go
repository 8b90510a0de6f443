package storetest

import (
	"errors"
	"testing"
	"time"

	"github.com/kymohq/kymo/hub/internal/rollup"
	"github.com/kymohq/kymo/hub/internal/store"
	"github.com/kymohq/kymo/internal/wire"
)

// Abilities are the optional interfaces of package store that an engine claims.
type Abilities struct {
	Floorer, Sizer, SizeKeeper, Checker, Loser, Remote, Timekeeper, Snapshotter, Documenter bool
}

// testAbilities compares what the store can do with what its engine claims: an
// ability that was lost would otherwise just not be used any more.
func testAbilities(t *testing.T, e Engine, claims Abilities) {
	p := newPair(t, e)
	var has Abilities
	_, has.Floorer = p.store.(store.Floorer)
	_, has.Sizer = p.store.(store.Sizer)
	_, has.SizeKeeper = p.store.(store.SizeKeeper)
	_, has.Checker = p.store.(store.Checker)
	_, has.Loser = p.store.(store.Loser)
	_, has.Remote = p.store.(store.Remote)
	_, has.Timekeeper = p.store.(store.Timekeeper)
	_, has.Snapshotter = p.store.(store.Snapshotter)
	_, has.Documenter = p.store.(store.Documenter)
	if has != claims {
		t.Errorf("the store's abilities are %+v; the engine claims %+v", has, claims)
	}
}

func testFloor(t *testing.T, e Engine) {
	p := newPair(t, e)
	g := newGenerator(10)
	p.append(t, g.batch("a", 500, g.around(Noon-day, 2*day)))
	floor := func() int64 { return p.store.(store.Floorer).Floor() }
	if f := floor(); f != 0 {
		t.Errorf("the floor is %d before anything was pruned", f)
	}
	p.compare(t, all)
	latest := int64(0)
	for _, before := range []int64{Noon - day, Noon - day - hour, Noon - 12345} {
		if err := p.store.Prune(t.Context(), before); err != nil {
			t.Fatal(err)
		}
		latest = max(latest, before)
		if f := floor(); f > latest || f <= latest-hour {
			t.Errorf("pruned before %d: the floor is %d", latest, f)
		}
	}
	// What comes from before the floor is taken, and not yielded; what comes at the
	// floor is.
	f := floor()
	b := wire.NewBuilder()
	for _, start := range []int64{f - day, f - 1, f} {
		b.Add(&wire.Request{Key: plain, Start: start})
		b.AddDrop(wire.Drop{Service: plain.Service, At: start, Count: 3})
	}
	p.append(t, b.Batch("b", 1))
	if err := p.oracle.Prune(t.Context(), f); err != nil {
		t.Fatal(err)
	}
	p.compare(t, all)
	p.reopen(t)
	if got := floor(); got != f {
		t.Errorf("the floor is %d once reopened, and was %d", got, f)
	}
	p.compare(t, all)
}

// A floor that was moved too far is moved back: what comes then is yielded.
func testLowerFloor(t *testing.T, e Engine) {
	p := newPair(t, e)
	f := p.store.(store.Floorer)
	g := newGenerator(13)
	p.append(t, g.batch("a", 500, g.around(Noon-6*day, 2*day)))
	p.prune(t, Noon+30*day)
	p.compare(t, all)
	for _, to := range []int64{Noon + 40*day, Noon - 3*day, Noon} {
		if err := f.LowerFloor(t.Context(), to); err != nil {
			t.Fatal(err)
		}
	}
	want := Noon - 3*day
	if got := f.Floor(); got > want || got <= want-hour {
		t.Errorf("lowered to %d, the floor is %d", want, got)
	}
	p.reopen(t)
	if got := f.Floor(); got > want || got <= want-hour {
		t.Errorf("lowered to %d and reopened, the floor is %d", want, got)
	}
	// Later than all that was kept before, which an engine may have deleted or not.
	p.append(t, g.batch("b", 500, g.around(Noon-day, day)))
	p.compare(t, store.RollupQuery{Window: rollup.Window{From: Noon - 3*day, To: Noon + 10*day}})
	p.prune(t, Noon-day)
	p.compare(t, all)
}

func testTimekeeper(t *testing.T, e Engine) {
	p := newPair(t, e)
	keeper := func() store.Timekeeper { return p.store.(store.Timekeeper) }
	reckoned := func() int64 {
		t.Helper()
		now, err := keeper().Reckoned(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return now
	}
	if now := reckoned(); now != 0 {
		t.Errorf("a new store reckons that it is %d", now)
	}
	for _, now := range []int64{Noon, Noon + hour/2, Noon + 3*hour} {
		if err := keeper().Reckon(t.Context(), now); err != nil {
			t.Fatal(err)
		}
		if got := reckoned(); got > now || got <= now-hour {
			t.Errorf("it reckons that it is %d, and was told %d", got, now)
		}
	}
	p.reopen(t)
	if got := reckoned(); got != Noon+3*hour {
		t.Errorf("once reopened, it reckons that it is %d", got)
	}
	now, err := keeper().Time(t.Context())
	if _, remote := p.store.(store.Remote); err != nil || now.IsZero() == remote || remote && time.Since(now).Abs() > time.Minute {
		t.Errorf("the time by the server is %v, %v", now, err)
	}
	if err := p.store.Close(); err != nil {
		t.Fatal(err)
	}
	wantClosed(t, "reckon", keeper().Reckon(t.Context(), Noon+9*hour))
}

func testSize(t *testing.T, e Engine) {
	p := newPair(t, e)
	g := newGenerator(11)
	for i := range int64(6) {
		p.append(t, g.batch("a", 300, g.around(Noon-i*day, 12*hour)))
	}
	p.reopen(t) // what an engine still has in memory may have no size
	prune := func(bytes int64) int64 {
		before, err := p.store.(store.Sizer).PruneToSize(t.Context(), bytes)
		if err != nil {
			t.Fatalf("prune to %d bytes: %v", bytes, err)
		}
		return before
	}
	if before := prune(1 << 50); before != 0 {
		t.Errorf("a store that is small enough was pruned before %d", before)
	}
	p.compare(t, all)
	before := prune(1)
	if before > Noon+day {
		t.Errorf("pruned before %d, which is later than all there is", before)
	}
	if before > 0 {
		old := rollup.Window{To: before - day}
		if lines := Requests(t, p.store, store.RequestQuery{Window: old}); len(lines) > 0 {
			t.Errorf("%d requests are left of what was pruned", len(lines))
		}
	}
	p.compare(t, store.RollupQuery{Window: rollup.Window{From: before, To: Noon + 2*day}})
	if again := prune(1); again != 0 {
		t.Errorf("there was more to prune, before %d, after all up to %d", again, before)
	}
	if err := p.store.Close(); err != nil {
		t.Fatal(err)
	}
	_, err := p.store.(store.Sizer).PruneToSize(t.Context(), 1)
	wantClosed(t, "prune to a size", err)
}

// A store that holds itself to a size deletes without being asked again, and no more once
// it may have any.
func testKeepSize(t *testing.T, e Engine) {
	p := newPair(t, e)
	g := newGenerator(14)
	for i := range int64(6) {
		p.append(t, g.batch("a", 300, g.around(Noon-i*day, 12*hour)))
	}
	p.reopen(t)
	keeper, floor := p.store.(store.SizeKeeper), p.store.(store.Floorer)
	keeper.KeepSize(1 << 50)
	keeper.KeepSize(1)
	for floor.Floor() == 0 {
		if err := t.Context().Err(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Millisecond)
	}
	keeper.KeepSize(0)
	before, err := keeper.PruneToSize(t.Context(), 1<<50) // waits for what is going on
	if f := floor.Floor(); before != f || err != nil {
		t.Errorf("deleted before %d, %v; the floor is %d", before, err, f)
	}
	p.append(t, g.batch("a", 300, g.around(Noon, 12*hour)))
	p.compare(t, store.RollupQuery{Window: rollup.Window{From: before, To: Noon + 2*day}})
	if again, err := keeper.PruneToSize(t.Context(), 1<<50); again != 0 || err != nil {
		t.Errorf("deleted before %d, %v, and the store may have any size", again, err)
	}
}

func testChecker(t *testing.T, e Engine) {
	p := newPair(t, e)
	g := newGenerator(12)
	checker := p.store.(store.Checker)
	for range 3 {
		p.append(t, g.batch("a", 100, g.around(Noon, hour)))
		if err := checker.Check(t.Context()); err != nil {
			t.Errorf("check: %v", err)
		}
	}
	if err := p.store.Close(); err != nil {
		t.Fatal(err)
	}
	if err := checker.Check(t.Context()); !errors.Is(err, store.ErrClosed) {
		t.Errorf("check once closed: %v, want store.ErrClosed", err)
	}
}

func testLoser(t *testing.T, e Engine) {
	p := newPair(t, e)
	g := newGenerator(13)
	p.append(t, g.batch("a", 100, g.around(Noon, hour)))
	p.reopen(t)
	if l := p.store.(store.Loser).Lost(all.Window); l != (store.Loss{}) {
		t.Errorf("lost %+v, and nothing was damaged", l)
	}
}

func testRemote(t *testing.T, e Engine) {
	p := newPair(t, e)
	g := newGenerator(12)
	for range 3 {
		p.append(t, g.batch("a", 100, g.around(Noon, hour)))
		if n := p.store.(store.Remote).Waiting(); n != 0 {
			t.Errorf("%d calls wait, and all were answered", n)
		}
	}
}
