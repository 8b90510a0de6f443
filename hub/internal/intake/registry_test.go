package intake

import (
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/kymohq/kymo/internal/wire"
)

// batch has two requests for each key.
func batch(keys ...wire.Key) *wire.Batch {
	b := wire.NewBuilder()
	for i := range keys {
		for range 2 {
			b.Add(&wire.Request{Key: keys[i], Duration: 1})
		}
	}
	return b.Batch("test", 1)
}

func key(service, endpoint string) wire.Key {
	return wire.Key{Service: service, Endpoint: endpoint, Method: "GET", Status: 200}
}

func TestCap(t *testing.T) {
	r := newRegistry(Limits{Endpoints: 2})
	if over, err := r.cap(batch(key("a", "/1"), key("a", "/2"), key("b", "/1"))); over != nil || err != nil {
		t.Fatalf("within the cap: %v, %v", over, err)
	}
	failed := key("a", "/3")
	failed.Status = 500
	b := batch(key("a", "/3"), key("a", "/1"), key("a", "/4"), failed, key("a", wire.Unmatched),
		key("a", wire.Other), key("b", "/9"))
	before := make([]wire.Request, b.Len())
	for i := range before {
		before[i] = b.Request(i)
	}
	over, err := r.cap(b)
	if over.sum() != 6 || over["a"] != 6 || err != nil {
		t.Fatalf("cap = %v, %v; want the 6 requests of /3 and /4", over, err)
	}
	if err := b.Validate(); err != nil {
		t.Fatal(err)
	}
	seen := make(map[wire.Key]bool)
	for _, k := range b.Keys {
		if seen[k] {
			t.Errorf("key %v is there twice", k)
		}
		seen[k] = true
	}
	for i, want := range before {
		if want.Service == "a" && (want.Endpoint == "/3" || want.Endpoint == "/4") {
			want.Endpoint = wire.Other
		}
		if got := b.Request(i); got != want {
			t.Errorf("request %d is %v; want %v", i, got, want)
		}
	}
}

func TestCapOnServices(t *testing.T) {
	r := newRegistry(Limits{Services: 2})
	if _, err := r.cap(batch(key("a", "/1"))); err != nil {
		t.Fatal(err)
	}
	b := batch(key("b", "/1"), key("c", "/1"))
	_, err := r.cap(b)
	var field *wire.FieldError
	if !errors.As(err, &field) || field.Field != "service" || !strings.Contains(err.Error(), "at most 2 services") {
		t.Fatalf("cap = %v", err)
	}
	if b.Keys[0] != key("b", "/1") || len(r.services) != 1 {
		t.Errorf("a refused batch left traces")
	}
	if _, err := r.cap(batch(key("b", "/1"))); err != nil {
		t.Errorf("a refused batch took a service's place: %v", err)
	}
	drop := &wire.Batch{Instance: "x", Drops: []wire.Drop{{Service: "z", Count: 1}}}
	if _, err := r.cap(drop); err == nil {
		t.Error("a drop's service is not counted")
	}
	if got := r.endpoint("z", "/a/7"); got != "/a/{id}" {
		t.Errorf("a service without room is templated to %s", got)
	}
	r.seed("z", "/a", true)
	r.seed("a", "", true)
	if len(r.services) != 2 {
		t.Errorf("%d services", len(r.services))
	}
}

func TestSeedKeepsTheLimitsAcrossRestarts(t *testing.T) {
	r := newRegistry(Limits{Endpoints: 4})
	for _, e := range []string{"/s/a", "/s/b", "/s/c", "/users/{id}", wire.Other, wire.Unmatched, "/over"} {
		r.seed("web", e, true)
	}
	if over, _ := r.cap(batch(key("web", "/users/{id}"), key("web", "/new"))); over.sum() != 2 {
		t.Errorf("%v requests are over; want the 2 of /new", over)
	}
	for i := range 64 { // What has no place of its own still shows where values stand.
		r.seed("web", fmt.Sprintf("/s/over-%c%c", 'a'+i/26, 'a'+i%26), true)
	}
	if got := r.endpoint("web", "/s/another"); got != "/s/{id}" {
		t.Errorf("a sibling of too many became %s", got)
	}
}

