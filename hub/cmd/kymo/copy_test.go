package main

import (
	"context"
	"errors"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/kymohq/kymo/health"
	"github.com/kymohq/kymo/hub/internal/store"
	"github.com/kymohq/kymo/hub/internal/store/pebblestore"
	"github.com/kymohq/kymo/hub/internal/store/storetest"
	"github.com/kymohq/kymo/hub/internal/term"
	"github.com/kymohq/kymo/internal/serverstest"
	"github.com/kymohq/kymo/internal/wire"
)

// TestCopyThereAndBack goes from a folder to PostgreSQL, from there to ClickHouse,
// and from there to another folder.
func TestCopyThereAndBack(t *testing.T) {
	oracle := storetest.NewOracle()
	first, last := filepath.Join(t.TempDir(), "first"), filepath.Join(t.TempDir(), "last")
	open := func(dir string) store.Store {
		s, err := pebblestore.Open(dir, pebblestore.Options{})
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	s := open(first)
	for seed := range uint64(2) { // the same requests twice are two
		fill(t, oracle, seed, 20)
		fill(t, s, seed, 20)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	url := serverstest.Postgres(t).URL("postgres", serverstest.PostgresPassword, "postgres")
	const password = "ge/h@eim"
	other := serverstest.ClickHouse(t, password).URL("default", password, "kymo")
	amounts := "2,240 requests, "
	for _, step := range []struct {
		from, to string
		want     string
	}{
		{first, url, amounts}, {first, url, "all of which were already there"},
		{url, other, amounts}, {url, other, "all of which were already there"},
		{other, last, amounts}, {other, last, "all of which were already there"},
	} {
		r := runKymo(t, nil, "copy", step.from, step.to)
		r.expect(t, exitOK, "")
		expectLines(t, r.stdout.String(), step.want, "9 hours checked: both hold the same")
		for _, secret := range []string{serverstest.PostgresPassword, password, "ge%2Fh"} {
			if text := r.stdout.String() + r.stderr.String(); strings.Contains(text, secret) {
				t.Errorf("a password in %s", text)
			}
		}
	}
	s = open(last)
	defer s.Close()
	expectSame(t, s, oracle)

	runKymo(t, nil, "copy", url, strings.Replace(url, "127.0.0.1", "localhost", 1)).
		expect(t, exitFailed, "kymo: FROM and TO are the same store; name another for TO\n")
}

func TestCopyOfNothing(t *testing.T) {
	c := newCopying(storetest.NewOracle(), storetest.NewOracle())
	if err := c.run(t.Context()); err != nil {
		t.Error(err)
	}
	expectLines(t, c.out.String(), "old -> new: nothing to copy")
}

// TestCopyInterrupted at each of its calls, before and after it was carried out,
// goes on where it was.
func TestCopyInterrupted(t *testing.T) {
	from := storetest.NewOracle()
	fill(t, from, 1, 90) // 14 batches of each instance
	calls := 0
	for interrupted := 1; interrupted == 1 || calls >= interrupted-1; interrupted++ {
		for _, kept := range []bool{false, true} {
			oracle := storetest.NewOracle()
			ctx, interrupt := context.WithCancel(t.Context())
			to := &hooked{Store: oracle}
			calls = 0
			to.append = func(batches []*wire.Batch) (fresh []bool, err error) {
				if calls++; calls == interrupted {
					if kept {
						_, err = oracle.Append(t.Context(), batches...)
					}
					interrupt()
					return nil, errors.Join(err, ctx.Err())
				}
				return oracle.Append(ctx, batches...)
			}
			c := newCopying(from, to)
			err := c.run(ctx)
			interrupt()
			if calls < interrupted {
				if err != nil || calls < 5 {
					t.Errorf("%d calls, %v", calls, err)
				}
				continue
			}
			if err == nil || err.Error() != "interrupted; run the same command again, which counts nothing twice" {
				t.Fatalf("call %d: %v", interrupted, err)
			}
			to.append = nil
			if err := c.run(t.Context()); err != nil {
				t.Fatalf("after call %d: %v", interrupted, err)
			}
			if c.out.Reset(); c.run(t.Context()) != nil {
				t.Fatal("once more")
			}
			expectLines(t, c.out.String(), "all of which were already there", "9 hours checked: both hold the same")
			expectSame(t, oracle, from)
		}
	}
}

// TestCopyCannotRead has questions of either store fail, ever later ones.
func TestCopyCannotRead(t *testing.T) {
	for name, hook := range map[string]func(*copying, func() error){
		"old": func(c *copying, f func() error) { c.from.Store = &hooked{Store: c.from.Store, read: f} },
		"new": func(c *copying, f func() error) { c.to.Store = &hooked{Store: c.to.Store, read: f} },
	} {
		for failing := 1; ; failing += 1 + failing/8 {
			from, oracle := storetest.NewOracle(), storetest.NewOracle()
			fill(t, from, 1, 1)
			c, questions := newCopying(from, oracle), 0
			hook(c, func() error {
				if questions++; questions == failing {
					return errors.New("the disk burst")
				}
				return nil
			})
			err := c.run(t.Context())
			if questions < failing {
				if err != nil || questions < 4*9 {
					t.Errorf("%s: %d questions, %v", name, questions, err)
				}
				break
			}
			if want := "read " + name + ": the disk burst; run the same command again, which counts nothing twice"; err == nil || err.Error() != want {
				t.Fatalf("%s, question %d: %v, want %s", name, failing, err, want)
			}
		}
	}
}

// TestCopyTriesAgain while TO is away, as long as it was told to.
func TestCopyTriesAgain(t *testing.T) {
	for _, test := range []struct {
		refusals int
		with     error
		want     string
	}{
		{7, store.ErrUnavailable, ""},
		{7, store.ErrFull, ""},
		{1000, store.ErrFull, "write new: store has no room left; run the same command again, which counts nothing twice"},
		{1, errors.New("no such table"), "write new: no such table; run the same command again, which counts nothing twice"},
	} {
		synctest.Test(t, func(t *testing.T) {
			from, oracle := storetest.NewOracle(), storetest.NewOracle()
			fill(t, from, 1, 3)
			to, calls := &hooked{Store: oracle}, 0
			to.append = func(batches []*wire.Batch) ([]bool, error) {
				if calls++; calls > test.refusals {
					return oracle.Append(t.Context(), batches...)
				}
				if calls == 1 { // it was kept, but nobody heard of it
					if _, err := oracle.Append(t.Context(), batches...); err != nil {
						t.Error(err)
					}
				}
				return nil, test.with
			}
			c, begun := newCopying(from, to), time.Now()
			err := c.run(t.Context())
			if test.want == "" {
				if err != nil {
					t.Errorf("%v: %v", test.with, err)
				}
				expectSame(t, oracle, from)
			} else if err == nil || err.Error() != test.want {
				t.Errorf("%v: %v", test.with, err)
			}
			if took := time.Since(begun); took > c.patience {
				t.Errorf("%v: it took %v", test.with, took)
			}
		})
	}
}

// TestCopyInterruptedWhileTOIsAway does not wait for it.
func TestCopyInterruptedWhileTOIsAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		from := storetest.NewOracle()
		fill(t, from, 1, 1)
		ctx, interrupt := context.WithCancel(t.Context())
		to := &hooked{Store: storetest.NewOracle()}
		to.append = func([]*wire.Batch) ([]bool, error) {
			time.AfterFunc(time.Millisecond, interrupt) // in the pause, which is longer
			return nil, store.ErrUnavailable
		}
		if err := newCopying(from, to).run(ctx); err == nil || !strings.HasPrefix(err.Error(), "interrupted; ") {
			t.Error(err)
		}
	})
}

