package pebblestore

import "testing"

// The blocks that were used last stay decoded.
func TestSpanReaders(t *testing.T) {
	var r spanReaders
	for _, key := range []string{"a", "b", "c"} {
		if r.find([]byte(key)) != nil {
			t.Errorf("%s is there before it was read", key)
		}
		r.oldest().key = []byte(key)
	}
	a := r.find([]byte("a"))
	if a == nil || string(a.key) != "a" {
		t.Fatal("a is not there")
	}
	r.oldest().key = []byte("d") // instead of b
	for _, key := range []string{"a", "c", "d"} {
		if found := r.find([]byte(key)); found == nil || string(found.key) != key {
			t.Errorf("%s is not there", key)
		}
	}
	if r.find([]byte("b")) != nil {
		t.Error("b is there, which was used longest ago")
	}
}
