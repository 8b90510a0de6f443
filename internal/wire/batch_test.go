package wire

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"
)

// pick returns a value from low to high, often one of the two.
func pick(r *rand.Rand, low, high int64) int64 {
	switch r.IntN(8) {
	case 0:
		return low
	case 1:
		return high
	}
	return low + (r.Int64()>>r.IntN(63))%(high-low+1)
}

func randomText(r *rand.Rand, least, most int) string {
	var b strings.Builder
	for n := pick(r, int64(least), int64(most)); int64(b.Len()) < n; {
		c := []rune{'a', '/', '{', '}', ' ', '~', 'é', '\u0085', '世', '🚀'}[r.IntN(10)]
		if b.Len()+len(string(c)) > int(n) {
			c = 'x'
		}
		b.WriteRune(c)
	}
	return b.String()
}

func randomRequest(r *rand.Rand, keys []Key, users []string) Request {
	request := Request{
		Key:      keys[r.IntN(len(keys))],
		User:     users[r.IntN(len(users))],
		Start:    pick(r, 0, MaxStart),
		Duration: time.Duration(pick(r, 0, int64(MaxDuration))),
		Size:     pick(r, 0, MaxSize),
	}
	if r.IntN(2) == 0 {
		request.FirstByte = time.Duration(pick(r, 0, int64(request.Duration)))
	}
	if r.IntN(100) == 0 {
		request.Lifetime = time.Duration(pick(r, 0, int64(MaxDuration)))
	}
	if r.IntN(50) == 0 {
		request.Error = randomText(r, 0, MaxError)
	}
	if r.IntN(50) == 0 {
		request.Process = Process{randomText(r, 0, MaxInstance), randomText(r, 0, MaxVersion)}
	}
	if r.IntN(4) == 0 {
		request.Trace = TraceID{byte(r.Uint32()), 7: byte(r.Uint32()), 8: byte(r.Uint32()), 15: byte(r.Uint32())}
	}
	return request
}

// randomRequests returns valid requests of a few series.
func randomRequests(r *rand.Rand, n int) []Request {
	keys := make([]Key, 1+r.IntN(40))
	for i := range keys {
		keys[i] = Key{randomText(r, 1, MaxService), randomText(r, 1, MaxEndpoint), randomText(r, 1, MaxMethod),
			int(pick(r, MinStatus, MaxStatus))}
	}
	users := []string{""}
	for range r.IntN(400) {
		users = append(users, randomText(r, 0, MaxUser))
	}
	requests := make([]Request, n)
	for i := range requests {
		requests[i] = randomRequest(r, keys, users)
	}
	return requests
}

func batchOf(requests []Request) *Batch {
	b := NewBuilder()
	for i := range requests {
		b.Add(&requests[i])
	}
	return b.Batch("instance", 7)
}

func randomBatch(r *rand.Rand, n int) *Batch {
	b := batchOf(randomRequests(r, n))
	b.Instance, b.Sequence = randomText(r, 1, MaxInstance), r.Uint64()>>r.IntN(64)
	if r.IntN(2) == 0 {
		b.Version = randomText(r, 0, MaxVersion)
	}
	for range r.IntN(3) {
		b.Drops = append(b.Drops, Drop{randomText(r, 1, MaxService), pick(r, 0, MaxStart), r.Uint64(), DropReason(r.IntN(int(DropReasons)))})
	}
	for range r.IntN(3) {
		b.Health = append(b.Health, randomHealth(r))
	}
	return b
}

