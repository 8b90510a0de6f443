package intake

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/kymohq/kymo/hub/internal/ingest"
	"github.com/kymohq/kymo/hub/internal/rollup"
	"github.com/kymohq/kymo/hub/internal/store"
	"github.com/kymohq/kymo/hub/internal/store/storetest"
	"github.com/kymohq/kymo/hub/internal/template"
)

// Rules settle raw paths, of their service alone, and neither routes that are declared nor what
// came before.
func TestTemplateRules(t *testing.T) {
	st := storetest.NewOracle()
	in := newIntake(st, Limits{})
	post := func(service, field, path string) {
		t.Helper()
		body := fmt.Sprintf(`{"service":%q,%q:%q,"method":"GET","response_time_ms":1,"status_code":200,"timestamp":%q}`,
			service, field, path, noon.Add(-time.Minute).Format(time.RFC3339))
		if _, err := in.Read(t.Context(), Body{Reader: ingest.JSON([]byte(body))}); err != nil {
			t.Fatal(err)
		}
	}
	post("shop", "endpoint", "/help/before")
	in.SetTemplates(template.Rules{{Service: "shop", Path: "/help/**", Endpoint: "/help/{page}"}, {Service: "shop", Path: "/go/*", Keep: true}})
	for _, path := range []string{"/help/a", "/help/a/b?x=1", "/go/1234"} {
		post("shop", "endpoint", path)
		post("web", "endpoint", path)
		post("shop", "route", path)
	}
	for i := range 200 { // of which most would be merged without the rule
		post("shop", "endpoint", fmt.Sprintf("/go/WORD%c%c", 'A'+i/20, 'A'+i%20))
	}
	post("shop", "route", "/users/<int:id>")
	found := make(map[string]bool)
	words := 0
	for r, err := range st.Rollups(t.Context(), store.RollupQuery{Window: rollup.Window{From: 0, To: noon.UnixMilli()}}) {
		if err != nil {
			t.Fatal(err)
		}
		if r.Service == "shop" && len(r.Endpoint) > 6 && r.Endpoint[:7] == "/go/WOR" {
			words++
		} else {
			found[r.Service+" "+r.Endpoint] = true
		}
	}
	want := []string{"shop /go/1234", "shop /help/a", "shop /help/a/b?x=1", "shop /help/before", "shop /help/{page}", "shop /users/{id}",
		"web /go/{id}", "web /help/a", "web /help/a/b"}
	var got []string
	for endpoint := range found {
		got = append(got, endpoint)
	}
	slices.Sort(got)
	if !slices.Equal(got, want) || words != 200 {
		t.Errorf("%d words, and %q; want 200 and %q", words, got, want)
	}
}
