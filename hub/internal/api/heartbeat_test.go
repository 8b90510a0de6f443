package api

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/kymohq/kymo/hub/internal/store/storetest"
	"github.com/kymohq/kymo/internal/wire"
)

func TestPostingHeartbeats(t *testing.T) {
	a := newAPI(storetest.NewOracle(), nil)
	var heard []string
	a.Intake.OnHeartbeat(func(b *wire.Batch, _ time.Time) { heard = append(heard, b.Instance+" "+b.Health[0].Service) })
	const body = `{"service":"orders","instance":"web-1","checks":[{"service":"db","status":"degraded"}]}`
	for _, contentType := range []string{"application/json", "text/plain;charset=UTF-8", ""} {
		w := ask(a, "POST /api/v1/heartbeat", body, "Content-Type", contentType)
		if got := strings.TrimSpace(w.Body.String()); w.Code != http.StatusAccepted || got != `{"status":"degraded"}` {
			t.Errorf("%s: %d %s", contentType, w.Code, got)
		}
	}
	if got := strings.Join(heard, ", "); got != "web-1 orders, web-1 orders, web-1 orders" {
		t.Errorf("heard %s", got)
	}
	w := ask(a, "POST /api/v1/heartbeat", strings.Replace(body, "degraded", "fine", 1), "Content-Type", "application/json")
	if w.Code != http.StatusUnprocessableEntity || !strings.Contains(w.Body.String(), `"location":"body.checks[0].status"`) {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	if w := ask(a, "POST /api/v1/heartbeat", body, "Content-Type", "text/xml"); w.Code != http.StatusUnsupportedMediaType {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	c := get[Cardinality](t, a, "/api/v1/cardinality")
	if len(c.Refused) != 2 || c.Refused[0].Field != "checks[0].status" && c.Refused[1].Field != "checks[0].status" || c.Refused[0].Bodies != 1 {
		t.Errorf("refused: %+v", c.Refused)
	}
}
