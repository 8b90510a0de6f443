package core

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/kymohq/kymo/hub/internal/maintenance"
	"github.com/kymohq/kymo/hub/internal/report"
	"github.com/kymohq/kymo/hub/internal/rollup"
	"github.com/kymohq/kymo/hub/internal/store"
)

// dayWindows are the maintenance windows of the script of a day. All of them are daily, in
// UTC.
type dayWindows struct {
	present []maintenance.Window // in the configuration
	all     []dayWindow
}

// dayWindow is a window with the time in which it was in the configuration.
type dayWindow struct {
	name            string
	minute, minutes int64 // of the day at which it begins, and how long it lasts
	added, removed  int64 // Unix milliseconds; not removed is 0
}

// change adds a window that begins some time before or after now, or removes all.
func (w *dayWindows) change(r *rand.Rand) {
	now := time.Now()
	if len(w.present) > 0 && r.IntN(3) == 0 {
		w.present = nil
		for i := range w.all {
			if w.all[i].removed == 0 {
				w.all[i].removed = now.UnixMilli()
			}
		}
		return
	}
	one := dayWindow{name: fmt.Sprintf("window-%02d", len(w.all)), minutes: 1 + r.Int64N(90), added: now.UnixMilli()}
	one.minute = (now.Unix()/60 + r.Int64N(300) - 60) % (24 * 60)
	w.all = append(w.all, one)
	w.present = append(slices.Clip(w.present), maintenance.Window{
		Name: one.name, Where: &maintenance.Where{Check: "database"},
		Every: fmt.Sprintf("%02d:%02d", one.minute/60, one.minute%60), For: time.Duration(one.minutes) * time.Minute,
	})
}

// names returns the windows that are in force at an instant by the script.
func (w *dayWindows) names(at int64) (names []string) {
	const day = 24 * 60 * 60_000
	for _, one := range w.all {
		for _, midnight := range []int64{at - at%day, at - at%day - day} {
			begin := midnight + one.minute*60_000
			end := begin + one.minutes*60_000
			if begin <= at && at < end && end > one.added && (one.removed == 0 || at < one.removed) {
				names = append(names, one.name)
			}
		}
	}
	return names
}

// edges returns the instants at which a window may begin or end.
func (w *dayWindows) edges(in rollup.Window) (edges []int64) {
	const day = 24 * 60 * 60_000
	for _, one := range w.all {
		for midnight := in.From - in.From%day - day; midnight < in.To; midnight += day {
			begin := midnight + one.minute*60_000
			edges = append(edges, begin, begin+one.minutes*60_000)
		}
		edges = append(edges, one.removed)
	}
	return edges
}

// stored returns what the store has of the windows.
func (w *dayWindows) stored(t *testing.T, st store.Store, in rollup.Window) (all []report.Maintenance) {
	t.Helper()
	var spans []maintenance.Span
	for r, err := range st.Health(t.Context(), store.HealthQuery{Window: in, Name: maintenance.Series}) {
		if err != nil {
			t.Fatal(err)
		}
		s, ok := maintenance.OfRow(&r.HealthResult)
		if !ok {
			t.Fatalf("not a window: %+v", r)
		}
		spans = append(spans, s)
	}
	for _, s := range maintenance.Merge(spans, maintenance.Own("database"), in.From, in.To) {
		all = append(all, report.Maintenance{Name: s.Name, From: s.From, To: s.To})
	}
	return all
}

// split cuts the segments of the script where windows begin or end. Where several are in
// force, the name is the one that is stored, if it is one of them.
func (w *dayWindows) split(t *testing.T, segments []report.Stretch, stored []report.Maintenance, in rollup.Window) (all []report.Stretch) {
	t.Helper()
	edges := w.edges(in)
	for _, m := range stored {
		edges = append(edges, m.From, m.To)
	}
	slices.Sort(edges)
	for _, s := range segments {
		from := s.From
		for _, edge := range append(slices.Clone(edges), s.To) {
			if edge <= from || edge > s.To {
				continue
			}
			piece := s
			piece.From, piece.To = from, edge
			from = edge
			if names := w.names(piece.From); len(names) > 0 {
				i := slices.IndexFunc(stored, func(m report.Maintenance) bool { return m.From <= piece.From && piece.From < m.To })
				if i < 0 || !slices.Contains(names, stored[i].Name) {
					t.Fatalf("at %d, %q are in force; stored is %+v", piece.From, names, stored)
				}
				piece.Maintenance = stored[i].Name
			}
			if n := len(all); n > 0 && all[n-1].To == piece.From && all[n-1].Status == piece.Status && all[n-1].Maintenance == piece.Maintenance {
				all[n-1].To = piece.To
				continue
			}
			all = append(all, piece)
		}
	}
	return all
}
