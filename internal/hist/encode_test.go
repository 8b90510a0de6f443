package hist

import (
	"encoding/binary"
	"encoding/hex"
	"math"
	"math/rand/v2"
	"testing"
)

func TestRoundTrip(t *testing.T) {
	for _, n := range []int{0, 1, 2, 3, 20, 5000} {
		eachDistribution(t, n, func(t *testing.T, values []int64) {
			for scale := Scale; scale >= 0; scale-- {
				h := recorded(values)
				h.Downscale(scale)
				want := bytesOf(h)
				got := recorded([]int64{0, 3, 1 << 60}) // Decode replaces what was there
				used, err := got.Decode([]byte(want + "rest"))
				if err != nil || used != len(want) {
					t.Fatalf("scale %d: Decode = %d, %v; want %d", scale, used, err, len(want))
				}
				if bytesOf(got) != want {
					t.Errorf("scale %d: decoded and encoded again differs", scale)
				}
				if scale == Scale && n > 0 {
					checkQuantiles(t, got, exactly(values), MaxRelativeError)
				}
			}
		})
	}
}

func TestMergeBinaryIsDecodeAndMerge(t *testing.T) {
	r := rand.New(rand.NewPCG(21, 22))
	for range 1000 {
		p := parts(r, 2)
		encoded := p[1].AppendBinary(nil)
		want := merged(p[0], p[1])
		got := p[0].Clone()
		if used, err := got.MergeBinary(encoded); err != nil || used != len(encoded) {
			t.Fatalf("MergeBinary = %d, %v; want %d", used, err, len(encoded))
		}
		if bytesOf(got) != bytesOf(want) {
			t.Fatalf("MergeBinary differs from Merge: scales %d and %d", p[0].Scale(), p[1].Scale())
		}
	}
}

func TestDecodeReusesMemory(t *testing.T) {
	encoded := recorded(logNormal(1000)).AppendBinary(nil)
	var h Histogram
	allocations := testing.AllocsPerRun(10, func() {
		if _, err := h.Decode(encoded); err != nil {
			t.Fatal(err)
		}
	})
	if allocations != 0 {
		t.Errorf("%v allocations, want 0 after the first time", allocations)
	}
}

// The bytes are stored for years: these may never change.
func TestGoldenBytes(t *testing.T) {
	crowd := new(Histogram)
	crowd.RecordN(1000, 64)
	crowd.RecordN(1010, 65)
	crowd.RecordN(1021, 1)
	for _, c := range []struct {
		name   string
		values []int64
		scale  int
		want   string
	}{
		{"empty", nil, 6, "00"},
		{"empty, scale 2", nil, 2, "0102"},
		{"one", []int64{300}, 6, "02ac02"},
		{"two, scale 5", []int64{300, 301}, 5, "0505ac0201"},
		{"zeros", []int64{0, 0, 0}, 6, "0600000002"},
		{"zeros and more", []int64{0, 0, 1, 2}, 6, "08000203010000f103"},
		{"far", []int64{1000, 1000, 1000, 1100, 1100, 1300, 1300, 1300, 1300}, 6, "12e807ac02f80a023b7700"},
	} {
		h := recorded(c.values)
		h.Downscale(c.scale)
		if got := hex.EncodeToString(h.AppendBinary(nil)); got != c.want {
			t.Errorf("%s: %s, want %s", c.name, got, c.want)
		}
	}
	if got, want := hex.EncodeToString(crowd.AppendBinary(nil)), "8402e807159f053f800100"; got != want {
		t.Errorf("crowd: %s, want %s", got, want)
	}
}

