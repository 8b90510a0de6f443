package template

import (
	"fmt"
	"reflect"
	"strings"
	"testing"

	"github.com/kymohq/kymo/internal/wire"
)

func TestCardinality(t *testing.T) {
	table := New(Limits{Endpoints: 2, Services: 3, Siblings: 4})
	for range 2 { // what comes again is not counted again
		for i := range 300 {
			table.Endpoint("b", fmt.Sprintf("https://shop.example/users/%d?token=secret", i))
		}
		table.Endpoint("b", "/login")
		table.Endpoint("b", "/files/{name}")
		table.Endpoint("b", "/orders/2026-11-23/"+strings.Repeat("x", 300))
	}
	for i := range 30 {
		for try := range 2 { // what is not kept is not counted
			over, err := table.Cap(batch(key("a", fmt.Sprintf("/%d", i)), key("a", "/1"), key("c", "/")))
			if err != nil {
				t.Fatal(err)
			}
			if try == 1 {
				table.Kept(over)
			}
		}
	}
	table.Endpoint("over the limit", "/users/1")
	services, limits := table.Cardinality()
	if limits != (Limits{Endpoints: 2, Services: 3, Siblings: 4}) {
		t.Errorf("limits %+v", limits)
	}
	others := make([]string, maxOthers)
	for i := range others {
		others[i] = fmt.Sprintf("/%d", i+2)
	}
	want := []Cardinality{
		{Service: "a", Endpoints: 2, Overflowed: 2 * 28, Others: others},
		{Service: "b", Collapsed: []Collapsed{
			{"/users/{id}", maxDistinct, []string{"/users/0", "/users/1", "/users/2", "/users/3", "/users/4"}},
			{"/orders/{id}/{rest}", 1, []string{wire.Clean("/orders/2026-11-23/"+strings.Repeat("x", 300), wire.MaxEndpoint)}},
		}},
		{Service: "c", Endpoints: 1},
	}
	if !reflect.DeepEqual(services, want) {
		t.Errorf("got  %+v\nwant %+v", services, want)
	}
}

// Whatever the paths are, so much is noted and no more.
func TestNotesAreBounded(t *testing.T) {
	table := New(Limits{Services: 4})
	for i := range 2 * maxCollapsed {
		table.Endpoint(fmt.Sprint("s", i%4), fmt.Sprintf("/p%d/17", i))
	}
	services, _ := table.Cardinality()
	n := 0
	for _, s := range services {
		n += len(s.Collapsed)
	}
	if n > maxCollapsed || n < 200 {
		t.Errorf("%d templates are noted", n)
	}
}
