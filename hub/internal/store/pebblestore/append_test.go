package pebblestore

import (
	"errors"
	"fmt"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/kymohq/kymo/hub/internal/store"
	"github.com/kymohq/kymo/hub/internal/store/storetest"
	"github.com/kymohq/kymo/internal/wire"
)

// A batch with a release and errors is kept with them: in memory, in the journal and in
// blocks.
func TestReleaseAndErrors(t *testing.T) {
	fs, oracle := vfs.NewCrashableMem(), storetest.NewOracle()
	s := open(t, Options{FS: fs})
	b := batches("a", 40)()
	b.Version = "v1.4.2"
	b.Errors = []string{"", "timeout", "KeyError"}
	for i := range b.Len() {
		b.Error = append(b.Error, uint32(i%3))
	}
	var sent wire.Batch
	if err := wire.Decode(b.AppendBinary(nil), &sent); err != nil || sent.Request(2).Error != "KeyError" {
		t.Fatalf("%+v: %v", sent, err)
	}
	mustAppend(t, oracle, &sent)
	for _, again := range []bool{false, true} {
		if fresh, err := s.Append(t.Context(), &sent); err != nil || fresh[0] == again {
			t.Errorf("sent again: %t; fresh %v, %v", again, fresh, err)
		}
	}
	equal(t, s, oracle)
	s = open(t, Options{FS: fs.CrashClone(vfs.CrashCloneCfg{})}) // which reads the journal
	if blocks(t, s) == 0 {
		t.Error("nothing was read from the journal")
	}
	equal(t, s, oracle)
	want := make(map[string]int)
	for i := range sent.Len() {
		want[fmt.Sprintf("%+v", sent.Request(i))]++
	}
	for r, err := range s.Requests(t.Context(), store.RequestQuery{Window: everything}) {
		if err != nil {
			t.Fatal(err)
		}
		want[fmt.Sprintf("%+v", *r)]--
	}
	for r, n := range want {
		if n != 0 {
			t.Errorf("%s: %d too few", r, n)
		}
	}
}

// TestTooLong refuses a batch that could be written but not read again.
func TestTooLong(t *testing.T) {
	fs := vfs.NewMem()
	s := open(t, Options{FS: fs})
	b := wire.NewBuilder()
	for i := range wire.MaxRequests {
		b.Add(&wire.Request{
			Key:   wire.Key{Service: "s", Endpoint: "/", Method: "GET", Status: 200},
			User:  fmt.Sprintf("%0200d", i),
			Start: storetest.Noon,
		})
	}
	if _, err := s.Append(t.Context(), b.Batch("a", 1)); !errors.Is(err, wire.ErrMalformed) {
		t.Errorf("a batch of more than %d bytes: %v, want wire.ErrMalformed", wire.MaxBytes, err)
	}
	mustAppend(t, s, batches("b", 10)())
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	open(t, Options{FS: fs})
}
