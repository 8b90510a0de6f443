package storecopy

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/kymohq/kymo/health"
	"github.com/kymohq/kymo/hub/internal/store"
	"github.com/kymohq/kymo/hub/internal/store/engines"
	"github.com/kymohq/kymo/hub/internal/store/storetest"
	"github.com/kymohq/kymo/internal/serverstest"
	"github.com/kymohq/kymo/internal/wire"
)

// TestCopyThereAndBack goes from a directory to PostgreSQL, from there to ClickHouse,
// and from there to another directory.
func TestCopyThereAndBack(t *testing.T) {
	oracle := storetest.NewOracle()
	open := func(name string) store.Store {
		t.Helper()
		s, err := engines.Open(name, engines.Options{Logger: slog.New(slog.DiscardHandler)})
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	names := []string{
		filepath.Join(t.TempDir(), "first"),
		serverstest.Postgres(t).URL("postgres", serverstest.PostgresPassword, "postgres"),
		serverstest.ClickHouse(t, "").URL("default", "", "kymo"),
		filepath.Join(t.TempDir(), "last"),
	}
	from := open(names[0])
	instances := storetest.Volume(20)
	for seed := range uint64(2) { // the same requests twice are two
		fill(t, oracle, seed, instances)
		fill(t, from, seed, instances)
	}
	for i, name := range names[1:] {
		to := open(name)
		c := newCopying(from, to)
		c.Source = engines.Location(names[i])
		for again := range 2 {
			if err := c.run(t.Context()); err != nil {
				t.Fatalf("to %s: %v", engines.Show(name), err)
			}
			c.expectEqual(t, 9)
			fresh := c.copied.Read
			if again == 1 {
				fresh = Amounts{}
			}
			if c.copied.Read.Requests != int64(2*7*8*instances) || c.copied.Fresh != fresh {
				t.Errorf("to %s: read %v, of which %v were new", engines.Show(name), c.copied.Read, c.copied.Fresh)
			}
		}
		if err := from.Close(); err != nil {
			t.Error(err)
		}
		from = to
	}
	expectSame(t, from, oracle)
	if err := from.Close(); err != nil {
		t.Error(err)
	}
}

func TestCopyOfNothing(t *testing.T) {
	c := newCopying(storetest.NewOracle(), storetest.NewOracle())
	if err := c.run(t.Context()); err != nil {
		t.Error(err)
	}
	if c.expectEqual(t, 0); c.copied.Read != (Amounts{}) {
		t.Errorf("copied %v", c.copied.Read)
	}
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
			if !errors.Is(err, context.Canceled) {
				t.Fatalf("call %d: %v", interrupted, err)
			}
			to.append = nil
			if err := c.run(t.Context()); err != nil {
				t.Fatalf("after call %d: %v", interrupted, err)
			}
			if err := c.run(t.Context()); err != nil || c.copied.Fresh != (Amounts{}) {
				t.Fatalf("once more: %v, %v", c.copied, err)
			}
			c.expectEqual(t, 9)
			expectSame(t, oracle, from)
		}
	}
}

