package probe

import (
	"fmt"
	"maps"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/dns/dnsmessage"
	grpchealth "google.golang.org/grpc/health"
	"google.golang.org/grpc/health/grpc_health_v1"

	"github.com/kymohq/kymo/health"
	"github.com/kymohq/kymo/hub/internal/goldentest"
)

// reasons returns what is wrong with the reasons that all tests have seen: each tells what
// was asked and what to do, in plain English and without secrets; and no advice is for what neither this package nor a server says.
func (w *witness) reasons() (problems []string) {
	chain := regexp.MustCompile(`\b(dial|read|write) (tcp|udp|unix)\b|\blookup |net/http:|context deadline|x509:|\btls: |%!|rpc error|desc = |\bEOF\b|geheim`)
	used := make(map[advice]bool)
	for o, all := range w.seen {
		for _, reason := range all {
			if o.status == health.Healthy {
				continue
			}
			_, came, ok := strings.Cut(reason, ": ")
			if !ok || !strings.HasPrefix(reason, o.typ+" at ") {
				problems = append(problems, fmt.Sprintf("%s: the reason does not tell what was asked: %q", o.typ, reason))
			}
			if found := chain.FindString(reason); found != "" {
				problems = append(problems, fmt.Sprintf("%s: the reason has %q: %q", o.typ, found, reason))
			}
			for _, a := range slices.Concat(everyAdvice, kindAdvice[o.typ]) {
				used[a] = used[a] || strings.Contains(came, a.phrase)
			}
		}
	}
	texts := sources()
	for _, a := range slices.Concat(append(slices.Collect(maps.Values(kindAdvice)), everyAdvice)...) {
		if !used[a] && !strings.Contains(texts, a.phrase) {
			problems = append(problems, fmt.Sprintf("no reason has %q", a.phrase))
			used[a] = true
		}
	}
	slices.Sort(problems)
	return problems
}

// sources returns the package's own texts, without those of the advice.
func sources() (all string) {
	files, _ := filepath.Glob("*.go")
	for _, file := range files {
		if file != "reason.go" && !strings.HasSuffix(file, "_test.go") {
			content, _ := os.ReadFile(file)
			all += string(content)
		}
	}
	return all
}

