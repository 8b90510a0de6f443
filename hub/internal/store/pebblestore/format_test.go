package pebblestore

import (
	"encoding/binary"
	"fmt"
	"log/slog"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"pgregory.net/rapid"

	"github.com/kymohq/kymo/hub/internal/rollup"
	"github.com/kymohq/kymo/hub/internal/store"
	"github.com/kymohq/kymo/hub/internal/store/cover"
	"github.com/kymohq/kymo/hub/internal/store/page"
	"github.com/kymohq/kymo/hub/internal/store/storetest"
)

func TestSplitColumn(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var c columns
		bound := uint64(1)<<rapid.IntRange(0, maxSplitBits).Draw(t, "bits") - 1
		values := rapid.SliceOfN(rapid.Map(rapid.Uint64Range(0, bound), func(v uint64) int64 { return int64(v) }), 0, 3000).Draw(t, "values")
		section := cursor{b: appendSplit(&c, nil, values)}
		got, err := readSplit[int64](&c, section.section(), len(values), nil)
		if err != nil || !slices.Equal(got, values) || len(section.b) > 0 {
			t.Fatalf("got %v, %v", got, err)
		}
	})
}

func TestPackedColumn(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var c columns
		values := rapid.SliceOfN(rapid.Int64Range(0, math.MaxInt64), 0, 500).Draw(t, "values")
		section := cursor{b: c.appendPacked(nil, values)}
		got, err := c.readPacked(section.section(), len(values), nil)
		if err != nil || !slices.Equal(got, values) {
			t.Fatalf("got %v, %v", got, err)
		}
	})
}

// Package cover has the rule; here, pages of 10 s are asked for only where they are kept.
func TestPlanHeedsTheFloor(t *testing.T) {
	floor := storetest.Noon + 25_000
	pages, spans := plan(rollup.Window{From: storetest.Noon + 1, To: storetest.Noon + 50_001}, floor)
	at := storetest.Noon / 10_000
	wantPages := []cover.Run{{Level: level10s, First: at + 3, End: at + 5}}
	wantSpans := []rollup.Window{{From: storetest.Noon + 1, To: storetest.Noon + 30_000}, {From: storetest.Noon + 50_000, To: storetest.Noon + 50_001}}
	if !slices.Equal(pages, wantPages) || !slices.Equal(spans, wantSpans) {
		t.Errorf("the plan is %+v and %+v, want %+v and %+v", pages, spans, wantPages, wantSpans)
	}
}

func TestSortByStart(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		spread := int64(1) << rapid.IntRange(0, 47).Draw(t, "spread")
		start := rapid.SliceOf(rapid.Int64Range(0, spread)).Draw(t, "start")
		want := make([]uint32, len(start))
		for i := range want {
			want[i] = uint32(i)
		}
		slices.SortStableFunc(want, func(a, b uint32) int { return int(min(max(start[a]-start[b], -1), 1)) })
		if got := byStart(start); !slices.Equal(got, want) {
			t.Fatalf("%v, want %v", got, want)
		}
	})
}

func TestCorruptValues(t *testing.T) {
	for i := range 3 {
		full := encodeSeries(&rollup.Key{Service: "s", Endpoint: "/e", Method: "GET", Status: 200})
		if _, err := decodeSeries(full[:i*2]); err == nil {
			t.Errorf("series cut at %d: no error", i*2)
		}
		if _, err := decodeSeries(append(full, 0)); err == nil {
			t.Error("series with a byte too many: no error")
		}
	}
	for _, b := range [][]byte{nil, {1, 2}, {1, 2, 0x80}, {1, 0x80}} {
		if _, err := decodeIdentity(b); err == nil {
			t.Errorf("identity %x: no error", b)
		}
	}
	s := state{1, 2, 3, 4}
	if got, err := decodeState(s.encode()); got != s || err != nil {
		t.Errorf("state %+v, %v", got, err)
	}
	if _, err := decodeState(append(s.encode(), 1)); err == nil {
		t.Error("state with a byte too many: no error")
	}
}

