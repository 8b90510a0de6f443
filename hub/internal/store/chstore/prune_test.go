package chstore

import (
	"errors"
	"testing"

	"github.com/kymohq/kymo/hub/internal/rollup"
	"github.com/kymohq/kymo/hub/internal/store"
	"github.com/kymohq/kymo/hub/internal/store/storetest"
	"github.com/kymohq/kymo/internal/serverstest"
	"github.com/kymohq/kymo/wire"
)

// Whoever reads health results while they are forgotten is told that some may be missing.
func TestHealthForgottenMeanwhile(t *testing.T) {
	s := open(t, database(serverstest.ClickHouse(t, password)), Options{tuning: quick})
	b := storetest.Batch("a", 1, 1)
	b.Health = []wire.HealthResult{{Check: "redis", Status: 1, From: storetest.Noon, To: storetest.Noon}}
	if _, err := s.Append(t.Context(), b); err != nil {
		t.Fatal(err)
	}
	window := rollup.Window{From: storetest.Noon, To: storetest.Noon + 1}
	read := func(meanwhile int64) (found int, failed error) {
		for _, err := range s.Health(t.Context(), store.HealthQuery{Window: window}) {
			if failed = err; err == nil {
				found++
				if err := s.Prune(t.Context(), meanwhile); err != nil {
					t.Fatal(err)
				}
			}
		}
		return found, failed
	}
	if found, err := read(window.From); found != 1 || err != nil {
		t.Errorf("%d results: %v", found, err)
	}
	if found, err := read(window.To); found != 1 || !errors.Is(err, errPruned) {
		t.Errorf("%d results: %v", found, err)
	}
}