// TestWordsOfReasons shows what people read, with servers that are alike on every machine.
func TestWordsOfReasons(t *testing.T) {
	refused, silent := closedTCP(t), frozen(t)
	var lines []string
	ports := regexp.MustCompile(`127\.0\.0\.1:\d+`)
	dates := regexp.MustCompile(`\d{4}-\d\d-\d\d`)
	add := func(s Spec, limit time.Duration) {
		t.Helper()
		_, err := runProbe(t, openProbe(t, s), limit)
		if err == nil {
			t.Errorf("%s %s is healthy", s.Type, s.URL)
			return
		}
		text := dates.ReplaceAllString(ports.ReplaceAllString(err.Error(), "host:1"), "2026-11-27")
		lines = append(lines, health.StatusOf(err).String()+" "+text)
	}
	for _, addr := range []string{refused, silent} {
		limit := enough
		if addr == silent {
			limit = short
		}
		for _, s := range targets(addr) {
			add(s, limit)
		}
		for _, s := range []Spec{
			{Type: "postgres", URL: "postgres://app:geheim@" + addr + "/db?sslmode=disable"}, {Type: "mysql", URL: "mysql://app:geheim@" + addr},
			{Type: "redis", URL: "redis://app:geheim@" + addr}, {Type: "clickhouse", URL: "clickhouse://app:geheim@" + addr},
		} {
			add(s, limit)
		}
	}
	add(Spec{Type: "redis", URL: "unix:///nowhere/redis.sock"}, enough)
	add(Spec{Type: "disk", Path: "/nowhere"}, enough)
	for _, cert := range []string{
		tlsServer(t, lasting(-day)), tlsServer(t, lasting(2*day)),
		tlsServer(t, trusted.issue(time.Now(), time.Now().Add(day), "else.example")),
		tlsServer(t, newAuthority("Nobody").issue(time.Now().Add(-day), time.Now().Add(day))),
	} {
		add(Spec{Type: "tls", URL: "tls://" + cert, ExpiresIn: 30 * day}, enough)
	}
	for _, status := range []int{301, 401, 403, 404, 418, 429, 500, 503} {
		add(Spec{Type: "http", URL: web(t, says(status, "")).URL, Redirects: noRedirect, Status: []int{200}}, enough)
	}
	text := web(t, says(200, `{"status": "so so"}`)).URL
	add(Spec{Type: "http", URL: text, Contains: "ok"}, enough)
	add(Spec{Type: "http", URL: text, JSON: map[string]any{"status": "ok", "up": true}}, enough)
	away := func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "http://elsewhere.example/", http.StatusFound)
	}
	add(Spec{Type: "http", URL: web(t, away).URL}, enough)
	hello := serve(t, listen(t), func(c net.Conn) { _, _ = c.Write([]byte("hello\n")); _ = c.Close() })
	add(Spec{Type: "tcp", URL: "tcp://" + hello, Contains: "ok"}, enough)
	add(Spec{Type: "tls", URL: "tls://" + hello}, enough)
	serving := grpchealth.NewServer()
	serving.SetServingStatus("", grpc_health_v1.HealthCheckResponse_NOT_SERVING)
	rpc, _ := grpcServer(t, listen(t), serving)
	add(Spec{Type: "grpc", URL: "grpc://" + rpc}, enough)
	add(Spec{Type: "grpc", URL: "grpc://" + rpc, Service: "orders"}, enough)
	names := dnsServer(t, zone{"A here.example.": {&dnsmessage.AResource{A: [4]byte{192, 0, 2, 1}}}})
	add(Spec{Type: "dns", URL: "dns://" + dnsServer(t, nil) + "/here.example"}, short)
	add(Spec{Type: "dns", URL: "dns://" + names + "/missing.example"}, enough)
	add(Spec{Type: "dns", URL: "dns://" + names + "/here.example", Expect: []string{"192.0.2.9"}}, enough)

	model := func(typ string, s script, spec Spec) {
		spec.Type, spec.URL = typ, web(t, s.ServeHTTP).URL+spec.URL
		add(spec, enough)
	}
	m := Spec{Models: []string{"m"}}
	ready := script{"GET /v2/health/ready": on(200, "")}
	model("kserve", script{"GET /v2/health/live": on(200, "")}, Spec{})
	model("kserve", ready, m)
	model("kserve", script{"GET /v2/health/ready": on(401, "")}, m)
	model("torchserve", script{"GET /ping": on(500, `{"status": "Unhealthy"}`)}, Spec{})
	model("torchserve", script{"GET /ping": on(200, `{"status": "Partial Healthy"}`)}, Spec{})
	model("tfserving", script{"GET /v1/models/m": on(200, `{"model_version_status": [{"state": "END"}]}`)}, m)
	list := script{"GET /v1/models": on(200, `{"data": [{"id": "m", "owned_by": "vllm"}]}`), "GET /health": on(200, ""), "GET /metrics": on(200, vllmMetrics)}
	model("openai", list.with("GET /health", on(503, "")), m)
	model("openai", list.with("GET /v1/models", on(429, "")), m)
	model("openai", list, Spec{MaxQueue: 1})
	model("openai", list.with("GET /metrics", on(200, "")), Spec{MaxCache: 0.5})
	for _, body := range []string{
		`{"status": "down", "checks": {"db": {"status": "down", "reason": "connection refused"}, "cache": {"status": "degraded"}}}`,
		`{"status": "degraded"}`, `Partially available`, `<html>`,
	} {
		p := openService(t, web(t, says(200, body)).URL)
		_, err := runProbe(t, p, enough)
		lines = append(lines, health.StatusOf(err).String()+" "+ports.ReplaceAllString(fmt.Sprint(err), "host:1"))
	}
	slices.Sort(lines)
	goldentest.Compare(t, "testdata/reasons.txt", strings.Join(slices.Compact(lines), "\n")+"\n")
}

func TestRemedy(t *testing.T) {
	for came, want := range map[string]string{
		"db is down: connection refused":                 "see its own checks",
		"connection refused":                             "check that it is running and listens there",
		"certificate is not valid before 2026-11-27":     "wait until then, or check the clocks",
		"says it is healthy, but answered 500":           "see its log",
		"the answer is a web page; expected JSON with …": "",
		"something else":                                 "see its log",
	} {
		if got := (target{"service", "h"}).remedy(came); got != want {
			t.Errorf("%q: got %q, want %q", came, got, want)
		}
	}
}
