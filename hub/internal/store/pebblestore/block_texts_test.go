package pebblestore

import (
	"encoding/binary"
	"fmt"
	"math/bits"
	"math/rand/v2"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// TestTexts lists the texts of some rows: each row has its own again, and none needs more
// bits for its place than if the most frequent had the smallest one.
func TestTexts(t *testing.T) {
	var w blockWriter
	var read texts
	rapid.Check(t, func(t *rapid.T) {
		all := rapid.SliceOfNDistinct(rapid.StringMatching(`(user-|é|)[0-9]{0,4}`), 1, 100, rapid.ID).Draw(t, "texts")
		rows := rapid.SliceOfN(rapid.Uint32Range(0, uint32(len(all)-1)), 0, 500).Draw(t, "rows")
		o := &ordered{}
		o.sort(all)
		section, places := w.appendTexts(nil, o, rows)
		c := cursor{b: section}
		read.open(c.section(), false)
		got, err := read.of(places, nil)
		if err != nil || len(c.b) > 0 {
			t.Fatal(err, len(c.b))
		}
		_, ranks := byFrequency(rows)
		for i, id := range rows {
			if got[places[i]] != all[id] {
				t.Fatalf("row %d has %q, want %q", i, got[places[i]], all[id])
			}
			if place, ok := read.find(all[id]); !ok || place != places[i] {
				t.Fatalf("%q is at %d, %v, want %d", all[id], place, ok, places[i])
			}
			if bits.Len32(places[i]) != bits.Len32(ranks[i]) {
				t.Fatalf("%q is at %d, and the rank of its frequency is %d", all[id], places[i], ranks[i])
			}
		}
		if _, ok := read.find("nobody"); ok {
			t.Fatal("found a text that is not there")
		}
	})
}

// fullTexts is a list as blocks of version 1 have it.
func fullTexts(list ...string) []byte {
	b := binary.AppendUvarint(nil, uint64(len(list)))
	for _, text := range list {
		b = binary.AppendUvarint(b, uint64(len(text)))
	}
	for _, text := range list {
		b = append(b, text...)
	}
	return zstdWriter.EncodeAll(b, nil)
}

func TestTextsOfOldBlocks(t *testing.T) {
	want := []string{"", "user-7", "böb", "user-12"}
	section := fullTexts(want...)
	var read texts
	read.open(section, true)
	got, err := read.of([]uint32{0, 1, 2, 3}, nil)
	if err != nil || !slices.Equal(got, want) {
		t.Fatalf("%q, %v", got, err)
	}
	for i := range section {
		read.open(section[:i], true)
		if err := read.decode(); err == nil {
			t.Errorf("cut at %d of %d: no error", i, len(section))
		}
	}
}

// A damaged list asks for no more memory than a list can need.
func TestTextsThatGrow(t *testing.T) {
	var c columns
	heads, tails := binary.AppendUvarint(nil, blockLimit), make([]byte, 1<<20)
	heads = binary.AppendUvarint(binary.AppendUvarint(heads, 0), uint64(len(tails)))
	for range blockLimit - 1 {
		heads = binary.AppendUvarint(binary.AppendUvarint(heads, uint64(len(tails))), 0)
	}
	var read texts
	read.open(append(c.appendZipped(nil, heads), zstdWriter.EncodeAll(tails, nil)...), false)
	if err := read.decode(); err == nil {
		t.Errorf("%d bytes of texts: no error", len(read.all))
	}
}

// BenchmarkTexts lists the users of a block, of whom 20,000 come as often as people do.
func BenchmarkTexts(b *testing.B) {
	r := rand.New(rand.NewPCG(1, 2))
	user := rand.NewZipf(r, 1.1, 10, 20_000)
	o, all, rows := &ordered{}, make([]string, 20_001), make([]uint32, blockLimit)
	for i := range all {
		all[i] = fmt.Sprint("user-", i)
	}
	for i := range rows {
		rows[i] = uint32(user.Uint64())
	}
	o.sort(all)
	var w blockWriter
	var section []byte
	for b.Loop() {
		section, _ = w.appendTexts(section[:0], o, rows)
	}
	b.ReportMetric(float64(len(section))/blockLimit, "B/row")
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/blockLimit, "ns/row")
}
