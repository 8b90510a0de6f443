package template

import (
	"fmt"
	"testing"

	"github.com/kymohq/kymo/internal/wire"
)

func TestSiblingsThatMultiply(t *testing.T) {
	forest := NewForest()
	forest.siblings = 8
	web, api := forest.Plant(), forest.Plant()
	for i := range 8 {
		path := fmt.Sprintf("/shops/s%c/items", 'a'+i)
		if got := web.Endpoint(path); got != path {
			t.Fatalf("%s became %s before the limit", path, got)
		}
	}
	for _, path := range []string{"/shops/sz/items", "/shops/sa/items", "/shops/other/items"} {
		if got := web.Endpoint(path); got != "/shops/{id}/items" {
			t.Errorf("%s became %s after the limit", path, got)
		}
	}
	if got := web.Endpoint("/other/sa/items"); got != "/other/sa/items" {
		t.Errorf("another place changed too: %s", got)
	}
	if got := api.Endpoint("/shops/sz/items"); got != "/shops/sz/items" {
		t.Errorf("another service changed too: %s", got)
	}
}

func TestScannersTakeNoNamesAway(t *testing.T) {
	forest := NewForest()
	forest.siblings = 16
	web := forest.Plant()
	for range 1000 {
		web.Endpoint("/users/7")
		web.Endpoint("/orders")
	}
	for i := range 100 {
		web.Endpoint(fmt.Sprintf("/wp-%c%c.php", 'a'+i/26, 'a'+i%26))
	}
	for path, want := range map[string]string{
		"/users/7": "/users/{id}", "/orders": "/orders", "/phpinfo.php": "/{id}", "/wp-aa.php": "/{id}",
	} {
		if got := web.Endpoint(path); got != want {
			t.Errorf("%s became %s; want %s", path, got, want)
		}
	}
}

func TestTreesAreBounded(t *testing.T) {
	forest := NewForest()
	forest.siblings = 1 << 30
	a, b := forest.Plant(), forest.Plant()
	for i := range maxNodesPerService + 100 {
		a.Endpoint(fmt.Sprintf("/p/x%dy", i))
	}
	if got := a.Endpoint("/q/new/deep"); got != "/{rest}" {
		t.Errorf("beyond the budget a path is %s", got)
	}
	if got := a.Endpoint("/p/x1y"); got != "/p/x1y" {
		t.Errorf("a known path became %s", got)
	}
	if got := b.Endpoint("/q/new/deep"); got != "/q/new/deep" {
		t.Errorf("another service is starved: %s", got)
	}
	forest.nodes = 0
	if got := forest.Plant().Endpoint("/users/7"); got != "/{rest}" {
		t.Errorf("beyond the budget of all a path is %s", got)
	}
}

func TestTreesLearnTheEndpointsOfAService(t *testing.T) {
	forest := NewForest()
	forest.siblings = 3
	web := forest.Plant()
	for _, e := range []string{"/s/a", "/s/b", "/s/c", "/users/{id}", wire.Other, wire.Unmatched} {
		web.Learn(e)
	}
	if got := web.Endpoint("/s/d"); got != "/s/{id}" {
		t.Errorf("a fourth sibling became %s", got)
	}
	if got := web.Collapsed(); len(got) != 1 || got[0].Template != "/s/{id}" {
		t.Errorf("%v were collapsed; endpoints that are learned are not", got)
	}
}

func BenchmarkEndpoint(b *testing.B) {
	web := NewForest().Plant()
	for b.Loop() {
		web.Endpoint("/api/v1/resource7/1234/items")
	}
}
