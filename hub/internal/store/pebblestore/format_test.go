package pebblestore

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"math/rand/v2"
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
	"github.com/kymohq/kymo/internal/wire"
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

// sample returns rows, sorted, with every column in use.
func sample(n int) *rows {
	r := rand.New(rand.NewPCG(1, 1))
	s := &rows{users: []string{"", "a", "böb"}, instances: []string{"i", "j"}}
	s.grow(n)
	for i := range n {
		s.start[i] = storetest.Noon + int64(i)*7
		s.series[i] = uint32(r.IntN(5))
		s.duration[i] = int64(r.ExpFloat64() * 1e7)
		s.firstByte[i] = s.duration[i] / 2
		s.lifetime[i] = int64(r.IntN(2)) * 1e9
		s.size[i] = r.Int64N(wire.MaxSize)
		s.user[i] = uint32(r.IntN(3))
		s.instance[i] = uint32(r.IntN(2))
	}
	return s
}

// TestCorruptBlocks cuts and changes a block at every byte: the reader must see
// it or give something else, but not fail in any other way.
func TestCorruptBlocks(t *testing.T) {
	rows := storetest.Volume(300)
	var w blockWriter
	w.begin(sample(rows))
	block, first := w.append(nil, 0, rows, []drop{{1, storetest.Noon + 5, 3}})
	if first != storetest.Noon {
		t.Fatalf("first instant %d, want %d", first, storetest.Noon)
	}
	var reader blockReader
	every := make([]uint32, rows)
	for i := range every {
		every[i] = uint32(i)
	}
	read := func(b []byte) error {
		if err := reader.open(b); err != nil {
			return err
		}
		if err := reader.read(); err != nil {
			return err
		}
		if err := reader.durations(); err != nil {
			return err
		}
		if _, err := reader.lasting(1000, slices.Clone(every[:reader.len()])); err != nil {
			return err
		}
		if _, err := reader.of("a", slices.Clone(every[:reader.len()])); err != nil {
			return err
		}
		return reader.pick(every[:reader.len()])
	}
	if err := read(block); err != nil || reader.len() != rows || len(reader.drops) != 1 {
		t.Fatalf("%d rows, %d drops, %v", reader.len(), len(reader.drops), err)
	}
	for i := range block {
		if err := read(block[:i]); err == nil {
			t.Errorf("cut at %d of %d: no error", i, len(block))
		}
		for _, bit := range []byte{1, 0x80, 0xff} {
			changed := bytes.Clone(block)
			changed[i] ^= bit
			if err := read(changed); err == nil {
				for row := range reader.len() {
					_ = reader.users[reader.user[row]] + reader.instances[reader.instance[row]]
				}
			}
		}
	}
}

// oldSample is sample(30) with a drop, as a block of version 1.
const oldSample = "" +
	"AR6ArL2CojTLAQUAAQIEAxIotS/9AABJAAADAQAEYWLDtmIOKLUv/QAAKQAAAgEBaWoBAYWsvYKiNAMSKLUv/QAATQAAEAAHAVQCAhkEFhMCgi" +
	"EwAwACAAIAIYADgXa7hIUHHwhuHQIIgKUbCRw31D0DAAQAAwCx8rutygAhWQvteS4Bnaz1DDhyl3145lNjTcCv3A7R7hYgmdOkatg6+qT4POHu" +
	"52s3n9UnDpmZjQJs8cdgMHAq0o+2R4e2M9rGtSw5m8GU8boFuGue5ceqdhQScANqHQIIgKUbCRw3ZDoDAAQAAwCx8rutygAhWQvteS4BUNZKA4" +
	"7wsg9pPrVrAs5yO6TdLSCZbVI1uI6fFN8TbkBfG31WUBzSmY0Ktvg3GCxOxf1oWzq0z2iRa1k6m2LKvW4Jd81afqy1o3DADU4TAgTgD5KmAgAC" +
	"AAIAcQFjAf0BUADKmhtAWXMDKGtuAGXNDaCsuQGUNTeAsuYGUNbcAMqaG0BZcwMoa24AZc0NoKy5AZQ1N4Cy5gZQ1tzYARYCBfAJEy4SAgACAA" +
	"MAk9z9A8UqAZUH7qiGGEs3fY2sEgPbl16lQxIZt0W1AeI/4ZlB9iBqJ80WOiAxcN2QZZALnloWC4eSZ8/uWSd1Vap2OJ0fQNwALsh7F2mPDaTr" +
	"DhODCoKWVVanWmGcG36m0G10/0o7zcIAp7C9xSm/eH1hji4X/tQ6AazMB9wu9Eg4fprazYQtg0+02PGdULV9bhrMUCBJ4nYSmQZgiTpdqNl4C3" +
	"uvEg20wnStcc+tt+/o0enbCv5jh4SOUrK/119/l/Uqgpr+LFd+ARMRAoEhAgACAAIAHwmwQvEOtAMAERACgBACAAIAAgAAAScBSgFK"

