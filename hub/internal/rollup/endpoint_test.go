package rollup

import (
	"slices"
	"testing"
)

func TestOrderOfKeys(t *testing.T) {
	want := []Key{
		{Service: "a", Endpoint: "/b", Method: "GET", Status: 200},
		{Service: "a", Endpoint: "/b", Method: "GET", Status: 500},
		{Service: "a", Endpoint: "/b", Method: "POST", Status: 200},
		{Service: "a", Endpoint: "/c", Method: "GET", Status: 200},
		{Service: "b", Endpoint: "/a", Method: "GET", Status: 100},
	}
	got := slices.Clone(want)
	slices.Reverse(got)
	slices.SortFunc(got, func(a, b Key) int { return CompareKeys(&a, &b) })
	if !slices.Equal(got, want) {
		t.Errorf("sorted: %v, want %v", got, want)
	}
	if e := EndpointOf(&want[2]); e != (Endpoint{Service: "a", Name: "/b", Method: "POST"}) {
		t.Errorf("endpoint: %+v", e)
	}
}
