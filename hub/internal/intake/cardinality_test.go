package intake

import (
	"fmt"
	"reflect"
	"testing"

	"github.com/kymohq/kymo/hub/internal/template"
)

func TestCardinality(t *testing.T) {
	in := newIntake(discard{}, Limits{Endpoints: 2, Services: 3})
	r := in.registry
	for i := range 300 {
		r.endpoint("b", fmt.Sprintf("/users/%d", i))
	}
	r.endpoint("b", "/files/{name}")
	for i := range 30 {
		for try := range 2 { // what is not kept is not counted
			over, err := r.cap(batch(key("a", fmt.Sprintf("/%d", i)), key("a", "/1"), key("c", "/")))
			if err != nil {
				t.Fatal(err)
			}
			if try == 1 {
				r.kept(over)
			}
		}
	}
	r.endpoint("over the limit", "/users/1")
	services, limits := in.Cardinality()
	if limits != (Limits{Endpoints: 2, Services: 3}) {
		t.Errorf("limits %+v", limits)
	}
	others := make([]string, maxOthers)
	for i := range others {
		others[i] = fmt.Sprintf("/%d", i+2)
	}
	want := []Cardinality{
		{Service: "a", Endpoints: 2, Overflowed: 2 * 28, Others: others},
		{Service: "b", Collapsed: []template.Collapsed{
			{Template: "/users/{id}", Paths: 256, Examples: []string{"/users/0", "/users/1", "/users/2", "/users/3", "/users/4"}},
		}},
		{Service: "c", Endpoints: 1},
	}
	if !reflect.DeepEqual(services, want) {
		t.Errorf("got  %+v\nwant %+v", services, want)
	}
}
