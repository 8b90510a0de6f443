package intake

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/kymohq/kymo/hub/internal/ingest"
	"github.com/kymohq/kymo/hub/internal/store"
	"github.com/kymohq/kymo/hub/internal/store/storetest"
)

// A key names one body: the same one counts once, and another is refused, but for one whose
// predecessor was not kept.
func TestReusedKeys(t *testing.T) {
	st := &away{storetest.NewOracle(), nil}
	in := newIntake(st, Limits{})
	post := func(key, body string) (Receipt, error) {
		return in.Read(t.Context(), Body{Reader: ingest.JSON([]byte(body)), Key: key, Content: []byte(body)})
	}
	other := strings.Replace(metric, "200", "500", 1)
	st.err = store.ErrUnavailable
	if _, err := post("key", other); !errors.Is(err, store.ErrUnavailable) {
		t.Fatal(err)
	}
	st.err = nil
	for again := range 3 {
		if got, err := post("key", metric); err != nil || got.Duplicate != (again > 0) {
			t.Fatalf("time %d: %+v, %v", again, got, err)
		}
		if got, err := post("key", other); !errors.Is(err, ErrKeyReused) || got != (Receipt{}) {
			t.Errorf("another body: %+v, %v", got, err)
		}
	}
	if got, err := post("another key", other); err != nil || got.Duplicate {
		t.Errorf("%+v, %v", got, err)
	}
	if n := in.Counters.Refused.Load(); n != 3 {
		t.Errorf("%d bodies were refused, want 3", n)
	}
}

func TestKeysAreBounded(t *testing.T) {
	var k keys
	for i := range 3 * maxKeys {
		k.claim(fmt.Sprint(i), content{1})
		if n := len(k.newer) + len(k.past); n > 2*maxKeys {
			t.Fatalf("%d keys are remembered", n)
		}
	}
	for i := range maxKeys {
		if _, ok := k.claim(fmt.Sprint(3*maxKeys-1-i), content{2}); ok {
			t.Fatalf("the last key but %d is forgotten", i)
		}
	}
	if fresh, ok := k.claim("0", content{2}); !fresh || !ok {
		t.Error("the first key is remembered")
	}
	k.release("0")
	if fresh, ok := k.claim("0", content{3}); !fresh || !ok {
		t.Error("a key that was released is remembered")
	}
}
