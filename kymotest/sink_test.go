package kymotest_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/kymohq/kymo"
	"github.com/kymohq/kymo/kymotest"
)

func TestNew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m, sink := kymotest.New(t)
		mux := http.NewServeMux()
		mux.HandleFunc("GET /users/{id}", func(w http.ResponseWriter, r *http.Request) {
			kymo.SetUser(w, "kim")
			kymo.SetError(w, "sql.ErrNoRows")
			time.Sleep(20 * time.Millisecond)
			w.WriteHeader(http.StatusAccepted)
			time.Sleep(10 * time.Millisecond)
			io.WriteString(w, "hello")
		})
		mux.HandleFunc("GET /events", func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "text/event-stream")
			time.Sleep(time.Millisecond)
			w.WriteHeader(http.StatusOK)
			time.Sleep(time.Hour)
		})
		began := time.Now().UTC()
		for _, path := range []string{"/users/7", "/events"} {
			m.Middleware(mux).ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", path, nil))
		}
		want := []kymotest.Request{
			{
				Service: "test", Endpoint: "/users/{id}", Method: "GET", Status: 202, User: "kim", Error: "sql.ErrNoRows",
				Start: began, Duration: 30 * time.Millisecond, FirstByte: 20 * time.Millisecond, Size: 5,
			},
			{
				Service: "test", Endpoint: "/events", Method: "GET", Status: 200,
				Start: began.Add(30 * time.Millisecond), Duration: time.Millisecond, FirstByte: time.Millisecond,
				Lifetime: time.Hour + time.Millisecond,
			},
		}
		got := sink.Requests()
		if len(got) != 2 || got[0] != want[0] || got[1] != want[1] {
			t.Errorf("recorded %+v\nwant %+v", got, want)
		}
		if again := sink.Requests(); len(again) != 2 {
			t.Errorf("asked again, the sink has %+v", again)
		}
	})
}

func TestLog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, sink := kymotest.New(t, kymo.WithQueue(1))
		synctest.Wait()
		if log := sink.Log(); !strings.Contains(log, "WithQueue: 1 bytes are too few") {
			t.Errorf("logged %q", log)
		}
	})
}

// failing is a test that notes its failures.
type failing struct {
	testing.TB
	cleanups []func()
	errors   []string
}

func (f *failing) Helper()            {}
func (f *failing) Cleanup(end func()) { f.cleanups = append(f.cleanups, end) }
func (f *failing) Errorf(format string, args ...any) {
	f.errors = append(f.errors, fmt.Sprintf(format, args...))
}

// away is a hub that keeps nothing.
type away struct{}

func (away) Ship(context.Context, []byte) error { return errors.New("the hub is away") }

func TestLossFailsTheTest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := new(failing)
		m, sink := kymotest.New(f, kymo.WithSink(away{}))
		m.Record(kymo.Request{})
		if got := sink.Requests(); len(got) != 0 || len(f.errors) != 1 || !strings.Contains(f.errors[0], "1 requests are not shipped yet") {
			t.Errorf("recorded %+v, failed with %q", got, f.errors)
		}
		for _, end := range f.cleanups {
			end()
		}
		if len(f.errors) != 2 || !strings.Contains(f.errors[1], "1 requests could not be shipped") {
			t.Errorf("failed with %q", f.errors)
		}
	})
}

func TestNothingLostPasses(t *testing.T) {
	f := new(failing)
	m, sink := kymotest.New(f)
	m.Record(kymo.Request{Status: 204})
	for _, end := range f.cleanups {
		end()
	}
	if got := sink.Requests(); len(got) != 1 || got[0].Status != 204 || len(f.errors) != 0 {
		t.Errorf("recorded %+v, failed with %q", got, f.errors)
	}
}

// twice is a network that loses the first answer to each batch.
type twice struct{ sink *kymotest.Sink }

func (s twice) Ship(ctx context.Context, batch []byte) error {
	return errors.Join(s.sink.Ship(ctx, batch), s.sink.Ship(ctx, batch))
}

func TestBatchCountsOnce(t *testing.T) {
	var sink kymotest.Sink
	for range 2 { // monitors begin to count anew
		m := kymo.New("orders", kymo.WithSink(twice{&sink}), kymo.WithLogger(sink.Logger()))
		m.Record(kymo.Request{})
		if err := m.Close(context.Background()); err != nil {
			t.Error(err)
		}
	}
	if got := sink.Requests(); len(got) != 2 || got[0].Service != "orders" {
		t.Errorf("recorded %+v", got)
	}
}

func TestGarbageIsRejected(t *testing.T) {
	if err := new(kymotest.Sink).Ship(t.Context(), []byte("garbage")); !errors.Is(err, kymo.ErrRejected) {
		t.Errorf("it is %v", err)
	}
}

func TestPauseOutsideOfTheSuite(t *testing.T) {
	kymotest.Pause(t.Context()) // returns
}
