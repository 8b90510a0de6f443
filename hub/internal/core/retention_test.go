package core

import (
	"errors"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

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
