package core

import (
	"bytes"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/kymohq/kymo/hub/internal/config"
	"github.com/kymohq/kymo/hub/internal/report"
	"github.com/kymohq/kymo/hub/internal/store"
	"github.com/kymohq/kymo/hub/internal/store/pebblestore"
)

// TestLowerFloor lowers a floor in the future at once, to what the maximum age keeps.
func TestLowerFloor(t *testing.T) {
	st, err := pebblestore.Open("data", pebblestore.Options{FS: vfs.NewMem()})
	if err != nil {
		t.Fatal(err)
	}
	defer st.Close()
	m := newMachine(t, st)
	m.start()
	defer m.stop()
	oldest := m.is().Add(-168 * time.Hour)
	has := func(reason string, floor, from time.Time) {
		t.Helper()
		r := m.hub.Retention()
		if r.Reason != reason || r.Floor == nil || !r.Floor.Equal(floor) || !r.From.Equal(from) || !r.To.Equal(m.is().Add(24*time.Hour)) ||
			r.AgeHours != 168 || r.Clock.Doubt != "" || !r.Clock.Time.Equal(m.is()) || !r.Clock.Deletes.Equal(m.is()) {
			t.Errorf("got %+v with a floor at %v, want %s, %s", r, r.Floor, reason, floor)
		}
	}
	if r := m.hub.Retention(); r.Reason != report.FloorNone || r.Floor != nil || !r.From.Equal(oldest) {
		t.Errorf("before anything was deleted: %+v", r)
	}
	future := m.is().Add(400 * day).Truncate(time.Hour)
	if err := st.Prune(t.Context(), future.UnixMilli()); err != nil {
		t.Fatal(err)
	}
	has(report.FloorFuture, future, future)
	// The hub goes by hours, and what is older than the maximum age is not taken.
	if err := m.hub.LowerFloor(t.Context(), oldest.Add(-400*day)); err != nil {
		t.Fatal(err)
	}
	has(report.FloorAge, oldest.Truncate(time.Hour), oldest)
	var sent []int64
	m.pass(2*time.Minute, &sent)
	m.holds(sent)
	// One that is before the time asked for stays.
	was := m.hub.Retention()
	if err := m.hub.LowerFloor(t.Context(), m.is()); err != nil {
		t.Fatal(err)
	}
	has(report.FloorAge, *was.Floor, was.From)
	if err := st.Close(); err != nil {
		t.Fatal(err)
	}
	if err := m.hub.LowerFloor(t.Context(), oldest.Add(-day)); !errors.Is(err, store.ErrClosed) {
		t.Errorf("over a closed store: %v", err)
	}
}

// keeper is a store that holds itself to a size.
type keeper struct {
	sized
	kept *[]int64
}

func (k keeper) KeepSize(bytes int64) { *k.kept = append(*k.kept, bytes) }

// TestMaximumSizeInForce: a store that can holds itself to the size from the start on, and
// to another one once the configuration has it. The log tells once that requests are deleted.
func TestMaximumSizeInForce(t *testing.T) {
	k := keeper{sized{&faulty{}}, new([]int64)}
	var log bytes.Buffer
	ticks := make(chan time.Time)
	o := setup{ticks: ticks}.options()
	o.Logger = slog.New(slog.NewTextHandler(&log, nil))
	h, err := New(k, setup{retention: config.Retention{Size: 1 << 30}}.config(t), o)
	if err != nil {
		t.Fatal(err)
	}
	for range 3 {
		ticks <- noon
	}
	for _, size := range []int64{1 << 31, 0} {
		if err := h.Apply(setup{retention: config.Retention{Size: size}}.config(t)); err != nil {
			t.Fatal(err)
		}
	}
	closeHub(t, h)
	if want := []int64{1 << 30, 1 << 31, 0}; !slices.Equal(*k.kept, want) {
		t.Errorf("held to %v, want %v", *k.kept, want)
	}
	if n := strings.Count(log.String(), "as large as retention.size"); n != 1 {
		t.Errorf("told %d times of the size, want once:\n%s", n, log.String())
	}
}
