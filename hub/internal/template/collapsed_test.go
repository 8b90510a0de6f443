package template

import (
	"fmt"
	"reflect"
	"strings"
	"testing"

	"github.com/kymohq/kymo/internal/wire"
)

func TestCollapsed(t *testing.T) {
	web := NewForest().Plant()
	for range 2 { // what comes again is not counted again
		for i := range 300 {
			web.Endpoint(fmt.Sprintf("https://shop.example/users/%d?token=secret", i))
		}
		web.Endpoint("/login")
		web.Endpoint("/files/{name}")
		web.Endpoint("/orders/2026-11-23/" + strings.Repeat("x", 300))
	}
	want := []Collapsed{
		{"/users/{id}", maxDistinct, []string{"/users/0", "/users/1", "/users/2", "/users/3", "/users/4"}},
		{"/orders/{id}/{rest}", 1, []string{wire.Clean("/orders/2026-11-23/"+strings.Repeat("x", 300), wire.MaxEndpoint)}},
	}
	if got := web.Collapsed(); !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
}

// Whatever the paths are, so much is noted and no more.
func TestNotesAreBounded(t *testing.T) {
	forest := NewForest()
	trees := [...]*Tree{forest.Plant(), forest.Plant(), forest.Plant(), forest.Plant()}
	for i := range 2 * maxCollapsed {
		trees[i%4].Endpoint(fmt.Sprintf("/p%d/17", i))
	}
	n := 0
	for _, tree := range trees {
		n += len(tree.Collapsed())
	}
	if n > maxCollapsed || n < 200 {
		t.Errorf("%d templates are noted", n)
	}
}
