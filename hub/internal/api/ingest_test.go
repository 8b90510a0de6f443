package api

import (
	"bytes"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"

	"github.com/kymohq/kymo/hub/internal/store/storetest"
	"github.com/kymohq/kymo/internal/wire"
)

func gzipped(t testing.TB, data []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	w, err := gzip.NewWriterLevel(&b, gzip.BestSpeed)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(data); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func zstandard(t testing.TB, data []byte, o ...zstd.EOption) []byte {
	t.Helper()
	w, err := zstd.NewWriter(nil, o...)
	if err != nil {
		t.Fatal(err)
	}
	return w.EncodeAll(data, nil)
}

func TestPostingABatch(t *testing.T) {
	a := newAPI(storetest.NewOracle(), nil)
	data := encoded("web", 1, 100)
	for i, c := range []struct{ coding, body string }{
		{"", string(data)}, {"identity", string(data)}, {"gzip", string(gzipped(t, data))}, {"X-GZIP", string(gzipped(t, data))}, {"zstd", string(zstandard(t, data))},
	} {
		w := ask(a, "POST /api/v1/batches", c.body, "Content-Type", wire.ContentType, "Content-Encoding", c.coding)
		want := fmt.Sprintf(`{"accepted":100,"duplicate":%v}`, i > 0)
		if got := strings.TrimSpace(w.Body.String()); w.Code != http.StatusAccepted || got != want || w.Header().Get("Content-Type") != "application/json" {
			t.Errorf("%s: %d %s", c.coding, w.Code, got)
		}
	}
	if got := a.Intake.Counters.Requests.Load(); got != 100 {
		t.Errorf("%d requests counted", got)
	}
}

func TestPostingJSON(t *testing.T) {
	a := newAPI(storetest.NewOracle(), nil)
	for _, contentType := range []string{"application/json", "application/json; charset=utf-8", "application/x-ndjson", "application/ndjson", "application/jsonl", "text/plain;charset=UTF-8", ""} {
		w := ask(a, "POST /api/v1/requests", metric, "Content-Type", contentType)
		if got := strings.TrimSpace(w.Body.String()); w.Code != http.StatusAccepted || got != `{"accepted":1,"duplicate":false}` {
			t.Errorf("%s: %d %s", contentType, w.Code, got)
		}
	}
	for i := range 2 {
		w := ask(a, "POST /api/v1/requests", "["+metric+","+metric+"]", "Idempotency-Key", "once")
		if got := strings.TrimSpace(w.Body.String()); got != fmt.Sprintf(`{"accepted":2,"duplicate":%v}`, i > 0) {
			t.Errorf("with a key: %d %s", w.Code, got)
		}
	}
	w := ask(a, "POST /api/v1/requests", metric, "Idempotency-Key", "once")
	if w.Code != http.StatusUnprocessableEntity || !strings.Contains(w.Body.String(), `"location":"header.Idempotency-Key"`) || !strings.Contains(w.Body.String(), "nothing of this body was kept") {
		t.Errorf("another body with the key: %d %s", w.Code, w.Body)
	}
	if got := a.Intake.Counters.Requests.Load(); got != 9 {
		t.Errorf("%d requests counted", got)
	}
}

// TestPostsOfTheWorld are bodies as services in Python and JavaScript send them.
func TestPostsOfTheWorld(t *testing.T) {
	a := newAPI(storetest.NewOracle(), nil)
	for body, want := range map[string]string{
		`{"endpoint":"/accounts/17","method":"GET","response_time_ms":3,"status_code":200,"user_id":17,"timestamp":"2026-11-23T11:59:59.123456"}`:                         `{"accepted":1,"duplicate":false}`,
		`{"endpoint":"/a","method":"GET","response_time_ms":"3.5","status_code":"200","metric_id":"x","created_at":null}`:                                                 `{"accepted":1,"duplicate":false}`,
		`{"requests":[{"endpoint":"/a","method":"GET","response_time_ms":3,"status_code":200,"ip":"192.0.2.4","a\"b":{"c":[]}}]}`:                                         `{"accepted":1,"duplicate":false,"warnings":["ip","a\"b"]}`,
		`{"endpoint":"/a","method":"GET","response_time_ms":3,"status_code":200,"instance":"web-2","version":"2.0.0-rc.1","trace_id":"4bf92f3577b34da6a3ce929d0e0e4736"}`: `{"accepted":1,"duplicate":false}`,
		`{"endpoint":"/a","method":"GET","response_time_ms":3,"status_code":200,"trace_id":"4bf9"}`:                                                                       `{"accepted":1,"duplicate":false,"warnings":["trace_id"]}`,
		"[" + metric + `,{"endpoint":"/` + strings.Repeat("x", 9000) + `","method":"GET","response_time_ms":1,"status_code":200},` + metric + "]":                         `{"accepted":3,"duplicate":false}`,
		`{"route":"/u/{name}","method":"GET","response_time_ms":3,"status_code":200,"first_byte_ms":1,"lifetime_ms":2,"response_bytes":3,"error":"E"}`:                    `{"accepted":1,"duplicate":false}`,
	} {
		w := ask(a, "POST /api/v1/requests", body)
		if got := strings.TrimSpace(w.Body.String()); w.Code != http.StatusAccepted || got != want {
			t.Errorf("%.100s: %d %s; want %s", body, w.Code, got, want)
		}
	}
}

func TestPostsThatAreRefused(t *testing.T) {
	a := newAPI(storetest.NewOracle(), nil)
	batch := string(encoded("web", 1, 10))
	bad := wire.NewBuilder()
	bad.Add(&wire.Request{Key: wire.Key{Service: "web", Endpoint: "/", Method: "GET", Status: 200}})
	bad.Add(&wire.Request{Key: wire.Key{Service: "web", Endpoint: "/", Method: "GET", Status: 99}})
	for i := range 8 {
		ask(a, "POST /api/v1/batches", string(encoded(fmt.Sprint("s", i), 1, 1)), "Content-Type", wire.ContentType)
	}
	before := a.Intake.Counters.Refused.Load()
	n := uint64(0)
	for name, c := range map[string]struct {
		path, body string
		headers    []string
		status     int
		location   string
		says       string
	}{
		"element":          {"requests", "[" + metric + `,{"endpoint":"/a"}]`, nil, 422, "body[1].method", "is missing"},
		"JSON":             {"requests", "[" + metric, nil, 422, "body", "ends at byte"},
		"no body":          {"requests", "", nil, 422, "body", "is empty"},
		"too many":         {"requests", strings.Replace(metric, "{", `{"service":"s99",`, 1), nil, 422, "body.service", "at most 8 services"},
		"form":             {"requests", "a=b", []string{"Content-Type", "application/x-www-form-urlencoded"}, 415, "header.Content-Type", "application/json"},
		"bad content type": {"requests", metric, []string{"Content-Type", ";;"}, 415, "header.Content-Type", "must be one of"},
		"coding":           {"requests", metric, []string{"Content-Encoding", "br"}, 415, "header.Content-Encoding", "use gzip, zstd or none"},
		"two codings":      {"requests", metric, []string{"Content-Encoding", "gzip, zstd"}, 415, "header.Content-Encoding", "is not supported"},
		"long key":         {"requests", metric, []string{"Idempotency-Key", strings.Repeat("k", 256)}, 422, "header.Idempotency-Key", "at most 255"},
		"not gzip":         {"requests", metric, []string{"Content-Encoding", "gzip"}, 422, "body", "not valid gzip"},
		"gzip cut short":   {"requests", string(gzipped(t, []byte(metric))[:40]), []string{"Content-Encoding", "gzip"}, 422, "body", "not valid gzip"},
		"not zstd":         {"requests", metric, []string{"Content-Encoding", "zstd"}, 422, "body", "not valid zstd"},
		"empty zstd":       {"requests", "", []string{"Content-Encoding", "zstd"}, 422, "body", "is empty"},
		"JSON as a batch":  {"batches", metric, []string{"Content-Type", wire.ContentType}, 422, "body", "malformed batch"},
		"batch as JSON":    {"batches", batch, []string{"Content-Type", "application/json"}, 415, "header.Content-Type", wire.ContentType},
		"batch, no type":   {"batches", batch, nil, 415, "header.Content-Type", wire.ContentType},
		"batch cut short":  {"batches", batch[:len(batch)-3], []string{"Content-Type", wire.ContentType}, 422, "body", "cut short"},
		"invalid batch":    {"batches", string(bad.Batch("x", 1).AppendBinary(nil)), []string{"Content-Type", wire.ContentType}, 422, "body[1].status_code", "must be from 100"},
	} {
		t.Run(name, func(t *testing.T) {
			w := ask(a, "POST /api/v1/"+c.path, c.body, c.headers...)
			wrongAt(t, problem(t, w, c.status), c.location, c.says)
		})
		n++
	}
	if got := a.Intake.Counters.Refused.Load() - before; got != n {
		t.Errorf("%d refused; counted %d", n, got)
	}
	if free := a.memory.free.Load(); free != 256<<20 {
		t.Errorf("%d bytes of memory are free; some were not given back", free)
	}
}

func TestManyAtOnce(t *testing.T) {
	st := storetest.NewOracle()
	server := httptest.NewServer(newAPI(st, nil))
	defer server.Close()
	var wg sync.WaitGroup
	const services = 7 // with the default one as many as newAPI lets in
	for g := range services {
		wg.Go(func() {
			for i := range 20 {
				body := encoded(fmt.Sprint("s", g), uint64(i), 50)
				contentType, coding, path := wire.ContentType, "", "/api/v1/batches"
				switch i % 4 {
				case 1:
					body, coding = gzipped(t, body), "gzip"
				case 2:
					body, coding = zstandard(t, body), "zstd"
				case 3:
					contentType, path = "application/json", "/api/v1/requests"
					body = []byte("[" + strings.Repeat(metric+",", 49) + metric + "]")
				}
				r, err := http.NewRequest("POST", server.URL+path, bytes.NewReader(body))
				if err != nil {
					t.Error(err)
					return
				}
				r.Header.Set("Content-Type", contentType)
				if coding != "" {
					r.Header.Set("Content-Encoding", coding)
				}
				// Each batch has the instance sdk: only the first of each sequence is new.
				w, err := http.DefaultClient.Do(r)
				if err != nil || w.StatusCode != http.StatusAccepted {
					t.Errorf("got %v %v", w, err)
					return
				}
				w.Body.Close()
				if w, err := http.Get(server.URL + "/metrics/endpoints"); err != nil || w.StatusCode != http.StatusOK {
					t.Errorf("got %v %v", w, err)
				} else {
					w.Body.Close()
				}
			}
		})
	}
	wg.Wait()
	later := newAPI(st, func(c *Config) { c.Now = func() time.Time { return noon.Add(time.Second) } })
	w := ask(later, "GET /metrics/performance?service=default", "")
	if !strings.Contains(w.Body.String(), fmt.Sprintf(`"total_requests":%d`, services*5*50)) {
		t.Errorf("got %s", w.Body)
	}
}

func BenchmarkPostBatch(b *testing.B) {
	a := newAPI(discard{}, nil)
	data := encoded("web", 1, 8192)
	for b.Loop() {
		r := request("POST /api/v1/batches", bytes.NewReader(data), "Content-Type", wire.ContentType)
		w := httptest.NewRecorder()
		if a.ServeHTTP(w, r); w.Code != http.StatusAccepted {
			b.Fatal(w.Body)
		}
	}
	b.ReportMetric(8192*float64(b.N)/b.Elapsed().Seconds(), "requests/s")
}
