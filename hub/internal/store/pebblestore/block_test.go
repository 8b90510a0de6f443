package pebblestore

import (
	"bytes"
	"encoding/base64"
	"math/rand/v2"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/kymohq/kymo/hub/internal/rollup"
	"github.com/kymohq/kymo/hub/internal/store/storetest"
	"github.com/kymohq/kymo/internal/wire"
)

// sample returns rows, sorted, with every column in use.
func sample(n int) *rows {
	r := rand.New(rand.NewPCG(1, 1))
	s := &rows{users: []string{"", "a", "böb"}, processes: []string{"i", "j"}}
	s.grow(n)
	for i := range n {
		s.start[i] = storetest.Noon + int64(i)*7
		s.series[i] = uint32(r.IntN(5))
		s.duration[i] = int64(r.ExpFloat64() * 1e7)
		s.firstByte[i] = s.duration[i] / 2
		s.lifetime[i] = int64(r.IntN(2)) * 1e9
		s.size[i] = r.Int64N(wire.MaxSize)
		s.user[i] = uint32(r.IntN(3))
		s.process[i] = uint32(r.IntN(2))
	}
	return s
}

// addParts adds the columns that few rows have.
func addParts(s *rows) *rows {
	r := rand.New(rand.NewPCG(2, 1))
	s.classes = []string{"", "TimeoutError", "KeyError"}
	s.class, s.trace = make([]uint32, s.len()), make([]wire.TraceID, s.len())
	for i := range s.len() {
		s.class[i] = uint32(r.IntN(3))
		if r.IntN(2) == 0 {
			s.trace[i] = wire.TraceID{byte(i), 15: byte(r.Uint32())}
		}
	}
	return s
}

// readAll decodes everything in a block.
func (br *blockReader) readAll(block []byte) error {
	if err := br.open(block); err != nil {
		return err
	}
	if err := br.read(); err != nil {
		return err
	}
	if err := br.durations(); err != nil {
		return err
	}
	every := make([]uint32, br.len())
	for i := range every {
		every[i] = uint32(i)
	}
	if _, err := br.lasting(1000, slices.Clone(every)); err != nil {
		return err
	}
	if _, err := br.of("a", slices.Clone(every)); err != nil {
		return err
	}
	return br.pick(every)
}

// TestCorruptBlocks cuts and changes blocks of every version at every byte: the reader
// must see it or give something else, but not fail in any other way.
func TestCorruptBlocks(t *testing.T) {
	rows := sample(storetest.Volume(300))
	rows.users = []string{"user-1", "user-12", "user-2"} // which share beginnings
	var w blockWriter
	w.begin(rows)
	block, first := w.append(nil, 0, rows.len(), []drop{{1, storetest.Noon + 5, 3}})
	if first != storetest.Noon {
		t.Fatalf("first instant %d, want %d", first, storetest.Noon)
	}
	w.begin(addParts(rows))
	block3, _ := w.append(nil, 0, rows.len(), []drop{{1, storetest.Noon + 5, 3}})
	for _, test := range []struct {
		name  string
		block []byte
		rows  int
	}{{"version 1", blockOfVersion1(t), 30}, {"version 2", block, rows.len()}, {"version 3", block3, rows.len()}} {
		t.Run(test.name, func(t *testing.T) {
			var reader blockReader
			if err := reader.readAll(test.block); err != nil || reader.len() != test.rows || len(reader.drops) != 1 {
				t.Fatalf("%d rows, %d drops, %v", reader.len(), len(reader.drops), err)
			}
			for i := range test.block {
				if err := reader.readAll(test.block[:i]); err == nil {
					t.Errorf("cut at %d of %d: no error", i, len(test.block))
				}
				for _, bit := range []byte{1, 0x80, 0xff} {
					changed := bytes.Clone(test.block)
					changed[i] ^= bit
					if err := reader.readAll(changed); err == nil {
						for row := range reader.len() {
							_ = reader.users[reader.user[row]] + reader.processes[reader.process[row]]
							if row < len(reader.class) {
								_ = reader.classes[reader.class[row]]
							}
						}
					}
				}
			}
		})
	}
}

// sampleOfVersion1 is a block of version 1 with the rows of sample(30) and a drop, in base64.
const sampleOfVersion1 = "" +
	"AR6ArL2CojTLAQUAAQIEAxIotS/9AABJAAADAQAEYWLDtmIOKLUv/QAAKQAAAgEBaWoBAYWsvYKiNAMSKLUv/QAATQAAEAAHAVQCAhkEFhMCgi" +
	"EwAwACAAIAIYADgXa7hIUHHwhuHQIIgKUbCRw31D0DAAQAAwCx8rutygAhWQvteS4Bnaz1DDhyl3145lNjTcCv3A7R7hYgmdOkatg6+qT4POHu" +
	"52s3n9UnDpmZjQJs8cdgMHAq0o+2R4e2M9rGtSw5m8GU8boFuGue5ceqdhQScANqHQIIgKUbCRw3ZDoDAAQAAwCx8rutygAhWQvteS4BUNZKA4" +
	"7wsg9pPrVrAs5yO6TdLSCZbVI1uI6fFN8TbkBfG31WUBzSmY0Ktvg3GCxOxf1oWzq0z2iRa1k6m2LKvW4Jd81afqy1o3DADU4TAgTgD5KmAgAC" +
	"AAIAcQFjAf0BUADKmhtAWXMDKGtuAGXNDaCsuQGUNTeAsuYGUNbcAMqaG0BZcwMoa24AZc0NoKy5AZQ1N4Cy5gZQ1tzYARYCBfAJEy4SAgACAA" +
	"MAk9z9A8UqAZUH7qiGGEs3fY2sEgPbl16lQxIZt0W1AeI/4ZlB9iBqJ80WOiAxcN2QZZALnloWC4eSZ8/uWSd1Vap2OJ0fQNwALsh7F2mPDaTr" +
	"DhODCoKWVVanWmGcG36m0G10/0o7zcIAp7C9xSm/eH1hji4X/tQ6AazMB9wu9Eg4fprazYQtg0+02PGdULV9bhrMUCBJ4nYSmQZgiTpdqNl4C3" +
	"uvEg20wnStcc+tt+/o0enbCv5jh4SOUrK/119/l/Uqgpr+LFd+ARMRAoEhAgACAAIAHwmwQvEOtAMAERACgBACAAIAAgAAAScBSgFK"

func blockOfVersion1(t *testing.T) []byte {
	t.Helper()
	block, err := base64.StdEncoding.DecodeString(sampleOfVersion1)
	if err != nil {
		t.Fatal(err)
	}
	return block
}

func TestBlockOfVersion1(t *testing.T) {
	want := sample(30)
	var reader blockReader
	if err := reader.readAll(blockOfVersion1(t)); err != nil || reader.len() != want.len() {
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
}

// TestPickedRows reads some rows of a block: they must be what was written.
func TestPickedRows(t *testing.T) {
	var blocks [][]byte
	plain, full := sample(2000), addParts(sample(2000))
	for _, rows := range []*rows{plain, full} {
		var w blockWriter
		w.begin(rows)
		block, _ := w.append(nil, 0, 2000, nil)
		blocks = append(blocks, block)
	}
	keys := make([]rollup.Key, 5)
	for i := range keys {
		keys[i].Endpoint = string(rune('a' + i))
	}
	var reader blockReader // of several blocks, one after the other
	rapid.Check(t, func(t *rapid.T) {
		all, block := plain, blocks[0]
		if rapid.Bool().Draw(t, "full") {
			all, block = full, blocks[1]
		}
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