// TestCopyCannotRead has questions of either store fail, ever later ones.
func TestCopyCannotRead(t *testing.T) {
	for name, hook := range map[string]func(*copying, func() error){
		"old": func(c *copying, f func() error) { c.From.Store = &hooked{Store: c.From.Store, read: f} },
		"new": func(c *copying, f func() error) { c.To.Store = &hooked{Store: c.To.Store, read: f} },
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
			if want := "read " + name + ": the disk burst"; err == nil || err.Error() != want {
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
		{1000, store.ErrFull, "write new: store has no room left"},
		{1, errors.New("no such table"), "write new: no such table"},
	} {
		synctest.Test(t, func(t *testing.T) {
			from, oracle := storetest.NewOracle(), storetest.NewOracle()
			fill(t, from, 1, 3)
			to, calls := &hooked{Store: oracle}, 0
			to.append = func(batches []*wire.Batch) ([]bool, error) {
				if calls++; calls > test.refusals {
					return oracle.Append(t.Context(), batches...)
				}
				if calls == 1 { // it was kept, but the answer was lost
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
			if took := time.Since(begun); took > c.Retry.Patience {
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
		if err := newCopying(from, to).run(ctx); !errors.Is(err, context.Canceled) {
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
		b.AddDrop(wire.Drop{Service: "orders", At: at, Count: 2, Reason: wire.QueueFull})
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
			"old holds 2 dropped requests of orders (queue_full) and new 0"},
		{"the reason of dropped requests is lost", func(b *wire.Batch, _ store.Store) {
			for i := range b.Drops {
				b.Drops[i].Reason = wire.UnknownReason
			}
		}, false, "old holds 2 dropped requests of orders (queue_full) and new 0"},
		{"a health result is lost", func(b *wire.Batch, _ store.Store) { b.Health = nil }, false, "old holds 1 health result and new 0"},
		{"a request is lost among others", losesOne, true,
			"new has 5 requests, 4 dropped requests and 2 health results, but should have at least 6 requests, 4 dropped requests and 2 health results"},
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
		if err := c.run(t.Context()); err != nil {
			t.Fatal(err)
		}
		got := *c.checked
		got.More = Amounts{}
		if want := (Checked{Hours: 1, Differ: 1, First: hourOf(at).String(), Lacks: test.want}); got != want {
			t.Errorf("%s: %+v\nwant %+v", test.name, got, want)
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
	if err := c.run(t.Context()); err != nil {
		t.Fatal(err)
	}
	first := hourOf(storetest.Noon) + past
	if c.checked.Hours != 9 || c.checked.Differ != 9 || c.checked.First != first.String() {
		t.Errorf("checked: %+v", *c.checked)
	}
}

func TestCopyRefusesWhatNoStoreTakes(t *testing.T) {
	from := storetest.NewOracle() // which does not validate
	b := wire.NewBuilder()
	b.Add(&wire.Request{Key: wire.Key{Service: "orders", Endpoint: "/a", Method: "GET"}, Start: storetest.Noon})
	if _, err := from.Append(t.Context(), b.Batch("a", 1)); err != nil {
		t.Fatal(err)
	}
	err := newCopying(from, storetest.NewOracle()).run(t.Context())
	if err == nil || !strings.Contains(err.Error(), "contains an invalid batch: element 0: status_code: is 0; ") {
		t.Error(err)
	}
}

func TestCopyTellsStoresApart(t *testing.T) {
	one, other := storetest.NewOracle(), storetest.NewOracle()
	if err := newCopying(one, one).TellApart(t.Context()); !errors.Is(err, ErrSameStore) {
		t.Errorf("one store: %v", err)
	}
	if err := newCopying(one, other).TellApart(t.Context()); err != nil {
		t.Errorf("two stores: %v", err)
	}
	full := &hooked{Store: one, append: func([]*wire.Batch) ([]bool, error) { return nil, errors.New("read only") }}
	if err := newCopying(full, other).TellApart(t.Context()); err != nil {
		t.Errorf("FROM does not take it: %v", err)
	}
	if err := newCopying(one, full).TellApart(t.Context()); err == nil || !strings.HasPrefix(err.Error(), "write new: read only") {
		t.Errorf("TO does not take it: %v", err)
	}
}

func TestCopyReportsItsProgress(t *testing.T) {
	from := storetest.NewOracle()
	fill(t, from, 1, 2)
	c := newCopying(from, storetest.NewOracle())
	type step struct {
		phase       Phase
		done, total int64
	}
	var steps []step
	c.Progress = func(p Phase, done, total int64) { steps = append(steps, step{p, done, total}) }
	if err := c.run(t.Context()); err != nil {
		t.Fatal(err)
	}
	ends := []step{{Copying, 0, 112}, {Copying, 112, 112}, {Checking, 0, 112}, {Checking, 112, 112}}
	for _, want := range ends {
		if !slices.Contains(steps, want) {
			t.Errorf("no %v in %v", want, steps)
		}
	}
	if !slices.IsSortedFunc(steps, func(a, b step) int { return cmp.Or(cmp.Compare(a.phase, b.phase), cmp.Compare(a.done, b.done)) }) {
		t.Errorf("not in order: %v", steps)
	}
}
