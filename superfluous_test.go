package kymo

import (
	"log"
	"net/http"
	"net/http/httptest"
	"regexp"
	"testing"
)

// TestSuperfluousWriteHeader: the log names the handler that called it, not us.
func TestSuperfluousWriteHeader(t *testing.T) {
	for _, mine := range []bool{true, false} {
		m, sink := monitor(t)
		var text logs
		s := httptest.NewUnstartedServer(m.Middleware(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.WriteHeader(201)
			w.WriteHeader(500)
		})))
		if mine {
			s.Config.ErrorLog = log.New(&text, "", 0)
		} else {
			log.SetOutput(&text)
		}
		s.Start()
		resp, _ := get(t, s.Client(), "GET", s.URL)
		s.Close()
		log.SetOutput(t.Output())
		want := regexp.MustCompile(`http: superfluous response.WriteHeader call from github.com/kymohq/kymo.TestSuperfluousWriteHeader.func1 \(superfluous_test.go:18\)`)
		if !want.MatchString(text.b.String()) || resp.StatusCode != 201 {
			t.Errorf("answered %d, logged %q", resp.StatusCode, text.b.String())
		}
		if got := one(t, m, sink); got.Status != 201 {
			t.Errorf("recorded %+v", got)
		}
	}
}

// again counts the calls that reach a writer which is not net/http's.
type again struct {
	least
	calls *int
}

func (a again) WriteHeader(int) { *a.calls++ }

func TestSuperfluousWriteHeaderIsOthersMatter(t *testing.T) {
	m, _ := monitor(t)
	calls := 0
	m.Middleware(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(201)
		w.WriteHeader(500)
	})).ServeHTTP(again{least{make(http.Header)}, &calls}, httptest.NewRequest("GET", "/", nil))
	if calls != 2 {
		t.Errorf("%d calls reached the writer below", calls)
	}
}
