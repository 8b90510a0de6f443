package page

import (
	"testing"

	"github.com/kymohq/kymo/internal/hist"
)

func TestPages(t *testing.T) {
	var h hist.Histogram
	for v := range int64(50) {
		h.Record(v * v)
	}
	whole := Append(nil, 0, 3, false, h.AppendBinary(nil))
	first := len(whole)
	whole = Append(whole, 3, 9, true, []byte{7})
	merged, err := Merge([][]byte{whole, whole, nil})
	if err != nil {
		t.Fatal(err)
	}
	var twice hist.Histogram
	twice.Merge(&h)
	twice.Merge(&h)
	e := Read(merged)
	if !e.Next() || e.Series != 3 || e.Drops || string(e.Value) != string(twice.AppendBinary(nil)) {
		t.Fatalf("merged page is %x", merged)
	}
	if !e.Next() || e.Series != 9 || !e.Drops {
		t.Fatalf("merged page is %x", merged)
	}
	if n, err := e.Count(); n != 14 || err != nil || e.Next() || e.Corrupt() {
		t.Fatalf("count %d, %v, in merged page %x", n, err, merged)
	}
	for i := 1; i < len(whole); i++ {
		if _, err := Merge([][]byte{whole[:i], whole}); err == nil && i != first {
			t.Errorf("cut at %d: no error", i)
		}
	}
	for _, value := range [][]byte{{0x80}, {1, 1}, nil} {
		if _, err := Merge([][]byte{Append(nil, 0, 9, true, value), Append(nil, 0, 9, true, []byte{1})}); err == nil {
			t.Errorf("a count of the bytes %x: no error", value)
		}
	}
}
