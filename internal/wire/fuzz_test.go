package wire

import (
	"errors"
	"math/rand/v2"
	"testing"
)

// FuzzDecode: what is accepted is valid and survives another journey; what is not
// leaves the batch empty and returns an error; neither takes memory without bound.
func FuzzDecode(f *testing.F) {
	r := rand.New(rand.NewPCG(7, 1))
	f.Add(sound().AppendBinary(nil))
	f.Add(soundWithErrors().AppendBinary(nil))
	f.Add(soundWithProcesses().AppendBinary(nil))
	for _, n := range []int{0, 1, 20, 300} {
		f.Add(randomBatch(r, n).AppendBinary(nil))
	}
	for _, c := range malformed {
		if len(c.data) < 10_000 {
			f.Add(c.data)
		}
	}
	for _, c := range faults {
		b := sound()
		c.spoil(b)
		f.Add(b.AppendBinary(nil))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		var b Batch
		if err := Decode(data, &b); err != nil {
			var e *FieldError
			if errors.Is(err, ErrMalformed) == errors.As(err, &e) {
				t.Fatalf("%v is not one of ErrMalformed and *FieldError", err)
			}
			same(t, &b, &Batch{})
			return
		}
		if err := b.Validate(); err != nil {
			t.Fatalf("accepted, but %v", err)
		}
		var again Batch
		if err := Decode(b.AppendBinary(nil), &again); err != nil {
			t.Fatalf("accepted, but not once encoded again: %v", err)
		}
		same(t, &again, &b)
		held := 8*(cap(b.Start)+cap(b.Duration)+cap(b.FirstByte)+cap(b.Lifetime)+cap(b.Size)) +
			4*(cap(b.Key)+cap(b.User)+cap(b.Error)+cap(b.Process)) + 56*cap(b.Keys) + 16*(cap(b.Users)+cap(b.Errors)+cap(b.Traces)) +
			32*cap(b.Processes) + 40*cap(b.Drops)
		if uint64(held) > mostMemory(len(data)) {
			t.Fatalf("%d bytes hold %d of memory", len(data), held)
		}
	})
}
