package api

import (
	"context"
	"iter"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/kymohq/kymo/hub/internal/rollup"
	"github.com/kymohq/kymo/hub/internal/store"
	"github.com/kymohq/kymo/hub/internal/store/storetest"
)

// away is a store that cannot be read for a while.
type away struct {
	store.Store
	away bool
}

func (s *away) Rollups(ctx context.Context, q store.RollupQuery) iter.Seq2[*rollup.Rollup, error] {
	if s.away {
		return failing{err: store.ErrUnavailable}.Rollups(ctx, q)
	}
	return s.Store.Rollups(ctx, q)
}

// While the store cannot be read, one line of the log says so, and one that it is over.
func TestFailedReadsAreLoggedOnce(t *testing.T) {
	var log strings.Builder
	now := noon
	st := &away{Store: storetest.NewOracle()}
	a := newAPI(st, func(c *Config) {
		c.Logger, c.Now = slog.New(slog.NewTextHandler(&log, nil)), func() time.Time { return now }
	})
	for _, status := range []int{http.StatusOK, http.StatusServiceUnavailable, http.StatusOK} {
		st.away = status != http.StatusOK
		for range 60 {
			now = now.Add(time.Second)
			if w := ask(a, "GET /metrics/performance", ""); w.Code != status {
				t.Fatalf("got %d, want %d: %s", w.Code, status, w.Body)
			}
		}
	}
	if lines := strings.Count(log.String(), "\n"); lines != 2 || !strings.Contains(log.String(), `msg="the store is read again" after=`) {
		t.Errorf("logged:\n%s", log.String())
	}
}