// TestOldBlock reads a block of version 1.
func TestOldBlock(t *testing.T) {
	block, err := base64.StdEncoding.DecodeString(oldSample)
	if err != nil {
		t.Fatal(err)
	}
	want := sample(30)
	var reader blockReader
	if err := errors.Join(reader.open(block), reader.read()); err != nil {
		t.Fatal(err)
	}
	places := make([]uint32, 30)
	for i := range places {
		places[i] = uint32(i)
	}
	if err := reader.pick(places); err != nil || reader.len() != want.len() {
		t.Fatal(reader.len(), err)
	}
	keys := make([]rollup.Key, 5)
	for i := range want.len() {
		old, now := reader.record(i, keys), want.record(i, keys)
		now.Start += reader.start[0] - want.start[0] // it was made in another hour
		if old != now {
			t.Errorf("row %d is %+v, want %+v", i, old, now)
		}
	}
	if want := []drop{{1, reader.start[0] + 5, 3}}; !slices.Equal(reader.drops, want) {
		t.Errorf("drops %v, want %v", reader.drops, want)
	}
	for i := range block {
		if err := reader.open(block[:i]); err == nil {
			t.Errorf("cut at %d of %d: no error", i, len(block))
		}
	}
}

// TestPickedRows reads some rows of a block: they must be what was written.
func TestPickedRows(t *testing.T) {
	all := sample(2000)
	var w blockWriter
	w.begin(all)
	block, _ := w.append(nil, 0, 2000, nil)
	keys := make([]rollup.Key, 5)
	for i := range keys {
		keys[i].Endpoint = string(rune('a' + i))
	}
	var reader blockReader // of several blocks, one after the other
	rapid.Check(t, func(t *rapid.T) {
		if err := reader.open(block); err != nil {
			t.Fatal(err)
		}
		if err := reader.read(); err != nil {
			t.Fatal(err)
		}
		every := rapid.IntRange(1, 700).Draw(t, "one in")
		user := rapid.SampledFrom([]string{"", "a", "böb", "nobody"}).Draw(t, "user")
		least := rapid.SampledFrom([]int64{0, 1e6, 5e7}).Draw(t, "least")
		var places, want []uint32
		for i := rapid.IntRange(0, 1999).Draw(t, "first"); i < 2000; i += every {
			places = append(places, uint32(i))
			if all.users[all.user[i]] == user && all.duration[i] >= least {
				want = append(want, uint32(i))
			}
		}
		places, err := reader.lasting(least, places)
		if err != nil {
			t.Fatal(err)
		}
		places, err = reader.of(user, places)
		if err != nil || !slices.Equal(places, want) {
			t.Fatalf("places %v, %v, want %v", places, err, want)
		}
		if err := reader.pick(places); err != nil || reader.len() != len(want) {
			t.Fatalf("%d rows, %v, want %d", reader.len(), err, len(want))
		}
		for k, i := range want {
			if got, want := reader.record(k, keys), all.record(int(i), keys); got != want {
				t.Fatalf("row %d is %+v, want %+v", i, got, want)
			}
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