// TestCopyFindsWhatDiffers when TO does not hold what it took, or FROM has more by then.
func TestCopyFindsWhatDiffers(t *testing.T) {
	at := storetest.Noon
	batch := func(instance string) *wire.Batch {
		b := wire.NewBuilder()
		for i := range int64(3) {
			b.Add(&wire.Request{Key: wire.Key{Service: "orders", Endpoint: "/a", Method: "GET", Status: 200}, Start: at + i, Duration: 5e6})
		}
		b.AddDrop(wire.Drop{Service: "orders", At: at, Count: 2})
		b.AddHealth(wire.HealthResult{Check: "redis", Status: health.Healthy, From: at, To: at})
		return b.Batch(instance, 1)
	}
	losesOne := func(b *wire.Batch, _ store.Store) {
		if b.Len() > 0 {
			b.Key, b.User, b.Start, b.Duration = b.Key[1:], b.User[1:], b.Start[1:], b.Duration[1:]
			b.FirstByte, b.Lifetime, b.Size = b.FirstByte[1:], b.Lifetime[1:], b.Size[1:]
		}
	}
	for _, test := range []struct {
		name  string
		spoil func(b *wire.Batch, from store.Store)
		there bool // whether TO had the like before
		want  string
	}{
		{"a request is lost", losesOne, false, "old holds 3 requests of orders GET /a 200 and new 2"},
		{"a duration is another", func(b *wire.Batch, _ store.Store) {
			if b.Len() > 0 {
				b.Duration[0] = 7e8
			}
		}, false, "3 requests of orders GET /a 200 have other durations in new"},
		{"dropped requests are lost", func(b *wire.Batch, _ store.Store) { b.Drops = nil }, false,
			"old holds 2 dropped requests of orders and new 0"},
		{"a health result is lost", func(b *wire.Batch, _ store.Store) { b.Health = nil }, false, "old holds 1 health result and new 0"},
		{"a request is lost among others", losesOne, true,
			"new holds 5 requests, 4 dropped requests and 2 health results, but held and took 6 requests, 4 dropped requests and 2 health results"},
		{"another came", func(_ *wire.Batch, from store.Store) {
			if _, err := from.Append(t.Context(), batch("b")); err != nil {
				t.Error(err)
			}
		}, false, "old holds 6 requests of orders GET /a 200 and new 3"},
	} {
		from, oracle := storetest.NewOracle(), storetest.NewOracle()
		if _, err := from.Append(t.Context(), batch("a")); err != nil {
			t.Fatal(err)
		}
		if test.there {
			if _, err := oracle.Append(t.Context(), batch("b")); err != nil {
				t.Fatal(err)
			}
		}
		to := &hooked{Store: oracle}
		to.append = func(batches []*wire.Batch) ([]bool, error) {
			kept := make([]*wire.Batch, len(batches))
			for i, b := range batches {
				kept[i] = new(wire.Batch)
				if err := wire.Decode(b.AppendBinary(nil), kept[i]); err != nil {
					t.Error(err)
				}
				test.spoil(kept[i], from)
			}
			return oracle.Append(t.Context(), kept...)
		}
		c := newCopying(from, to)
		err := c.run(t.Context())
		want := "1 of 1 hour differs, first that from " + hourOf(at).String() + ": " + test.want +
			"; this happens if something still writes to old, or if a hub on new keeps less (--retention-age)"
		if !errors.As(err, new(badNews)) || err.Error() != want {
			t.Errorf("%s: %v\nwant %s", test.name, err, want)
		}
	}
}