// An endpoint without a request for more than a day makes room for a new one.
func TestPlacesAreGivenBack(t *testing.T) {
	r := newRegistry(Limits{Endpoints: 3})
	hour := int64(500_000)
	r.hour = func() int64 { return hour }
	over := func(endpoints ...string) uint64 {
		t.Helper()
		var keys []wire.Key
		for _, e := range endpoints {
			keys = append(keys, key("web", e))
		}
		n, err := r.cap(batch(keys...))
		if err != nil {
			t.Fatal(err)
		}
		return n.sum()
	}
	if n := over("/a", "/b", "/c"); n != 0 {
		t.Errorf("%d requests are over the limit", n)
	}
	hour += unused
	if n := over("/a", "/d"); n != 2 {
		t.Errorf("after a day, %d requests are over the limit, want the 2 of /d", n)
	}
	hour++
	if n := over("/d"); n != 0 {
		t.Errorf("%d requests of /d are over the limit, for which there is room now", n)
	}
	if n := over("/a", "/b", "/c"); n != 2 {
		t.Errorf("%d requests are over the limit, want 2: there is room for /a, /d and one more", n)
	}
	// A restart gives the places to those of the last day, and lends the rest.
	r = newRegistry(Limits{Endpoints: 3})
	r.hour = func() int64 { return hour }
	for i, e := range []string{"/a", "/d", "/old 1", "/old 2", "/a"} {
		r.seed("web", e, i < 2)
	}
	if n := over("/a", "/d", "/old 1"); n != 0 {
		t.Errorf("after a restart %d requests are over the limit", n)
	}
	r = newRegistry(Limits{Endpoints: 3})
	r.hour = func() int64 { return hour }
	for i, e := range []string{"/a", "/d", "/old 1", "/old 2"} {
		r.seed("web", e, i < 2)
	}
	if n := over("/new", "/a", "/d"); n != 0 {
		t.Errorf("after a restart %d requests are over the limit, though /old 1 is not used", n)
	}
}

// The paths of a client that makes each request with another one.
func TestManyPathsTakeBoundedMemory(t *testing.T) {
	paths := 2_000_000 // which would take some hundred megabytes
	if testing.Short() {
		paths /= 4
	}
	r := newRegistry(Limits{})
	endpoints := make(map[string]bool)
	before := heap()
	const each = 5000 // distinct paths between two batches
	for i := 0; i < paths; i += each {
		b := wire.NewBuilder()
		for j := i; j < i+each; j++ {
			var path string
			switch j % 3 {
			case 0:
				path = fmt.Sprintf("/shop/p%dq/x", j)
			case 1: // never more than 50 at one place
				path = fmt.Sprintf("/a%c/b%c/c%c/d%c/e%c", 'a'+j%25, 'a'+j/25%25, 'a'+j/625%25, 'a'+j/15625%25, 'a'+j/390625%25)
			default:
				path = fmt.Sprintf("/u/%d/y%dz", j, j)
			}
			e := r.endpoint("web", path)
			b.Key(key("web", e))
		}
		capped := b.Batch("x", uint64(i))
		if _, err := r.cap(capped); err != nil {
			t.Fatal(err)
		}
		for _, k := range capped.Keys {
			endpoints[k.Endpoint] = true
		}
	}
	if n := len(endpoints); n > 1001 {
		t.Errorf("%d endpoints", n)
	}
	if grown := heap() - before; grown > 16<<20 {
		t.Errorf("%d bytes more than before", grown)
	}
	runtime.KeepAlive(r)
}

func heap() int {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int(m.HeapAlloc)
}

func TestConcurrentUse(t *testing.T) {
	r := newRegistry(Limits{Endpoints: 50, Services: 5})
	var wg sync.WaitGroup
	for g := range 8 {
		wg.Go(func() {
			for i := range 300 {
				service := string(rune('a' + (g+i)%4))
				e := r.endpoint(service, fmt.Sprintf("/x%dy/z", i%20))
				if _, err := r.cap(batch(key(service, e), key(service, fmt.Sprintf("/r%d", i)))); err != nil {
					t.Error(err)
				}
				r.seed(service, "/seeded", true)
			}
		})
	}
	wg.Wait()
	for name, s := range r.services {
		if len(s.endpoints) > 50 {
			t.Errorf("service %s has %d endpoints", name, len(s.endpoints))
		}
	}
}

func BenchmarkCapKnown(b *testing.B) {
	r := newRegistry(Limits{})
	var keys []wire.Key
	for i := range 450 {
		keys = append(keys, key("web", fmt.Sprintf("/api/v1/resource%d/{id}/items", i)))
	}
	full := batch(keys...)
	for b.Loop() {
		if _, err := r.cap(full); err != nil {
			b.Fatal(err)
		}
	}
}

// TestCapOnMethods has methods that HTTP does not know share one series.
func TestCapOnMethods(t *testing.T) {
	b := wire.NewBuilder()
	for i, method := range []string{"GET", "A", "B", wire.MethodOther, "A"} {
		b.Add(&wire.Request{
			Key:   wire.Key{Service: "s", Endpoint: "/e", Method: method, Status: 200},
			Start: int64(i),
		})
	}
	r := newRegistry(Limits{})
	for range 2 { // what is known takes another way
		batch := b.Batch("i", 1)
		if over, err := r.cap(batch); over != nil || err != nil {
			t.Fatalf("%v over, %v", over, err)
		}
		if err := batch.Validate(); err != nil || len(batch.Keys) != 2 {
			t.Fatalf("keys %v, %v", batch.Keys, err)
		}
		for i, want := range []string{"GET", wire.MethodOther, wire.MethodOther, wire.MethodOther, wire.MethodOther} {
			if req := batch.Request(i); req.Method != want || req.Start != int64(i) {
				t.Errorf("request %d has method %s, start %d; want %s", i, req.Method, req.Start, want)
			}
		}
	}
}