// same fails the test unless got holds what want holds.
func same(t *testing.T, got, want *Batch) {
	t.Helper()
	if got.Instance != want.Instance || got.Sequence != want.Sequence || got.Version != want.Version {
		t.Errorf("identity %q, %d of %q; want %q, %d of %q", got.Instance, got.Sequence, got.Version,
			want.Instance, want.Sequence, want.Version)
	}
	if !slices.Equal(got.Errors, want.Errors) || !slices.Equal(got.Error, want.Error) {
		t.Errorf("errors %q, %v; want %q, %v", got.Errors, got.Error, want.Errors, want.Error)
	}
	if !slices.Equal(got.Processes, want.Processes) || !slices.Equal(got.Process, want.Process) || !slices.Equal(got.Traces, want.Traces) {
		t.Errorf("processes %q, %v, traces %v; want %q, %v, %v", got.Processes, got.Process, got.Traces, want.Processes, want.Process, want.Traces)
	}
	if !slices.Equal(got.Keys, want.Keys) || !slices.Equal(got.Users, want.Users) {
		t.Errorf("keys %q, users %q; want %q, %q", got.Keys, got.Users, want.Keys, want.Users)
	}
	if !slices.Equal(got.Drops, want.Drops) {
		t.Errorf("drops %v, want %v", got.Drops, want.Drops)
	}
	if got.Kind != want.Kind || len(got.Health) != len(want.Health) {
		t.Fatalf("kind %d, %d health results; want %d, %d", got.Kind, len(got.Health), want.Kind, len(want.Health))
	}
	for i := range want.Health {
		if g, w := plain(got.Health[i]), plain(want.Health[i]); g != w {
			t.Errorf("health result %d: %s\nwant %s", i, g, w)
		}
	}
	if got.Len() != want.Len() {
		t.Fatalf("%d requests, want %d", got.Len(), want.Len())
	}
	for i := range want.Len() {
		if got.Key[i] != want.Key[i] || got.User[i] != want.User[i] || got.Request(i) != want.Request(i) {
			t.Fatalf("request %d: %+v, want %+v", i, got.Request(i), want.Request(i))
		}
	}
}

func TestRoundTrip(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	var got Batch // reused, as an ingest does
	for _, n := range []int{0, 1, 2, 7, 255, 256, 257, 512, 3000} {
		for range 20 {
			want := randomBatch(r, n)
			if err := want.Validate(); err != nil {
				t.Fatal(err)
			}
			data := want.AppendBinary([]byte("before"))
			if string(data[:6]) != "before" {
				t.Fatalf("AppendBinary overwrote what was there: %q", data[:6])
			}
			if err := Decode(data[6:], &got); err != nil {
				t.Fatalf("%d requests: %v", n, err)
			}
			clear(data) // nothing may still refer to it
			same(t, &got, want)
		}
	}
}

func TestRoundTripOfTheLargest(t *testing.T) {
	r := rand.New(rand.NewPCG(2, 1))
	want := batchOf(randomRequests(r, MaxRequests))
	want.Drops = slices.Repeat([]Drop{{"orders", MaxStart, 1, InFuture}}, MaxDrops)
	var got Batch
	if err := Decode(want.AppendBinary(nil), &got); err != nil {
		t.Fatal(err)
	}
	same(t, &got, want)
}

func TestRoundTripWithoutUsers(t *testing.T) {
	want := &Batch{Instance: "a", Drops: []Drop{{"orders", 1, 2, UnknownReason}}}
	var got Batch
	if err := Decode(want.AppendBinary(nil), &got); err != nil {
		t.Fatal(err)
	}
	want.Users = []string{""}
	same(t, &got, want)
}

func TestDecodeReusesMemory(t *testing.T) {
	data := traffic(2000).AppendBinary(nil)
	var b Batch
	allocations := testing.AllocsPerRun(10, func() {
		if err := Decode(data, &b); err != nil {
			t.Fatal(err)
		}
	})
	// The instance, the texts of two lists and one list itself; not each user.
	if allocations > 8 {
		t.Errorf("%v allocations, want a handful", allocations)
	}
}

// Requests that are moved keep all that they have.
func TestMoveAndTruncate(t *testing.T) {
	r := rand.New(rand.NewPCG(9, 1))
	for _, n := range []int{1, 2, 50} {
		b := batchOf(randomRequests(r, n))
		var want []Request
		for i := range n {
			if i%3 == 1 {
				continue
			}
			want = append(want, b.Request(i))
			b.Move(len(want)-1, i)
		}
		b.Truncate(len(want))
		if err := b.Validate(); err != nil || b.Len() != len(want) {
			t.Fatalf("%d requests, want %d: %v", b.Len(), len(want), err)
		}
		for i := range want {
			if got := b.Request(i); got != want[i] {
				t.Fatalf("request %d: %+v, want %+v", i, got, want[i])
			}
		}
	}
}

func TestResetKeepsOnlyMemory(t *testing.T) {
	b := randomBatch(rand.New(rand.NewPCG(3, 1)), 100)
	b.Errors, b.Error = []string{"", "timeout"}, slices.Repeat([]uint32{1}, 100)
	b.Reset()
	same(t, b, &Batch{})
	if cap(b.Size) < 100 || cap(b.Error) < 100 || b.Errors[:2][1] != "" || b.Users[:1][0] != "" || b.Keys[:1][0] != (Key{}) {
		t.Error("Reset gave memory away or kept texts alive")
	}
}
