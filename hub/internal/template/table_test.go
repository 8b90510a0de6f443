package template

import (
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/kymohq/kymo/internal/wire"
)

func TestSiblingsThatMultiply(t *testing.T) {
	table := New(Limits{Siblings: 8})
	for i := range 8 {
		path := fmt.Sprintf("/shops/s%c/items", 'a'+i)
		if got := table.Endpoint("web", path); got != path {
			t.Fatalf("%s became %s before the limit", path, got)
		}
	}
	for _, path := range []string{"/shops/sz/items", "/shops/sa/items", "/shops/other/items"} {
		if got := table.Endpoint("web", path); got != "/shops/{id}/items" {
			t.Errorf("%s became %s after the limit", path, got)
		}
	}
	if got := table.Endpoint("web", "/other/sa/items"); got != "/other/sa/items" {
		t.Errorf("another place changed too: %s", got)
	}
	if got := table.Endpoint("api", "/shops/sz/items"); got != "/shops/sz/items" {
		t.Errorf("another service changed too: %s", got)
	}
}

func TestScannersTakeNoNamesAway(t *testing.T) {
	table := New(Limits{Siblings: 16})
	for range 1000 {
		table.Endpoint("web", "/users/7")
		table.Endpoint("web", "/orders")
	}
	for i := range 100 {
		table.Endpoint("web", fmt.Sprintf("/wp-%c%c.php", 'a'+i/26, 'a'+i%26))
	}
	for path, want := range map[string]string{
		"/users/7": "/users/{id}", "/orders": "/orders", "/phpinfo.php": "/{id}", "/wp-aa.php": "/{id}",
	} {
		if got := table.Endpoint("web", path); got != want {
			t.Errorf("%s became %s; want %s", path, got, want)
		}
	}
}

func TestTreesAreBounded(t *testing.T) {
	table := New(Limits{Siblings: 1 << 30})
	for i := range maxNodesPerService + 100 {
		table.Endpoint("a", fmt.Sprintf("/p/x%dy", i))
	}
	if got := table.Endpoint("a", "/q/new/deep"); got != "/{rest}" {
		t.Errorf("beyond the budget a path is %s", got)
	}
	if got := table.Endpoint("a", "/p/x1y"); got != "/p/x1y" {
		t.Errorf("a known path became %s", got)
	}
	if got := table.Endpoint("b", "/q/new/deep"); got != "/q/new/deep" {
		t.Errorf("another service is starved: %s", got)
	}
	table.nodes = 0
	if got := table.Endpoint("c", "/users/7"); got != "/{rest}" {
		t.Errorf("beyond the budget of all a path is %s", got)
	}
}

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
	table := New(Limits{Endpoints: 2})
	if over, err := table.Cap(batch(key("a", "/1"), key("a", "/2"), key("b", "/1"))); over != nil || err != nil {
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
	over, err := table.Cap(b)
	if over.All() != 6 || over["a"] != 6 || err != nil {
		t.Fatalf("Cap = %v, %v; want the 6 requests of /3 and /4", over, err)
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
	table := New(Limits{Services: 2})
	if _, err := table.Cap(batch(key("a", "/1"))); err != nil {
		t.Fatal(err)
	}
	b := batch(key("b", "/1"), key("c", "/1"))
	_, err := table.Cap(b)
	var field *wire.FieldError
	if !errors.As(err, &field) || field.Field != "service" || !strings.Contains(err.Error(), "at most 2 services") {
		t.Fatalf("Cap = %v", err)
	}
	if b.Keys[0] != key("b", "/1") || len(table.services) != 1 {
		t.Errorf("a refused batch left traces")
	}
	if _, err := table.Cap(batch(key("b", "/1"))); err != nil {
		t.Errorf("a refused batch took a service's place: %v", err)
	}
	drop := &wire.Batch{Instance: "x", Drops: []wire.Drop{{Service: "z", Count: 1}}}
	if _, err := table.Cap(drop); err == nil {
		t.Error("a drop's service is not counted")
	}
	if got := table.Endpoint("z", "/a/7"); got != "/a/{id}" {
		t.Errorf("a service without room is templated to %s", got)
	}
	table.Seed("z", "/a")
	table.Seed("a", "")
	if len(table.services) != 2 {
		t.Errorf("%d services", len(table.services))
	}
}

func TestSeedKeepsTheLimitsAcrossRestarts(t *testing.T) {
	table := New(Limits{Endpoints: 4, Siblings: 3})
	for _, e := range []string{"/s/a", "/s/b", "/s/c", "/users/{id}", wire.Other, wire.Unmatched, "/over"} {
		table.Seed("web", e)
	}
	if over, _ := table.Cap(batch(key("web", "/users/{id}"), key("web", "/new"))); over.All() != 2 {
		t.Errorf("%v requests are over; want the 2 of /new", over)
	}
	if got := table.Endpoint("web", "/s/d"); got != "/s/{id}" {
		t.Errorf("a fourth sibling became %s", got)
	}
}

// The paths of a client that makes each request with another one.
func TestManyPathsTakeBoundedMemory(t *testing.T) {
	table := New(Limits{})
	endpoints := make(map[string]bool)
	before := heap()
	const each = 5000 // distinct paths between two batches
	for i := 0; i < manyPaths; i += each {
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
			e := table.Endpoint("web", path)
			b.Key(key("web", e))
		}
		capped := b.Batch("x", uint64(i))
		if _, err := table.Cap(capped); err != nil {
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
	runtime.KeepAlive(table)
}

func heap() int {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int(m.HeapAlloc)
}

func TestConcurrentUse(t *testing.T) {
	table := New(Limits{Endpoints: 50, Siblings: 8, Services: 5})
	var wg sync.WaitGroup
	for g := range 8 {
		wg.Go(func() {
			for i := range 300 {
				service := string(rune('a' + (g+i)%4))
				e := table.Endpoint(service, fmt.Sprintf("/x%dy/z", i%20))
				if _, err := table.Cap(batch(key(service, e), key(service, fmt.Sprintf("/r%d", i)))); err != nil {
					t.Error(err)
				}
				table.Seed(service, "/seeded")
			}
		})
	}
	wg.Wait()
	for name, s := range table.services {
		if len(s.endpoints) > 50 {
			t.Errorf("service %s has %d endpoints", name, len(s.endpoints))
		}
	}
}

func BenchmarkCapKnown(b *testing.B) {
	table := New(Limits{})
	var keys []wire.Key
	for i := range 450 {
		keys = append(keys, key("web", fmt.Sprintf("/api/v1/resource%d/{id}/items", i)))
	}
	full := batch(keys...)
	for b.Loop() {
		if _, err := table.Cap(full); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkEndpoint(b *testing.B) {
	table := New(Limits{})
	for b.Loop() {
		table.Endpoint("web", "/api/v1/resource7/1234/items")
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
	table := New(Limits{})
	for range 2 { // what is known takes another way
		batch := b.Batch("i", 1)
		if over, err := table.Cap(batch); over != nil || err != nil {
			t.Fatalf("%v over, %v", over, err)
		}
		if err := batch.Validate(); err != nil || len(batch.Keys) != 2 {
			t.Fatalf("keys %v, %v", batch.Keys, err)
		}
		for i, want := range []string{"GET", wire.MethodOther, wire.MethodOther, wire.MethodOther, wire.MethodOther} {
			if r := batch.Request(i); r.Method != want || r.Start != int64(i) {
				t.Errorf("request %d has method %s, start %d; want %s", i, r.Method, r.Start, want)
			}
		}
	}
}
