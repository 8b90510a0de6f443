package store_test

import (
	"testing"

	"github.com/kymohq/kymo/hub/internal/store"
	"github.com/kymohq/kymo/hub/internal/store/storetest"
)

// Cleaned over a store whose names are clean answers as the store itself.
func TestCleanedOfCleanNames(t *testing.T) {
	oracle := storetest.NewOracle()
	if _, err := oracle.Append(t.Context(), storetest.Batch("a", 1, 500), storetest.Batch("b", 1, 50)); err != nil {
		t.Fatal(err)
	}
	storetest.Same(t, store.Cleaned(oracle), oracle)
}
