package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/kymohq/kymo/health"
	"github.com/kymohq/kymo/hub/internal/config"
	"github.com/kymohq/kymo/internal/printable"
	"github.com/kymohq/kymo/internal/wire"
)

// deceivers are characters that no output may have: one of each kind that the wire format
// allows, and one of ASCII's control characters, which reach a hub in JSON.
var (
	deceivers = []rune{0x80, 0x9b, 0x9f, 0xad, 0x61c, 0x200b, 0x200e, 0x200f, 0x2028, 0x2029, 0x202a, 0x202e, 0x2066, 0x2069, 0x3164, 0xfeff, 0xe0000, 0xe0041, 0xe007f}
	controls  = []rune{0, 7, 8, '\r', 0x1b, 0x7f}
)

// deceivingBatch returns a batch with the character in every text of a sender.
func deceivingBatch(r rune, sequence uint64, kind wire.Kind) []byte {
	text := "n" + string(r) + "m"
	b := wire.NewBuilder()
	if kind == wire.Kept {
		for i := range 3 {
			b.Add(&wire.Request{
				Key:  wire.Key{Service: text, Endpoint: "/" + text, Method: text, Status: 200 + 300*(i%2)},
				User: text, Error: text, Start: time.Now().Add(-time.Minute).UnixMilli(), Duration: time.Second,
			})
		}
	}
	batch := b.Batch("i"+text, sequence)
	batch.Kind, batch.Version = kind, text
	if kind == wire.Kept {
		batch.Drops = []wire.Drop{{Service: text, At: time.Now().UnixMilli(), Count: 1}}
	}
	now := time.Now().UnixMilli()
	details, _ := json.Marshal(map[string]string{text: text})
	batch.Health = []wire.HealthResult{
		{Service: text, Status: health.Down, From: now, To: now, Reason: text},
		{Service: text, Check: text, Status: health.Down, From: now, To: now, Reason: text, Details: string(details)},
	}
	return batch.AppendBinary(nil)
}

// pure fails the test if an output has a character that deceives, written as itself or
// as an escape of JSON.
func pure(t *testing.T, what, output string) {
	t.Helper()
	for line := range strings.Lines(output) {
		line = strings.ReplaceAll(strings.TrimRight(line, "\r\n"), "\t", " ") // CSV has lines of its own
		if r, found := printable.First(line); found {
			t.Errorf("%s: has %U: %+q", what, r, line)
		}
	}
	if strings.HasPrefix(output, "{") || strings.HasPrefix(output, "[") {
		if clean := printable.JSON([]byte(output)); string(clean) != output {
			t.Errorf("%s: has an escape of a character that deceives: %s", what, output)
		}
	}
}

