package seen

import (
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

func TestRuns(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var s Set
		all := make(map[uint64]bool)
		for _, n := range rapid.SliceOf(rapid.OneOf(rapid.Uint64Range(0, 40), rapid.Uint64())).Draw(t, "numbers") {
			if s.Has(n) != all[n] {
				t.Fatalf("has %d: %v", n, s.Has(n))
			}
			grows, before := s.Grows(n), s.Runs()
			s.Add(n)
			if !all[n] && grows != (s.Runs() > before) {
				t.Fatalf("adding %d was to grow the set: %v; it has %d runs after %d", n, grows, s.Runs(), before)
			}
			s.Add(n)
			all[n] = true
		}
		again, err := Decode(s.AppendBinary(nil))
		if err != nil || !reflect.DeepEqual(again, s) {
			t.Fatalf("decoded %+v, %v, want %+v", again, err, s)
		}
		for i, r := range s.runs {
			if r.first > r.last || i > 0 && s.runs[i-1].last+1 >= r.first {
				t.Fatalf("runs %v overlap, touch or are out of order", s.runs)
			}
		}
		for n := range all {
			if !s.Has(n) || s.Has(n+1) != all[n+1] {
				t.Fatalf("has %d or its neighbour wrong", n)
			}
		}
	})
}

func TestCorruptSets(t *testing.T) {
	for _, b := range [][]byte{{1}, {0x80}, {1, 0x80}, {1, 2, 3}} {
		if s, err := Decode(b); err == nil {
			t.Errorf("%x is %+v; want an error", b, s)
		}
	}
}

// TestUnion compares the union of random sets with a set to which all was added.
func TestUnion(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 500 {
		var a, b, want Set
		for range r.IntN(40) {
			n := r.Uint64N(50)
			a.Add(n)
			want.Add(n)
		}
		for range r.IntN(40) {
			n := r.Uint64N(50)
			b.Add(n)
			want.Add(n)
		}
		if a.Union(&b); !slices.Equal(a.runs, want.runs) {
			t.Fatalf("the union is %v, want %v", a.runs, want.runs)
		}
	}
}