// corrupt are bytes close to those of a histogram.
var corrupt = []struct {
	name  string
	bytes []byte
}{
	{"nothing", nil},
	{"scale 6 said aloud", varints(3<<1|1, 6)},
	{"scale 255", append(varints(0<<1|1), 255)},
	{"scale missing", varints(0<<1 | 1)},
	{"head too long", []byte{0x84, 0}},
	{"head beyond 64 bits", []byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2}},
	{"min missing", varints(1 << 1)},
	{"min beyond 63 bits", varints(1<<1, 1<<63)},
	{"max beyond 63 bits", varints(2<<1, 1, math.MaxInt64)},
	{"max beyond 64 bits", varints(2<<1, 2, math.MaxUint64)},
	{"sum missing", varints(3<<1, 5, 5)},
	{"sum below the largest value", varints(3<<1, 5, 5, 4, 0, 0)},
	{"sum above the largest values", varints(3<<1, 5, 5, 11, 0, 0)},
	{"sum with a superfluous byte", append(varints(3<<1, 5, 0), 0x80, 0, 2)},
	{"sum of 128 bits with a superfluous byte", append(append(varints(1<<60<<1, 5, 1<<60), 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80), 0)},
	{"sum beyond 128 bits", append(varints(1<<60<<1, 5, 1<<60), 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 4)},
	{"zeros missing", varints(3<<1, 0, 0, 0)},
	{"more zeros than values", varints(3<<1, 0, 0, 0, 3)},
	{"only zeros but a max", varints(3<<1, 0, 5, 5, 2)},
	{"no max but not only zeros", varints(3<<1, 0, 0, 0, 1, 0, 0)},
	{"start missing", varints(3<<1, 0, 5, 5, 1)},
	{"start beyond the max", varints(3<<1, 0, 1, 1, 1, 1, 0)},
	{"first count missing", varints(3<<1, 5, 0, 0)},
	{"first count too many", varints(3<<1, 5, 0, 0, 3)},
	{"first count beyond 64 bits", varints(3<<1, 5, 0, 0, math.MaxUint64)},
	{"too few values", varints(4<<1, 5, 0, 0, 2)},
	{"bucket missing", varints(4<<1, 1000, 10, 15, 1)},
	{"too few values at the end", varints(4<<1, 1000, 10, 15, 1, 0<<1)},
	{"too many values at the end", varints(4<<1, 1000, 10, 15, 1, 2<<1)},
	{"too many values, two bytes", varints(4<<1, 1000, 10, 15, 1, 100<<1)},
	{"too many values, three bytes", varints(4<<1, 1000, 10, 15, 1, 10_000<<1)},
	{"too many values, then a wide bucket", varints(4<<1, 1000, 40, 50, 1, 5<<1, 0<<1, 10_000<<1)},
	{"count in too many bytes", append(varints(4<<1, 1000, 10, 15, 1), 0x82, 0)},
	{"gap beyond the max", varints(4<<1, 1000, 10, 15, 1, (5-1)<<3|1<<1|1)},
	{"wide gap beyond the max", varints(4<<1, 1000, 10, 15, 1, 100<<3|1<<1|1)},
	{"wide gap beyond 32 bits", varints(4<<1, 1000, 10, 15, 1, 1<<60|1<<1|1)},
	{"gap's count missing", varints(9<<1, 1000, 100, 100, 0, (8-1)<<3|3<<1|1)},
	{"gap's count beyond 64 bits", varints(4<<1, 1000, 100, 100, 0, (8-1)<<3|3<<1|1, math.MaxUint64-1)},
	{"gap beyond the max, within its bucket at scale 0", varints(4<<1, 1000, 10, 15, 1, 0<<3|1<<1|1)},
}

func varints(values ...uint64) (b []byte) {
	for _, v := range values {
		b = binary.AppendUvarint(b, v)
	}
	return b
}

func TestCorruptBytesAreRefused(t *testing.T) {
	for _, c := range corrupt {
		coarse := recorded(logNormal(50))
		coarse.Downscale(0)
		for _, h := range []*Histogram{new(Histogram), recorded(logNormal(50)), coarse} {
			before := bytesOf(h)
			if used, err := h.MergeBinary(c.bytes); err != ErrCorrupt || used != 0 {
				t.Errorf("%s: MergeBinary = %d, %v; want 0, ErrCorrupt", c.name, used, err)
			}
			if bytesOf(h) != before {
				t.Errorf("%s: the histogram changed", c.name)
			}
			if used, err := h.Decode(c.bytes); err != ErrCorrupt || used != 0 || h.Count() != 0 {
				t.Errorf("%s: Decode = %d, %v and %d values; want 0, ErrCorrupt, none", c.name, used, err, h.Count())
			}
		}
	}
}

func TestEveryCutIsRefusedAndChangesNothing(t *testing.T) {
	r := rand.New(rand.NewPCG(23, 24))
	for _, o := range append(parts(r, 60), recorded(logNormal(3000))) {
		encoded := o.AppendBinary(nil)
		h := parts(r, 1)[0]
		before := bytesOf(h)
		for n := range encoded {
			if _, err := h.MergeBinary(encoded[:n]); err != ErrCorrupt {
				t.Fatalf("%d of %d bytes: %v, want ErrCorrupt", n, len(encoded), err)
			}
			if bytesOf(h) != before {
				t.Fatalf("%d of %d bytes changed the histogram", n, len(encoded))
			}
		}
	}
}

func TestCountStopsAtItsLimit(t *testing.T) {
	var h Histogram
	h.RecordN(7, maxCount-2)
	h.RecordN(9, 2)
	full := h.AppendBinary(nil)
	var got Histogram
	if _, err := got.Decode(full); err != nil || bytesOf(&got) != string(full) {
		t.Fatalf("2^63 - 1 values do not round trip: %v", err)
	}
	one := recorded([]int64{1})
	if _, err := one.MergeBinary(full); err != ErrCorrupt || one.Count() != 1 {
		t.Errorf("2^63 values: %v, count %d; want ErrCorrupt and the one", err, one.Count())
	}
}