// TestDeceivingNames sends names with characters that deceive to a hub in every way
// there is, and looks for them in everything that comes out.
func TestDeceivingNames(t *testing.T) {
	var log strings.Builder
	logger := newLogger(&log, slog.LevelDebug)
	conf := config.Default()
	conf.Store = filepath.Join(t.TempDir(), "data")
	if err := conf.Validate(makers); err != nil {
		t.Fatal(err)
	}
	h, err := openHub(conf, logger)
	if err != nil {
		t.Fatal(err)
	}
	defer closeHub(h)
	server := httptest.NewServer(h)
	defer server.Close()
	client := server.Client()

	sequence := uint64(0)
	for _, r := range deceivers {
		for _, kind := range []wire.Kind{wire.Kept, wire.Present} {
			sequence++
			if err := h.Ship(t.Context(), deceivingBatch(r, sequence, kind)); err != nil {
				t.Fatalf("%U: %v", r, err)
			}
		}
	}
	for _, r := range append(controls, deceivers...) {
		text := fmt.Sprintf("n%sm", string(r))
		body, _ := json.Marshal(map[string]any{
			"endpoint": "/json" + text, "method": "GET", "status_code": 200, "response_time_ms": 5, "user_id": text,
		})
		resp, err := client.Post(server.URL+"/api/v1/requests", "application/json", bytes.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		answer, _ := io.ReadAll(resp.Body)
		resp.Body.Close()
		if resp.StatusCode != http.StatusAccepted {
			t.Errorf("%U: a stranger's name costs the body: %s", r, answer)
		}
	}

	read := func(path string, replaced bool) {
		t.Helper()
		resp, err := client.Get(server.URL + path)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		body, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Fatal(err)
		}
		pure(t, path, string(body))
		for name, values := range resp.Header {
			pure(t, path+": "+name, strings.Join(values, " "))
		}
		if got := strings.Contains(string(body), "\uFFFD") || strings.Contains(string(body), `\ufffd`); got != replaced {
			t.Errorf("%s: replaced characters: %v: %s", path, got, body)
		}
	}
	for _, path := range []string{
		"/health", "/metrics", "/metrics/performance?hours=1", "/metrics/endpoints?hours=1", "/api/v1/services", "/api/v1/users?minutes=60",
		"/api/v1/requests?minutes=60", "/api/v1/requests/export?minutes=60&format=csv", "/api/v1/requests/export?minutes=60&format=ndjson",
	} {
		read(path, true)
	}
	const turned = "n\uFFFDm"
	name := url.QueryEscape(turned + "/" + turned)
	read("/api/v1/health/history?hours=1&name="+name, true)
	read("/api/v1/cardinality", true)
	for _, odd := range []string{"%E2%80%AE", "%C2%9B", "%1B", "%F3%A0%81%81"} {
		for _, path := range []string{"/metrics/performance?" + odd + "=1", "/metrics/performance?hours=" + odd, "/metrics/endpoints?sort=" + odd, "/api/v1/health/history?name=" + odd} {
			resp, err := client.Get(server.URL + path)
			if err != nil {
				t.Fatal(err)
			}
			body, _ := io.ReadAll(resp.Body)
			resp.Body.Close()
			pure(t, path, string(body))
			if resp.StatusCode/100 != 4 {
				t.Errorf("%s: %d", path, resp.StatusCode)
			}
		}
	}

	for _, args := range [][]string{{"report"}, {"endpoints"}, {"health"}, {"health", turned}, {"health", turned + "/" + turned}} {
		for _, format := range [][]string{nil, {"--json"}} {
			line := append(append(args, "--hub", server.URL), format...)
			ran := runKymo(t, nil, line...)
			pure(t, strings.Join(line, " "), ran.stdout.String())
			pure(t, strings.Join(line, " "), ran.stderr.String())
			if !strings.Contains(ran.stdout.String(), "\uFFFD") && !strings.Contains(ran.stdout.String(), `\ufffd`) {
				t.Errorf("%v: %s %s", line, &ran.stdout, &ran.stderr)
			}
		}
	}
	for _, r := range append(controls, deceivers...) {
		logger.Warn("a name", "name", "n"+string(r)+"m")
	}
	pure(t, "the log", log.String())
}

// TestADeceivingHub: the command does not print such characters of a server's answer
// either.
func TestADeceivingHub(t *testing.T) {
	for _, r := range append(controls, deceivers...) {
		text, _ := json.Marshal("n" + string(r) + "m")
		for command, body := range map[string]string{
			"report":    fmt.Sprintf(`{"total_requests":3,"slowest_endpoints":[{"service":%[1]s,"endpoint":%[1]s,"method":%[1]s,"slow":true,"slow_reason":%[1]s}]}`, text),
			"endpoints": fmt.Sprintf(`[{"service":%[1]s,"endpoint":%[1]s,"method":%[1]s,"slow":true,"slow_reason":%[1]s}]`, text),
			"health":    fmt.Sprintf(`{"status":"degraded","checks":{%[1]s:{"service":%[1]s,"status":"down","state":"down","reason":%[1]s,"details":{%[1]s:%[1]s}}}}`, text),
		} {
			for _, format := range [][]string{nil, {"--json"}} {
				ran := runKymo(t, nil, append([]string{command, "--hub", answering(t, 200, body)}, format...)...)
				pure(t, command, ran.stdout.String())
				if !strings.Contains(ran.stdout.String(), "\uFFFD") && !strings.Contains(ran.stdout.String(), `\ufffd`) {
					t.Errorf("%s: %s %s", command, &ran.stdout, &ran.stderr)
				}
			}
		}
		ran := runKymo(t, nil, "report", "--hub", answering(t, 422, fmt.Sprintf(`{"title":%[1]s,"detail":%[1]s}`, text)))
		pure(t, "a problem", ran.stderr.String())
	}
}
