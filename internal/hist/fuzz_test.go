package hist

import (
	"math/rand/v2"
	"testing"
)

func seeds() (all [][]byte) {
	for _, h := range parts(rand.New(rand.NewPCG(31, 32)), 40) {
		all = append(all, h.AppendBinary(nil))
	}
	for _, c := range corrupt {
		all = append(all, c.bytes)
	}
	return all
}

// FuzzDecode: accepted bytes are those that AppendBinary writes, what they say
// is consistent, and no bytes take more memory than a histogram can need.
func FuzzDecode(f *testing.F) {
	for _, b := range seeds() {
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		var h Histogram
		used, err := h.Decode(b)
		if len(h.counts) > maxBuckets {
			t.Fatalf("room for %d buckets, want at most %d", len(h.counts), maxBuckets)
		}
		if err != nil {
			if used != 0 || bytesOf(&h) != bytesOf(new(Histogram)) {
				t.Fatalf("after %v: %d bytes taken, %d values; want none", err, used, h.Count())
			}
			return
		}
		if got := bytesOf(&h); got != string(b[:used]) {
			t.Fatalf("encodes again to %x, was %x", got, b[:used])
		}
		count := h.Zeros()
		for _, n := range h.Buckets() {
			count += n
		}
		if count != h.Count() || h.Min() > h.Max() {
			t.Fatalf("buckets hold %d of %d values between %d and %d", count, h.Count(), h.Min(), h.Max())
		}
		if low, middle := h.Quantile(0), h.Quantile(0.5); middle < low || middle > h.Quantile(1) {
			t.Fatalf("the median %v lies outside of %d to %d", middle, h.Min(), h.Max())
		}
	})
}

// FuzzMergeBinary: adding bytes to a histogram is decoding and merging them, or
// changes nothing.
func FuzzMergeBinary(f *testing.F) {
	all := seeds()
	for i, b := range all {
		f.Add(all[len(all)-1-i], b)
		f.Add(all[i/2], b)
	}
	f.Fuzz(func(t *testing.T, into, b []byte) {
		var h, o Histogram
		if _, err := h.Decode(into); err != nil {
			h.Record(int64(len(into)))
		}
		want := h.Clone()
		decoded, err := o.Decode(b)
		if err == nil && o.Count() <= maxCount-h.Count() {
			want.Merge(&o)
		} else {
			decoded, err = 0, ErrCorrupt
		}
		used, got := h.MergeBinary(b)
		if used != decoded || got != err {
			t.Fatalf("MergeBinary = %d, %v; want %d, %v", used, got, decoded, err)
		}
		if bytesOf(&h) != bytesOf(want) {
			t.Fatalf("merged %x; want %x", bytesOf(&h), bytesOf(want))
		}
	})
}
