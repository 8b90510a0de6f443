package kymo

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/kymohq/kymo/internal/wire"
)

const acknowledgement = `{"accepted": 1, "duplicate": false}`

// hubThat starts a hub with the given answer and returns a sink for it.
func hubThat(t *testing.T, answer http.HandlerFunc) *httpSink {
	t.Helper()
	s, _ := serve(t, answer)
	sink, err := newHTTPSink(s.URL, "secret")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(sink.close)
	return sink
}

func TestHTTPSinkSendsTheBatch(t *testing.T) {
	var got *http.Request
	var body []byte
	sink := hubThat(t, func(w http.ResponseWriter, r *http.Request) {
		got = r
		body, _ = io.ReadAll(r.Body)
		w.WriteHeader(http.StatusAccepted)
		io.WriteString(w, acknowledgement)
	})
	if err := sink.Ship(context.Background(), []byte("batch")); err != nil {
		t.Fatal(err)
	}
	if got.Method != "POST" || got.URL.Path != "/api/v1/batches" || string(body) != "batch" ||
		got.Header.Get("Content-Type") != wire.ContentType || got.Header.Get("Authorization") != "Bearer secret" {
		t.Errorf("sent %s %s %v %q", got.Method, got.URL, got.Header, body)
	}
}

func TestHTTPSinkBelievesOnlyTheHub(t *testing.T) {
	for _, test := range []struct {
		name     string
		status   int
		body     string
		ok       bool
		rejected bool
		text     string
	}{
		{name: "accepted", status: 202, body: acknowledgement, ok: true},
		{name: "duplicate", status: 202, body: `{"accepted":0,"duplicate":true,"more":1}`, ok: true},
		{name: "another 2xx", status: 200, body: acknowledgement, text: "200"},
		{name: "login page", status: 200, body: "<html>", text: "<html>"},
		{name: "garbage", status: 202, body: "ok", text: "not a hub's"},
		{name: "empty", status: 202, text: "not a hub's"},
		{name: "other JSON", status: 202, body: `{"accepted":1}`, text: "not a hub's"},
		{name: "negative", status: 202, body: `{"accepted":-1,"duplicate":false}`, text: "not a hub's"},
		{name: "huge", status: 202, body: acknowledgement + strings.Repeat(" ", 10<<20), text: "not a hub's"},
		{name: "bad request", status: 400, body: "version 9", rejected: true, text: "version 9"},
		{name: "too large", status: 413, rejected: true},
		{name: "media type", status: 415, rejected: true},
		{name: "invalid", status: 422, rejected: true},
		{name: "unauthorized", status: 401, text: "token"},
		{name: "forbidden", status: 403, text: "token"},
		{name: "not found", status: 404, text: "404"},
		{name: "busy", status: 429, text: "busy"},
		{name: "stopping", status: 503, text: "busy"},
		{name: "broken", status: 500, body: "a\x00b", text: "a\uFFFDb"},
	} {
		t.Run(test.name, func(t *testing.T) {
			sink := hubThat(t, func(w http.ResponseWriter, r *http.Request) {
				w.WriteHeader(test.status)
				io.WriteString(w, test.body)
			})
			err := sink.Ship(context.Background(), []byte("batch"))
			if (err == nil) != test.ok || errors.Is(err, ErrRejected) != test.rejected {
				t.Fatalf("error %v", err)
			}
			if err != nil && (!strings.Contains(err.Error(), test.text) || len(err.Error()) > 300) {
				t.Errorf("error %v", err)
			}
		})
	}
}

func TestHTTPSinkFollowsNoRedirect(t *testing.T) {
	requests := 0
	sink := hubThat(t, func(w http.ResponseWriter, r *http.Request) {
		requests++
		if requests == 1 {
			http.Redirect(w, r, "/elsewhere", http.StatusTemporaryRedirect)
			return
		}
		w.WriteHeader(http.StatusAccepted)
		io.WriteString(w, acknowledgement)
	})
	if err := sink.Ship(context.Background(), nil); err == nil || errors.Is(err, ErrRejected) || requests != 1 {
		t.Errorf("%d requests, error %v", requests, err)
	}
}

func TestHTTPSinkWithoutAHub(t *testing.T) {
	s, stop := serve(t, nothing)
	sink, err := newHTTPSink(s.URL, "")
	if err != nil {
		t.Fatal(err)
	}
	stop()
	if err := sink.Ship(context.Background(), nil); err == nil || errors.Is(err, ErrRejected) {
		t.Errorf("error %v", err)
	}
	sink.url = "http://\x00"
	if err := sink.Ship(context.Background(), nil); err == nil {
		t.Error("shipped to nowhere")
	}
}

func TestHTTPSinkAnswerCutShort(t *testing.T) {
	sink := hubThat(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Length", "1000")
		w.WriteHeader(http.StatusAccepted)
		io.WriteString(w, acknowledgement)
	})
	if err := sink.Ship(context.Background(), nil); err == nil || !strings.Contains(err.Error(), "reading") {
		t.Errorf("error %v", err)
	}
}

func TestRetryAfter(t *testing.T) {
	for value, want := range map[string]time.Duration{
		"": 0, "7": 7 * time.Second, "-1": 0, "soon": 0, "3600": maxRetryAfter, "99999999999999": 0,
		"Thu, 01 Jan 1970 00:00:00 GMT": 0, "Thu, 01 Jan 2099 00:00:00 GMT": maxRetryAfter,
	} {
		if got := retryAfter(value); got != want {
			t.Errorf("%q is %v", value, got)
		}
	}
	sink := hubThat(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Retry-After", "7")
		w.WriteHeader(http.StatusTooManyRequests)
	})
	var h *hubError
	if err := sink.Ship(context.Background(), nil); !errors.As(err, &h) || h.after != 7*time.Second {
		t.Errorf("error %v", err)
	}
}

// TestTokenThatIsMendedLater goes the whole way: middleware, queue, HTTP, hub.
func TestTokenThatIsMendedLater(t *testing.T) {
	sink := new(memory)
	refused := 0
	hub := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if refused < 3 {
			refused++
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		data, _ := io.ReadAll(r.Body)
		if err := sink.Ship(r.Context(), data); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		w.WriteHeader(http.StatusAccepted)
		io.WriteString(w, acknowledgement)
	}))
	defer hub.Close()
	var log logs
	m := New("test", WithHub(hub.URL+"/"), WithToken("secret"), WithLogger(log.logger()))
	do(m.Middleware(routed), "GET", "/")
	closeMonitor(t, m)
	if len(sink.kept()) != 1 || refused != 3 || log.count("level=WARN") != 1 || log.count("level=INFO") != 1 {
		t.Errorf("%d kept, %d refused, logged %s", len(sink.kept()), refused, log.b.String())
	}
	if log.count("secret") != 0 {
		t.Error("the token is in the log")
	}
}
