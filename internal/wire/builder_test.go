package wire

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

func TestBuilderKeepsEveryRequest(t *testing.T) {
	r := rand.New(rand.NewPCG(4, 1))
	b := NewBuilder()
	for round := range 3 {
		requests := randomRequests(r, 300)
		for i := range requests {
			if i%2 == 0 {
				b.Add(&requests[i])
			} else {
				b.AddRow(b.Key(requests[i].Key), &requests[i])
			}
		}
		b.AddDrop(Drop{"orders", 5, 6, QueueFull})
		if b.Len() != len(requests) {
			t.Fatalf("Len() = %d, want %d", b.Len(), len(requests))
		}
		batch := b.Batch("orders-1", uint64(round))
		if batch.Instance != "orders-1" || batch.Sequence != uint64(round) {
			t.Errorf("identity %q, %d", batch.Instance, batch.Sequence)
		}
		for i := range requests {
			if got := batch.Request(i); got != requests[i] {
				t.Fatalf("request %d: %+v, want %+v", i, got, requests[i])
			}
		}
		if want := []Drop{{"orders", 5, 6, QueueFull}}; !slices.Equal(batch.Drops, want) {
			t.Errorf("drops %v, want %v", batch.Drops, want)
		}
		if err := batch.Validate(); err != nil {
			t.Error(err)
		}
		b.Reset()
	}
	if b.Len() != 0 || len(b.Batch("a", 1).Drops) != 0 {
		t.Error("Reset left something")
	}
}

func TestBuilderNamesEachSeriesUserAndErrorOnce(t *testing.T) {
	batch := batchOf(randomRequests(rand.New(rand.NewPCG(5, 1)), 2000))
	keys, users, errors := map[Key]bool{}, map[string]bool{}, map[string]bool{}
	for _, k := range batch.Keys {
		keys[k] = true
	}
	for _, u := range batch.Users {
		users[u] = true
	}
	for _, e := range batch.Errors {
		errors[e] = true
	}
	if len(errors) != len(batch.Errors) || len(errors) < 2 || batch.Errors[0] != "" {
		t.Errorf("%d of %d errors differ, the first is %q", len(errors), len(batch.Errors), batch.Errors[0])
	}
	if len(keys) != len(batch.Keys) || len(users) != len(batch.Users) || batch.Users[0] != "" {
		t.Errorf("%d of %d keys and %d of %d users differ, the first user is %q",
			len(keys), len(batch.Keys), len(users), len(batch.Users), batch.Users[0])
	}
}

// The column of errors begins with the first request that has one, in each batch anew.
func TestBuilderErrors(t *testing.T) {
	b := NewBuilder()
	for _, names := range [][]string{{"", "", "timeout", "", "timeout", "KeyError"}, {"", ""}, {"timeout"}, {"", "", "", "KeyError"}} {
		for _, name := range names {
			b.Add(&Request{Key: Key{"orders", "/", "GET", 500}, Error: name})
		}
		batch := b.Batch("orders-1", 1)
		if none := strings.Join(names, "") == ""; none != (len(batch.Errors) == 0) || none != (len(batch.Error) == 0) {
			t.Errorf("%q: %q, %v", names, batch.Errors, batch.Error)
		}
		if err := batch.Validate(); err != nil {
			t.Error(err)
		}
		for i, name := range names {
			if got := batch.Request(i).Error; got != name {
				t.Errorf("request %d has %q, want %q", i, got, name)
			}
		}
		b.Reset()
	}
}