// TestCopyCountsTheHoursThatDiffer and names the first.
func TestCopyCountsTheHoursThatDiffer(t *testing.T) {
	from := storetest.NewOracle()
	fill(t, from, 1, 2)
	to := &hooked{Store: storetest.NewOracle()}
	to.append = func(batches []*wire.Batch) ([]bool, error) { return make([]bool, len(batches)), nil }
	c := newCopying(from, to)
	err := c.run(t.Context())
	first := hourOf(storetest.Noon) + past
	if want := "9 of 9 hours differ, first that from " + first.String() + ": "; err == nil || !strings.HasPrefix(err.Error(), want) {
		t.Errorf("%v, want %s", err, want)
	}
}

func TestCopyRefusesWhatNoStoreTakes(t *testing.T) {
	from := storetest.NewOracle() // which does not look
	b := wire.NewBuilder()
	b.Add(&wire.Request{Key: wire.Key{Service: "orders", Endpoint: "/a", Method: "GET"}, Start: storetest.Noon})
	if _, err := from.Append(t.Context(), b.Batch("a", 1)); err != nil {
		t.Fatal(err)
	}
	err := newCopying(from, storetest.NewOracle()).run(t.Context())
	if err == nil || !strings.Contains(err.Error(), "holds what no store takes: request 0: status_code: is 0; ") {
		t.Error(err)
	}
}

func TestCopyTellsStoresApart(t *testing.T) {
	one, other := storetest.NewOracle(), storetest.NewOracle()
	if err := newCopying(one, one).tellApart(t.Context()); !errors.Is(err, errSameStore) {
		t.Errorf("one store: %v", err)
	}
	if err := newCopying(one, other).tellApart(t.Context()); err != nil {
		t.Errorf("two stores: %v", err)
	}
	full := &hooked{Store: one, append: func([]*wire.Batch) ([]bool, error) { return nil, errors.New("read only") }}
	if err := newCopying(full, other).tellApart(t.Context()); err != nil {
		t.Errorf("FROM does not take it: %v", err)
	}
	if err := newCopying(one, full).tellApart(t.Context()); err == nil || !strings.HasPrefix(err.Error(), "write new: read only; ") {
		t.Errorf("TO does not take it: %v", err)
	}
}

func TestCopyShowsItsProgress(t *testing.T) {
	from := storetest.NewOracle()
	fill(t, from, 1, 2)
	c := newCopying(from, storetest.NewOracle())
	c.screen = term.Screen{Terminal: true, Width: 100}
	if err := c.run(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"\rcopying  ", "100 %  112 rows", "\rchecking  "} {
		if !strings.Contains(c.err.String(), want) {
			t.Errorf("no %q in %q", want, c.err.String())
		}
	}
}
