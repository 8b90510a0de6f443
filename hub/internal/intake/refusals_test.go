package intake

import (
	"fmt"
	"testing"
	"time"

	"github.com/kymohq/kymo/hub/internal/clock"
	"github.com/kymohq/kymo/hub/internal/ingest"
	"github.com/kymohq/kymo/hub/internal/store/storetest"
)

// The first refusal of each service and field is reported at once, and then one a minute with
// the number of bodies.
func TestRefusals(t *testing.T) {
	now := noon
	in := New(storetest.NewOracle(), Limits{Services: 1}, 168*time.Hour, clock.Of(func() time.Time { return now }))
	var told []string
	in.OnRefused(func(r Refusal) { told = append(told, fmt.Sprint(r.Service, " ", r.Field, " ", r.Bodies)) })
	post := func(body string) {
		t.Helper()
		if _, err := in.Read(t.Context(), Body{Reader: ingest.JSON([]byte(body))}); err == nil {
			t.Errorf("%s is accepted", body)
		}
	}
	const wrong = `{"service":"orders","endpoint":"/a","method":"GET","response_time_ms":1,"status_code":9999}`
	for range 30 { // 87 s
		post(wrong)
		now = now.Add(3 * time.Second)
	}
	post("[1]")
	post(`{"service":"a\u0007b","endpoint":"/a","method":"GET","response_time_ms":1,"status_code":200}`)
	if _, err := in.Batch(t.Context(), []byte("KYMA")); err == nil {
		t.Error("a batch of another format is accepted")
	}
	same(t, "told", told, []string{"orders status_code 1", "orders status_code 20", "  1", "a\uFFFDb service 1"})
	got := in.Refusals()
	if len(got) != 3 || got[0].Service != "" || got[0].Bodies != 2 || got[2] != (Refusal{
		"orders", "status_code", "is 9999; must be from 100 to 999", 30, noon, noon.Add(87 * time.Second)}) {
		t.Errorf("%+v", got)
	}
	if n := in.Counters.Refused.Load(); n != 33 {
		t.Errorf("%d bodies were refused, want 33", n)
	}
}

func TestRefusalsAreBounded(t *testing.T) {
	var r refusals
	for i := range 3 * maxRefusals {
		r.add(fmt.Sprint(i), "", "", noon.Add(time.Duration(i)*time.Second))
	}
	_, oldest := r.all[refusalKey{fmt.Sprint(2 * maxRefusals), ""}]
	if _, older := r.all[refusalKey{fmt.Sprint(2*maxRefusals - 1), ""}]; len(r.all) != maxRefusals || !oldest || older {
		t.Errorf("%d are remembered, %t, %t", len(r.all), oldest, older)
	}
	told := 0
	r.tell = func(Refusal) { told++ }
	for i := range 100 {
		r.add(fmt.Sprint("made up ", i), "", "", noon.Add(time.Hour))
	}
	if r.add("made up 99", "", "", noon.Add(time.Hour+tellRefusals)); told != maxTold+1 {
		t.Errorf("told of %d within a minute, want %d, and one later", told-1, maxTold)
	}
	r.add("s", "f", "p", noon)
	if r.all[refusalKey{"s", "f"}].Bodies != 1 {
		t.Error("the newest is not remembered")
	}
}
