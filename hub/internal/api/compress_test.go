package api

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"iter"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"

	"github.com/kymohq/kymo/hub/internal/store"
	"github.com/kymohq/kymo/hub/internal/store/storetest"
	"github.com/kymohq/kymo/hub/internal/web"
	"github.com/kymohq/kymo/internal/wire"
)

func TestPreferredCoding(t *testing.T) {
	for accepted, want := range map[string]string{
		"": "", "identity": "", "br": "", "deflate, br;q=1": "",
		"gzip": "gzip", "GZIP": "gzip", " gzip ": "gzip", "zstd": "zstd", "gzip, deflate, br": "gzip", "gzip, deflate, br, zstd": "zstd",
		"gzip;q=1, zstd;q=0.9": "gzip", "gzip;q=0.1": "gzip", "gzip; q=0.5, zstd ; Q=0.6": "zstd", "gzip;q=0": "", "gzip;q=0.000, zstd;q=0": "",
		"*": "zstd", "*;q=0": "", "zstd;q=0, *": "gzip", "gzip, *;q=0": "gzip", "*;q=0.1, gzip;q=0.2": "gzip",
		"identity, gzip": "gzip", "identity;q=1, gzip;q=0.5": "", "identity;q=0": "", "identity;q=0.5, gzip;q=0.5": "gzip", "identity;q=0, *": "zstd",
		"gzip;q=x": "", "gzip;q=2": "", "gzip;q=-1": "", "gzip;q=NaN": "", "gzip;level=9": "gzip", "gzip;level=9;q=0": "", ";q=1": "", ",": "",
	} {
		if got := preferredCoding(accepted); got != want {
			t.Errorf("Accept-Encoding: %s is answered in %q, want %q", accepted, got, want)
		}
	}
}

