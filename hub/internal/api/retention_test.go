package api

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/kymohq/kymo/hub/internal/report"
	"github.com/kymohq/kymo/hub/internal/store"
	"github.com/kymohq/kymo/hub/internal/store/storetest"
)

// keeper has a floor, and can fail.
type keeper struct {
	floor time.Time
	err   error
}

func (k *keeper) Retention() report.Retention {
	r := report.Retention{AgeHours: 168, From: noon.Add(-168 * time.Hour), To: noon.Add(24 * time.Hour), Clock: report.Clock{Time: noon, Deletes: noon}}
	floor := int64(0)
	if !k.floor.IsZero() {
		floor = k.floor.UnixMilli()
	}
	r.SetFloor(floor)
	return r
}

func (k *keeper) LowerFloor(_ context.Context, to time.Time) error {
	if k.err == nil && to.Before(k.floor) {
		k.floor = to
	}
	return k.err
}

func TestRetention(t *testing.T) {
	k := &keeper{floor: noon.Add(400 * 24 * time.Hour)}
	a := newAPI(storetest.NewOracle(), func(c *Config) {
		c.Keeper = k
		c.Tokens = Tokens{Ingest: "write", Read: "read"}
	})
	has := func(line, body, token, want string) {
		t.Helper()
		w := ask(a, line, body, "Authorization", "Bearer "+token)
		if w.Code != http.StatusOK || w.Header().Get("Content-Type") != "application/json" || !strings.Contains(w.Body.String(), want) {
			t.Errorf("%s answers %d %s, want %s", line, w.Code, w.Body, want)
		}
	}
	floor := func(at time.Time, reason string) string {
		return fmt.Sprintf(`{"floor":%q,"reason":%q,`, at.Format(time.RFC3339), reason)
	}
	has("GET /api/v1/retention", "", "read", floor(k.floor, "future"))
	to := noon.Add(-100 * time.Hour)
	lower := fmt.Sprintf(`{"floor":%q}`, to.Format(time.RFC3339))
	problem(t, ask(a, "POST /api/v1/retention", lower, "Authorization", "Bearer read"), http.StatusUnauthorized)
	for _, body := range []string{"", "{}", `{"floor":7}`, `{"floor":"` + strings.Repeat("x", maxNewFloor) + `"}`} {
		wrongAt(t, problem(t, ask(a, "POST /api/v1/retention", body, "Authorization", "Bearer write"), http.StatusUnprocessableEntity), "body.floor", "is not a time")
	}
	has("POST /api/v1/retention", lower, "write", floor(to, "later"))
	has("GET /api/v1/retention", "", "read", floor(to, "later"))

	k.err = store.ErrUnavailable
	problem(t, ask(a, "POST /api/v1/retention", lower, "Authorization", "Bearer write"), http.StatusServiceUnavailable)
	k.err = errors.New("no")
	problem(t, ask(a, "POST /api/v1/retention", lower, "Authorization", "Bearer write"), http.StatusInternalServerError)
}
