package kymo

import (
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/kymohq/kymo/internal/wire"
)

func TestWhateverIsRecordedIsAValidBatch(t *testing.T) {
	extremes := []int64{math.MinInt64 / 2, -1, 0, 1, int64(wire.MaxDuration) + 1, math.MaxInt64 / 2}
	e := newEncoder("test", newInstance(), "v1", time.Now())
	for _, start := range extremes {
		for _, total := range extremes {
			for _, first := range extremes {
				for _, size := range []int64{-1, 0, math.MaxInt64} {
					for _, stream := range []bool{false, true} {
						b := &buffer{text: []byte("user\xff\x00route\xff")}
						e.add(b, &record{start: start, total: total, first: first, size: size, stream: stream,
							pattern: "GET /", status: 200, method: 1, userLen: 6, routeLen: 6}, e.offset(time.Now()))
					}
				}
			}
		}
	}
	var b wire.Batch
	if err := wire.Decode(e.take([]wire.Drop{{Service: "test", Count: 1}}), &b); err != nil {
		t.Fatal(err)
	}
	if r := b.Request(0); r.User != "user\uFFFD\uFFFD" || r.Endpoint != "route\uFFFD" {
		t.Errorf("got %+v", r)
	}
}

func TestStartFollowsTheWallClock(t *testing.T) {
	base := time.Now()
	e := newEncoder("test", "i", "v1", base)
	// The wall clock was set forward by an hour since base; the monotonic was not.
	now := base.Add(time.Minute)
	stepped := now.Round(0).Add(time.Hour)
	offset := stepped.UnixNano() - int64(now.Sub(base))
	if got := e.offset(now) + int64(time.Hour); got != offset {
		t.Errorf("offset %d, want %d", got, offset)
	}
	e.add(&buffer{}, &record{start: int64(30 * time.Second), status: 200}, offset)
	if got := e.builder.Batch("i", 1).Request(0).Start; got != stepped.Add(-30*time.Second).UnixMilli() {
		t.Errorf("start %d", got)
	}
}

func TestEndpointCacheIsBounded(t *testing.T) {
	e := newEncoder("test", "i", "v1", time.Now())
	for i := range 2*maxEndpoints + 1 {
		e.endpoint(fmt.Sprint("GET /", i))
	}
	if len(e.endpoints) > maxEndpoints {
		t.Errorf("%d patterns are kept", len(e.endpoints))
	}
}

func TestInstanceIsDistinctAndFit(t *testing.T) {
	a, b := newInstance(), newInstance()
	if a == b || len(a) > wire.MaxInstance || strings.Count(a, "-") < 2 {
		t.Errorf("%q and %q", a, b)
	}
}

func TestMethodsSurvive(t *testing.T) {
	for i, method := range methods {
		if got := methods[methodID(method)]; got != method || int(methodID(method)) != i {
			t.Errorf("%s became %s", method, got)
		}
		if method != wire.MethodOther && wire.KnownMethod(method) != method {
			t.Errorf("%s is not a method", method)
		}
	}
}