// decoded returns an answer's body without its coding.
func decoded(t *testing.T, w *httptest.ResponseRecorder) string {
	t.Helper()
	var r io.Reader = w.Body
	var err error
	switch coding := w.Header().Get("Content-Encoding"); coding {
	case "gzip":
		r, err = gzip.NewReader(r)
	case "zstd":
		r, err = zstd.NewReader(r)
	case "":
	default:
		t.Fatalf("Content-Encoding %s", coding)
	}
	if err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// Every answer has the same content in every coding, and is compressed if that is
// worthwhile.
func TestCompressedAnswers(t *testing.T) {
	st := storetest.NewOracle()
	a := newAPI(st, func(c *Config) { c.Dashboard = web.New(fstest.MapFS{"index.html": {Data: []byte("the page")}}) })
	var many []wire.Request
	for i := range 500 {
		many = append(many, wire.Request{
			Key:   wire.Key{Service: "web", Endpoint: fmt.Sprintf("/a%d/{id}", i%60), Method: "GET", Status: 200},
			Start: noon.UnixMilli() - 1 - int64(i)*1000,
		})
	}
	keep(t, a, 1, many)
	large := map[string]bool{"/openapi.json": true, "/docs": true, "/metrics": true, "/metrics/endpoints": true, "/api/v1/requests": true, "/api/v1/requests/export": true}
	lines := []string{"/metrics/endpoints?hours=168", "/api/v1/requests/export?format=ndjson"}
	for _, r := range routes {
		if method, path, _ := strings.Cut(r, " "); method == "get" {
			lines = append(lines, path)
		}
	}
	for _, path := range lines {
		plain := ask(a, "GET "+path, "")
		never := neverCompressed["GET "+path] || path == "/"
		vary := strings.Join(plain.Header().Values("Vary"), ",")
		if got, want := strings.Count(vary, "Accept-Encoding"), number(!never); got != want {
			t.Errorf("%s: Vary: %s", path, vary)
		}
		if head := ask(a, "HEAD "+path, "", "Accept-Encoding", "gzip"); head.Header().Get("Content-Encoding") != "" {
			t.Errorf("%s: HEAD is compressed", path)
		}
		size := plain.Body.Len()
		if large[path] && size < minCompressed {
			t.Fatalf("%s has %d bytes", path, size)
		}
		for _, coding := range []string{"gzip", "zstd"} {
			w := ask(a, "GET "+path, "", "Accept-Encoding", coding)
			want := ""
			if size >= minCompressed && !never {
				want = coding
			}
			if got := w.Header().Get("Content-Encoding"); got != want {
				t.Errorf("%s, %d bytes: Content-Encoding %q, want %q", path, size, got, want)
			}
			if want != "" && w.Body.Len() > size/2 {
				t.Errorf("%s: %d bytes became %d", path, size, w.Body.Len())
			}
			if got := decoded(t, w); got != plain.Body.String() {
				t.Errorf("%s in %s holds something else: %.300s", path, coding, got)
			}
			for name, values := range plain.Header() {
				if got := w.Header()[name]; name != "Content-Length" && strings.Join(got, ",") != strings.Join(values, ",") {
					t.Errorf("%s in %s: %s is %q, without %q", path, coding, name, got, values)
				}
			}
		}
	}
}

// An answer that a client has in one coding is not sent again in any.
func TestCompressedAnswersAreValidated(t *testing.T) {
	st := storetest.NewOracle()
	a := newAPI(st, nil)
	keep(t, a, 1, mixed())
	const line = "GET /api/v1/timeseries?from=2026-11-23T00:00:00Z&to=2026-11-23T12:00:00Z"
	tag := ask(a, line, "", "Accept-Encoding", "gzip").Header().Get("ETag")
	if !strings.HasPrefix(tag, `W/"`) {
		t.Errorf("the same tag for all codings is %s, which is not weak", tag)
	}
	for _, coding := range []string{"gzip", "zstd", "identity"} {
		w := ask(a, line, "", "Accept-Encoding", coding, "If-None-Match", tag)
		if w.Code != http.StatusNotModified || w.Body.Len() != 0 || w.Header().Get("ETag") != tag || w.Header().Get("Content-Encoding") != "" {
			t.Errorf("in %s: %d %v, %d bytes", coding, w.Code, w.Header(), w.Body.Len())
		}
	}
}

// Answers that set a cookie are not compressed, however long they are, and neither are
// problems of such a route.
func TestCookiesAreNotCompressed(t *testing.T) {
	now := noon
	a := guarded(&now, Tokens{Ingest: "in", Read: "out"})
	cookie := signIn(t, a, "out")
	for line, body := range map[string]string{
		"POST /api/v1/session": `{"token":"out"}`, "DELETE /api/v1/session": "", "GET /api/v1/session": "",
		"GET /api/v1/session?" + strings.Repeat("x", 4000): "",
	} {
		w := ask(a, line, body, "Accept-Encoding", "gzip, zstd", "Cookie", cookie)
		if got := w.Header().Get("Content-Encoding"); got != "" {
			t.Errorf("%.40s: %s", line, got)
		}
	}
	for pattern := range neverCompressed {
		method, path, _ := strings.Cut(pattern, " ")
		if _, got := a.mux.Handler(request(method+" "+strings.NewReplacer("{$}", "", "{name}", "x").Replace(path), nil)); got != pattern {
			t.Errorf("there is no pattern %s but %s", pattern, got)
		}
	}
}

// A compressed file is sent as it is found.
func TestCompressedExportsAreStreams(t *testing.T) {
	for _, coding := range []string{"gzip", "zstd"} {
		t.Run(coding, func(t *testing.T) {
			pausing := &pausing{Store: storetest.NewOracle(), resume: make(chan struct{})}
			a := newAPI(pausing, nil)
			many := make([]wire.Request, 40_000)
			for i := range many {
				many[i] = wire.Request{Key: wire.Key{Service: "web", Endpoint: fmt.Sprintf("/a%d", i*7919%1000), Method: "GET", Status: 200}, Start: noon.UnixMilli() - 1 - int64(i)*100, Duration: 12345}
			}
			keep(t, a, 1, many)
			server := httptest.NewServer(a)
			defer server.Close()
			r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, server.URL+"/api/v1/requests/export", nil)
			if err != nil {
				t.Fatal(err)
			}
			r.Header.Set("Accept-Encoding", coding)
			resp, err := http.DefaultTransport.RoundTrip(r)
			if err != nil {
				t.Fatal(err)
			}
			defer resp.Body.Close()
			var body io.Reader
			if coding == "gzip" {
				body, err = gzip.NewReader(resp.Body)
			} else {
				body, err = zstd.NewReader(resp.Body)
			}
			if err != nil || resp.Header.Get("Content-Encoding") != coding {
				t.Fatal(err, resp.Header)
			}
			lines := bufio.NewReader(body)
			if first, err := lines.ReadString('\n'); err != nil || !strings.HasPrefix(first, "created_at,") {
				t.Fatal(first, err)
			}
			close(pausing.resume)
			rest, err := io.ReadAll(lines)
			if n := bytes.Count(rest, []byte("\n")); n != len(many) || err != nil {
				t.Errorf("%d lines, %v", n, err)
			}
		})
	}
}

// pausing is a store that waits in the middle of its requests.
type pausing struct {
	store.Store
	resume chan struct{}
}

func (s *pausing) Requests(ctx context.Context, q store.RequestQuery) iter.Seq2[*store.Record, error] {
	return func(yield func(*store.Record, error) bool) {
		n := 0
		for r, err := range s.Store.Requests(ctx, q) {
			if n++; n == 20_000 {
				<-s.resume
			}
			if !yield(r, err) {
				return
			}
		}
	}
}
