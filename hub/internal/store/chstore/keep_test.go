package chstore

import (
	"errors"
	"testing"

	"github.com/kymohq/kymo/hub/internal/store/gather"
	"github.com/kymohq/kymo/hub/internal/store/storetest"
	"github.com/kymohq/kymo/internal/serverstest"
	"github.com/kymohq/kymo/wire"
)

// callOf is a call of Append, as the gatherer hands it on.
func callOf(batches ...*wire.Batch) []*gather.Call {
	return []*gather.Call{{Batches: batches, Fresh: make([]bool, len(batches))}}
}

// A hub that finds its group's number taken leaves the other hub's group alone.
func TestSameNumber(t *testing.T) {
	url := database(serverstest.ClickHouse(t, password))
	s, other := open(t, url, Options{tuning: quick}), open(t, url, Options{tuning: quick})
	oracle := storetest.NewOracle()
	b := storetest.Batch("a", 1, 30)
	number := announced(t, s, 0, b, true)
	calls := callOf(b)
	if err := other.keepAs(t.Context(), number, identities(calls), calls); !errors.Is(err, errSameNumber) {
		t.Errorf("with the number of another hub's group: %v", err)
	}
	if err := s.decide(t.Context(), confirmed, number); err != nil {
		t.Fatal(err)
	}
	if _, err := oracle.Append(t.Context(), b); err != nil {
		t.Fatal(err)
	}
	storetest.Same(t, other, oracle)
}