// TestCorruptStore damages what is on disk: opening, or the query that meets
// the damage, says so.
func TestCorruptStore(t *testing.T) {
	for _, test := range []struct {
		name   string
		damage func(t *testing.T, s *Store)
		opens  bool
	}{
		{"state", func(t *testing.T, s *Store) { set(t, s, keyState, "x") }, false},
		{"series", func(t *testing.T, s *Store) { set(t, s, keySeries(0), "\x80") }, false},
		{"identity", func(t *testing.T, s *Store) { set(t, s, keyIdentity("a"), "") }, false},
		{"block", func(t *testing.T, s *Store) { set(t, s, keyBlock(storetest.Noon-1, 1<<40), "x") }, true},
		{"page", func(t *testing.T, s *Store) { set(t, s, keyPage(level1h, storetest.Noon/hourMillis-2), "\x02\x05") }, true},
		{"page of an unknown series", func(t *testing.T, s *Store) {
			set(t, s, keyPage(level1h, storetest.Noon/hourMillis-2), string(page.Append(nil, 0, 1<<20, false, []byte{0})))
		}, true},
		{"page with a bad histogram", func(t *testing.T, s *Store) {
			set(t, s, keyPage(level1h, storetest.Noon/hourMillis-2), string(page.Append(nil, 0, 0, false, []byte{0x80})))
		}, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			fs := vfs.NewMem()
			s := open(t, Options{FS: fs, tuning: busy})
			mustAppend(t, s, batches("a", 50)())
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			s = open(t, Options{FS: fs, tuning: busy})
			test.damage(t, s)
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			s, err := Open("data", Options{FS: fs, tuning: busy})
			if !test.opens {
				if err == nil {
					t.Fatal("it opens")
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			defer s.Close()
			// From five seconds past an hour on, some requests are read one by one.
			q := store.RollupQuery{Window: rollup.Window{From: storetest.Noon - 3*hourMillis + 5000, To: storetest.Noon - 1}}
			var failed bool
			for _, err := range s.Rollups(t.Context(), q) {
				failed = failed || err != nil
			}
			for _, err := range s.Requests(t.Context(), store.RequestQuery{Window: everything}) {
				failed = failed || err != nil
			}
			if !failed {
				t.Error("no query met an error")
			}
		})
	}
}

func set(t *testing.T, s *Store, key []byte, value string) {
	t.Helper()
	b := s.engine.db.NewBatch()
	if err := b.Set(key, []byte(value), nil); err != nil {
		t.Fatal(err)
	}
	if err := s.engine.apply(b); err != nil {
		t.Fatal(err)
	}
	if err := s.engine.flush(); err != nil {
		t.Fatal(err)
	}
}

// TestDamagedJournal damages the journal: what a crash leaves is silent, and all else is
// said. Whole records count wherever they are.
func TestDamagedJournal(t *testing.T) {
	next := batches("a", 10)
	first, second := next(), next()
	record, other := string(appendRecord(nil, first.AppendBinary)), string(appendRecord(nil, second.AppendBinary))
	bad := string(appendRecord(nil, func(b []byte) []byte { return append(b, "not a batch"...) }))
	flipped := record[:len(record)/2] + string(record[len(record)/2]^1) + record[len(record)/2+1:]
	end := func(n int) string { return string(binary.LittleEndian.AppendUint64(nil, uint64(n))) }
	magic := journalMagic + "\x01"
	header := magic + end(math.MaxInt64)
	for _, test := range []struct {
		name  string
		files []string
		want  uint64 // requests
		lost  int64  // bytes; -1 if only the header is damaged
	}{
		{"whole", []string{header + record + other}, 20, 0},
		{"header cut short", []string{header[:5]}, 0, 0},
		{"record cut short", []string{header + record + other[:20]}, 10, 0},
		{"head of a record cut short", []string{header + record + other[:6]}, 10, 0},
		{"zeros behind", []string{header + record + strings.Repeat("\x00", 100)}, 10, 0},
		{"a bit in the middle", []string{header + flipped + other}, 10, int64(len(record))},
		{"a bit in the last record", []string{header + record + flipped}, 10, int64(len(record))},
		{"a size in the middle", []string{header + "\xff" + record[1:] + other}, 10, int64(len(record))},
		{"zeros in the middle", []string{header + strings.Repeat("\x00", len(record)) + other}, 10, int64(len(record))},
		{"magic", []string{"JYMK" + header[4:] + record + other}, 20, -1},
		{"version", []string{header[:4] + "\x02" + header[5:] + record + other}, 20, -1},
		{"not a batch", []string{header + bad + record}, 10, int64(len("not a batch"))},
		{"what was not acknowledged", []string{header + record + other, magic + end(len(header)+len(record))}, 10, 0},
		{"an end that cannot be", []string{header + record + other, magic + end(len(header)+len(record)+5)}, 20, 0},
		{"an end far away", []string{header + record + other, magic + end(1<<40)}, 20, 0},
		{"shorter than it was", []string{header + record, magic + end(len(header)+len(record)+len(other)), magic + end(13)}, 10, int64(len(other))},
		{"cut short, and it was whole", []string{header + record + other[:20], magic + end(len(header)+len(record)+len(other))}, 10, int64(len(other))},
	} {
		t.Run(test.name, func(t *testing.T) {
			fs := vfs.NewMem()
			var log strings.Builder
			opts := Options{FS: fs, Logger: slog.New(slog.NewTextHandler(&log, nil))}
			open(t, opts).Close()
			for i, content := range test.files {
				writeFile(t, fs, segmentName("data/journal", uint64(i+1)), content)
			}
			writeFile(t, fs, "data/journal/README", "not a segment")
			s := open(t, opts)
			var n uint64
			for r, err := range s.Rollups(t.Context(), store.RollupQuery{Window: everything}) {
				if err != nil {
					t.Fatal(err)
				}
				n += r.Durations.Count()
			}
			if n != test.want {
				t.Errorf("%d requests, want %d", n, test.want)
			}
			lost := int64(0)
			for _, d := range s.damages {
				lost += d.bytes
			}
			if lost != max(test.lost, 0) || s.Lost(everything).Damaged != (test.lost > 0) || (s.Check(t.Context()) != nil) != (test.lost > 0) {
				t.Errorf("%d bytes lost, want %d; %+v, %v", lost, test.lost, s.Lost(everything), s.Check(t.Context()))
			}
			if said := strings.Count(log.String(), "journal is damaged"); (said > 0) != (test.lost != 0) || said > 1 {
				t.Errorf("said %d times: %s", said, log.String())
			}
			kept, _ := fs.List("data/" + asideDir)
			if (len(kept) > 0) != (test.lost != 0) || len(journalOf(t, fs)) > 0 {
				t.Errorf("put aside: %v", kept)
			}
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			s = open(t, opts)
			if err := s.Check(t.Context()); err != nil || s.Lost(everything).Damaged != (test.lost > 0) {
				t.Errorf("once reopened: %+v, %v", s.Lost(everything), err)
			}
		})
	}
}

func TestFormatVersion(t *testing.T) {
	for _, test := range []struct {
		content string
		want    string
	}{
		{fmt.Sprintln(formatVersion + 1), fmt.Sprintf("format is %d, this program's %d", formatVersion+1, formatVersion)},
		{"one\n", "FORMAT does not hold a version"},
		{"", "FORMAT does not hold a version"},
	} {
		fs := vfs.NewMem()
		open(t, Options{FS: fs}).Close()
		writeFile(t, fs, "data/FORMAT", test.content)
		_, err := Open("data", Options{FS: fs})
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("FORMAT %q: %v, want %q", test.content, err, test.want)
		}
	}
}
