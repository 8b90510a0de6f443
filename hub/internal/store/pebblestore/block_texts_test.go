package pebblestore

import (
	"encoding/binary"
	"fmt"
	"math/bits"
	"math/rand/v2"
	"runtime"
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

// textsOfVersion1 is a list as blocks of version 1 have it.
func textsOfVersion1(list ...string) []byte {
	b := binary.AppendUvarint(nil, uint64(len(list)))
	for _, text := range list {
		b = binary.AppendUvarint(b, uint64(len(text)))
	}
	for _, text := range list {
		b = append(b, text...)
	}
	return zstdWriter.EncodeAll(b, nil)
}

func TestTextsOfVersion1(t *testing.T) {
	want := []string{"", "user-7", "böb", "user-12"}
	section := textsOfVersion1(want...)
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

// zippedTexts is a list of version 2 with these heads, which follow their number, and tails.
func zippedTexts(heads, tails []byte) []byte {
	var c columns
	return append(c.appendZipped(nil, heads), zstdWriter.EncodeAll(tails, nil)...)
}

// TestTextsThatGrow decodes small lists that claim to be large ones.
func TestTextsThatGrow(t *testing.T) {
	text := make([]byte, 1<<20)
	repeated := binary.AppendUvarint(nil, blockLimit)
	repeated = binary.AppendUvarint(binary.AppendUvarint(repeated, 0), uint64(len(text)))
	for range blockLimit - 1 {
		repeated = binary.AppendUvarint(binary.AppendUvarint(repeated, uint64(len(text))), 0)
	}
	long := make([]byte, 2*maxTexts)
	one := binary.AppendUvarint([]byte{1, 0}, uint64(len(long)))
	many := append(binary.AppendUvarint(nil, blockLimit+1), make([]byte, 2*(blockLimit+1))...)
	for _, test := range []struct {
		name    string
		section []byte
		v1      bool
	}{
		{"a long one that repeats", zippedTexts(repeated, text), false},
		{"one that is too long", zippedTexts(one, long), false},
		{"more than a block has rows", zippedTexts(many, nil), false},
		{"version 1, one that is too long", zstdWriter.EncodeAll(append(binary.AppendUvarint([]byte{1}, uint64(len(long))), long...), nil), true},
		{"version 1, more than a block has rows", zstdWriter.EncodeAll(many, nil), true},
	} {
		t.Run(test.name, func(t *testing.T) {
			var read texts
			read.open(test.section, test.v1)
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			err := read.decode()
			runtime.ReadMemStats(&after)
			if took := after.TotalAlloc - before.TotalAlloc; err == nil || took > 8*maxTexts {
				t.Errorf("%d bytes took %d MiB: %v", len(test.section), took>>20, err)
			}
		})
	}
}

// FuzzTexts decodes any list of either version.
func FuzzTexts(f *testing.F) {
	f.Add([]byte{2, 0, 6, 5, 1}, []byte("user-12"), false)
	f.Add([]byte{2, 1, 2}, []byte("abb"), true)
	f.Fuzz(func(t *testing.T, heads, tails []byte, v1 bool) {
		section := zippedTexts(heads, tails)
		if v1 {
			section = zstdWriter.EncodeAll(slices.Concat(heads, tails), nil)
		}
		var read texts
		read.open(section, v1)
		if read.decode() != nil {
			return
		}
		for i := range read.ends {
			if place, ok := read.find(read.at(i)); !ok || int(place) > i {
				t.Errorf("text %d, %q, is found at %d, %v", i, read.at(i), place, ok)
			}
		}
	})
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
