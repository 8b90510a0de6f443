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
			want := requests[i]
			if want.Instance == "" {
				want.Instance = "orders-1"
			}
			if got := batch.Request(i); got != want {
				t.Fatalf("request %d: %+v, want %+v", i, got, want)
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
	processes := map[Process]bool{}
	for _, o := range batch.Processes {
		processes[o] = true
	}
	if len(processes) != len(batch.Processes) || len(processes) < 2 || batch.Processes[0] != (Process{}) {
		t.Errorf("%d of %d processes differ, the first is %q", len(processes), len(batch.Processes), batch.Processes[0])
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

// A request without a process has the batch's; one with a release alone has the batch's
// instance; and none of an earlier batch is left.
func TestBuilderProcesses(t *testing.T) {
	b := NewBuilder()
	trace := TraceID{1, 15: 2}
	for _, processes := range [][]Process{{{}, {"web-1", "1.2"}, {}, {"", "1.3"}, {"web-1", ""}}, {{}, {}}, {{"web-2", ""}}} {
		for _, o := range processes {
			r := Request{Key: Key{"orders", "/", "GET", 500}, Process: o}
			if o.Version != "" {
				r.Trace = trace
			}
			b.Add(&r)
		}
		batch := b.Batch("orders-1", 1)
		batch.Version = "9"
		if err := batch.Validate(); err != nil {
			t.Error(err)
		}
		for i, want := range processes {
			got := batch.Request(i)
			if (got.Trace == trace) != (want.Version != "") {
				t.Errorf("request %d has trace %q", i, got.Trace)
			}
			if want == (Process{}) {
				want = Process{"orders-1", "9"}
			} else if want.Instance == "" {
				want.Instance = "orders-1"
			}
			if got.Process != want {
				t.Errorf("request %d has %q, want %q", i, got.Process, want)
			}
		}
		b.Reset()
	}
}
