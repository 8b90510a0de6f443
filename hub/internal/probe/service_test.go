package probe

import (
	"encoding/json"
	"fmt"
	"net/http"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/kymohq/kymo/health"
	"github.com/kymohq/kymo/hub/internal/config"
)

func openService(t *testing.T, url string) health.Probe {
	t.Helper()
	p, err := Service(&config.Poll{Health: url})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = p.Close() })
	return tests.watch("service", p)
}

func TestService(t *testing.T) {
	type checks = map[string]string
	for _, c := range []struct {
		name   string
		status int
		body   string
		want   health.Status
		reason string
		checks checks
	}{
		{"Kymo, healthy", 200, `{"status":"healthy","timestamp":"2026-11-23T09:15:31Z","checks":{"db":{"service":"db","status":"healthy","response_time_ms":3,"details":{}}}}`,
			health.Healthy, "", checks{"db": "healthy"}},
		{"Kymo, degraded", 200, `{"status":"degraded","checks":{"db":{"status":"healthy"},"cache":{"status":"degraded","response_time_ms":90,"details":{"used":1},"reason":"took 90 ms, over 50 ms"}}}`,
			health.Degraded, "cache is degraded: took 90 ms, over 50 ms", checks{"db": "healthy", "cache": "degraded"}},
		{"Kymo, down", 503, `{"status":"down","checks":{"cache":{"status":"degraded"},"db":{"status":"down","reason":"connection refused"}}}`,
			health.Down, "db is down: connection refused; cache is degraded", checks{"db": "down", "cache": "degraded"}},
		{"down with 200", 200, `{"status":"down"}`, health.Down, "says it is down", nil},
		{"healthy with 503", 503, `{"status":"healthy"}`, health.Degraded, "says it is healthy, but answered 503 Service Unavailable", nil},
		{"draft-inadarei, pass", 200, `{"status":"pass","version":"1","checks":{"db:responseTime":[{"status":"pass","observedValue":3}],"db:connections":[{"status":"pass"}]}}`,
			health.Healthy, "", checks{"db": "healthy"}},
		{"draft-inadarei, two measurements", 503, `{"status":"fail","checks":{"db:responseTime":[{"status":"pass"}],"db:connections":[{"status":"fail","output":"100 of 100"}]}}`,
			health.Down, "db is down: 100 of 100", checks{"db": "down"}},
		{"draft-inadarei, warn", 200, `{"status":"warn","output":"disk","checks":{"disk":[{"status":"pass"},{"status":"warn","output":"90 % full"}]}}`,
			health.Degraded, "disk is degraded: 90 % full", checks{"disk": "degraded"}},
		{"draft-inadarei, fail", 503, `{"status":"fail","output":"out of memory","checks":{}}`, health.Down, "says it is down: out of memory", nil},
		{"draft-inadarei, a synonym", 503, `{"status":"error"}`, health.Down, "says it is down", nil},
		{"actuator, UP", 200, `{"status":"UP","components":{"db":{"status":"UP","details":{"database":"H2"}},"ping":{"status":"UP"}}}`,
			health.Healthy, "", checks{"db": "healthy", "ping": "healthy"}},
		{"actuator, DOWN", 503, `{"status":"DOWN","components":{"db":{"status":"DOWN","details":{"error":"x"}}}}`, health.Down, "db is down: x", checks{"db": "down"}},
		{"actuator, OUT_OF_SERVICE", 503, `{"status":"OUT_OF_SERVICE"}`, health.Down, "says it is down", nil},
		{"actuator, UNKNOWN", 200, `{"status":"UNKNOWN"}`, health.Unknown, "says it is unknown", nil},
		{"ASP.NET", 200, `{"status":"Degraded","entries":{"db":{"status":"Degraded"}}}`, health.Degraded, "db is degraded", checks{"db": "degraded"}},
		{"checks by their status alone", 200, `{"status":"ok","checks":{"db":"ok","cache":"down","x":7,"y":{"status":"?"},"z":[],"n":null}}`,
			health.Healthy, "", checks{"db": "healthy", "cache": "down"}},
		{"too many to name", 503, `{"status":"down","checks":{"a":"down","b":"down","c":"down","d":"down"}}`,
			health.Down, "a is down; b is down; c is down; …", checks{"a": "down", "b": "down", "c": "down", "d": "down"}},
		{"other keys of other kinds", 200, `{"status":"ok","reason":{"a":1},"checks":[1],"components":7}`, health.Healthy, "", nil},
		{"a text", 200, "I am fine", health.Degraded, `the answer is "I am fine"; expected JSON with a status such as healthy, degraded or down, or a word such as OK`, nil},
		{"a long text", 200, strings.Repeat("fine", 50), health.Degraded, `the answer is "` + strings.Repeat("fine", 10) + `…"; expected`, nil},
		{"a word", 200, "OK\n", health.Healthy, "", nil},
		{"another word", 200, "Healthy.", health.Healthy, "", nil},
		{"a bad word", 200, "Degraded", health.Degraded, "says it is degraded", nil},
		{"a worse word", 200, "Not ready", health.Down, "says it is down", nil},
		{"a word in JSON", 200, `"UP"`, health.Healthy, "", nil},
		{"false", 200, `false`, health.Down, "says it is down", nil},
		{"a web page", 200, "<!DOCTYPE html><p>Service Unavailable", health.Degraded, "the answer is a web page; expected", nil},
		{"a word that is not understood", 200, `{"status":"Partially Available"}`, health.Degraded, `says its status is "Partially Available", which is not understood`, nil},
		{"no status", 200, `{"version":"1.2"}`, health.Degraded, "the answer is JSON without a status; expected", nil},
		{"ok", 200, `{"ok":true,"error":null}`, health.Healthy, "", nil},
		{"not ok", 200, `{"ok":false,"error":"replica set has no primary"}`, health.Down, "says it is down: replica set has no primary", nil},
		{"a message", 200, `{"uptime":12.5,"message":"OK","timestamp":1795428930000}`, health.Healthy, "", nil},
		{"a status code", 200, `{"status":200}`, health.Healthy, "", nil},
		{"a bad status code", 200, `{"status":503}`, health.Down, "says it is down", nil},
		{"MicroProfile", 503, `{"status":"DOWN","checks":[{"name":"mail","status":"DOWN","data":{"error":"auth failed"}},{"name":"heap","status":"UP"},{"status":"UP"},7]}`,
			health.Down, "mail is down: auth failed", checks{"mail": "down", "heap": "healthy"}},
		{"Terminus", 503, `{"status":"error","info":{"db":{"status":"up"}},"error":{"kafka":{"status":"down","message":"no brokers"}},"details":{"kafka":{"status":"down"},"db":{"status":"up"}}}`,
			health.Down, "kafka is down: no brokers", checks{"kafka": "down", "db": "healthy"}},
		{"actuator of old", 503, `{"status":"DOWN","details":{"db":{"status":"DOWN","details":{"error":"gone"}}}}`, health.Down, "db is down: gone", checks{"db": "down"}},
		{"much", 200, `{"status":"UP","components":{` + strings.Repeat(`"x":{"status":"UP","details":{"a":"`+strings.Repeat("y", 1000)+`"}},`, 2000) + `"last":{"status":"UP"}}}`,
			health.Healthy, "", checks{"x": "healthy", "last": "healthy"}},
		{"much, and its status last", 200, `{"components":{` + strings.Repeat(`"x":{"status":"UP","details":{"a":"`+strings.Repeat("y", 1000)+`"}},`, 2000) + `"last":{"status":"UP"}},"status":"DOWN"}`,
			health.Down, "says it is down", checks{"x": "healthy", "last": "healthy"}},
		{"too much", 200, `{"x":"` + strings.Repeat("y", maxReport) + `","status":"UP"}`, health.Degraded,
			"the answer is over 8 MiB, and has no status in front of its checks; expected", nil},
		{"too much in a list", 200, `["` + strings.Repeat("y", maxReport) + `"]`, health.Degraded, "the answer is over 8 MiB", nil},
		{"much after the status", 200, `{"a":1,"status":"UP","x":"` + strings.Repeat("y", maxReport) + `"}`, health.Healthy, "", nil},
		{"much after a status that is down", 200, `{"status":"DOWN","x":"` + strings.Repeat("y", maxReport) + `"}`, health.Down, "says it is down", nil},
		{"much after a status that is not understood", 200, `{"status":"so so","x":"` + strings.Repeat("y", maxReport) + `"}`, health.Degraded, `"so so", which is not understood`, nil},
		{"nothing at all", 204, "", health.Healthy, "", nil},
		{"a number for a status", 404, `{"status":404}`, health.Down, "says it is down", nil},
		{"a list", 200, `["down"]`, health.Degraded, "the answer is \"[\\\"down\\\"]\"; expected", nil},
		{"not there", 404, "not found", health.Down, "answered 404 Not Found", nil},
		{"broken", 500, "<html>", health.Down, "answered 500 Internal Server Error", nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := web(t, func(w http.ResponseWriter, r *http.Request) {
				if accept := r.Header.Get("Accept"); accept != "application/json, application/health+json" {
					t.Errorf("accepts %q", accept)
				}
				says(c.status, c.body)(w, r)
			})
			p := openService(t, s.URL+"/health?token=geheim")
			var details health.Details
			if c.want == health.Healthy {
				details = wantHealthy(t, p)
			} else {
				details = wantProblem(t, p, enough, c.want, c.reason)
			}
			if got, _ := details["checks"].(checks); !reflect.DeepEqual(got, c.checks) {
				t.Errorf("checks are %v, not %v", got, c.checks)
			}
		})
	}
}

// However much a service says, the worst of it is kept, and no secret.
func TestServiceSaysMuch(t *testing.T) {
	for _, length := range []int{1, 150, 1000} {
		checks := map[string]string{"worst": "down"}
		for i := range 200 {
			checks[fmt.Sprintf("%03d%s", i, strings.Repeat("é", length))] = "ok"
		}
		body, _ := json.Marshal(map[string]any{"status": "fail", "output": "geheim", "checks": checks})
		p := openService(t, web(t, says(503, string(body))).URL+"?key=geheim")
		details := wantProblem(t, p, enough, health.Down, "worst is down")
		shown := details["checks"].(map[string]string)
		text, _ := json.Marshal(details)
		if left := details["checks_not_shown"]; len(shown) > maxShownChecks || len(text) > health.MaxDetails ||
			shown["worst"] != "down" || left != 201-len(shown) {
			t.Errorf("%d checks in %d bytes, %v are not shown", len(shown), len(text), left)
		}
	}
	p := openService(t, web(t, says(503, `{"status":"fail","output":"the key geheim is old"}`)).URL+"?key=geheim")
	wantProblem(t, p, enough, health.Down, "says it is down: the key *** is old")
}

// What Kymo's own handler answers, in both of its forms, is understood.
func TestServiceOfKymo(t *testing.T) {
	report := health.Report{Status: health.Down, Checks: []health.CheckReport{
		{Name: "db", State: health.State{Status: health.Down}, Reason: "connection refused", Critical: true, Runs: 1},
	}}
	handler := &health.Handler{Report: func() health.Report { return report }}
	plain := func(w http.ResponseWriter, r *http.Request) {
		r.Header.Del("Accept")
		handler.ServeHTTP(w, r)
	}
	for _, s := range []http.HandlerFunc{handler.ServeHTTP, plain} {
		wantProblem(t, openService(t, web(t, s).URL+"/health"), enough, health.Down, "db is down: connection refused")
	}
}

// A hub can poll another that has thousands of checks, whatever those say.
func TestServiceOfThousandsOfChecks(t *testing.T) {
	const many = 5000
	for _, c := range []struct {
		name    string
		details string // of each check
		shown   any    // the number of checks that are not shown
	}{
		{"few words", `{"version":"16.4"}`, many - maxShownChecks},
		{"many words", `{"text":"` + strings.Repeat("x", 3000) + `"}`, "the report is over 8 MiB"},
	} {
		t.Run(c.name, func(t *testing.T) {
			report := health.Report{Status: health.Healthy, Time: time.Now()}
			for i := range many {
				one := health.CheckReport{Name: fmt.Sprintf("shop/check %04d", i), Runs: 1, CheckedAt: report.Time, Details: json.RawMessage(c.details),
					State: health.State{Status: health.Healthy, Since: report.Time}}
				if i%1000 == 999 {
					one.Status, one.Reason = health.Down, "connection refused"
				}
				report.Add(one)
			}
			handler := &health.Handler{Report: func() health.Report { return report }, Details: func(*http.Request) bool { return true }}
			p := openService(t, web(t, handler.ServeHTTP).URL+"/health")
			reason := "shop/check 0999 is down: connection refused; shop/check 1999 is down: connection refused; shop/check 2999 is down: connection refused; …"
			if _, cut := c.shown.(string); cut {
				reason = "says it is degraded"
			}
			for range 2 {
				details := wantProblem(t, p, enough, health.Degraded, reason)
				text, err := json.Marshal(details)
				if err != nil || len(text) > health.MaxDetails || details["checks_not_shown"] != c.shown {
					t.Errorf("details of %d bytes, %v: %v are not shown", len(text), err, details["checks_not_shown"])
				}
			}
		})
	}
}

// A login page says nothing about health.
func TestServiceBehindALogin(t *testing.T) {
	s := web(t, func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/health":
			http.Redirect(w, r, "/login/", http.StatusSeeOther)
		case "/moved":
			http.Redirect(w, r, "/moved/", http.StatusPermanentRedirect)
		case "/moved/":
			says(200, `{"status":"pass"}`)(w, r)
		default:
			w.Header().Set("Content-Type", "text/html; charset=utf-8")
			says(200, "Welcome back")(w, r)
		}
	})
	wantProblem(t, openService(t, s.URL+"/health"), enough, health.Degraded, "the answer is a web page; expected")
	wantHealthy(t, openService(t, s.URL+"/moved"))
}

func TestServiceFaults(t *testing.T) {
	wantProblem(t, openService(t, "http://"+closedTCP(t)+"/?key=geheim"), enough, health.Down, "connection refused")
	wantProblem(t, openService(t, "http://"+frozen(t)+"/?key=geheim"), short, health.Down, "no answer within 150 ms")
}

// A body may contain anything.
func FuzzSelfReport(f *testing.F) {
	f.Add(`{"status":"warn","checks":{"disk":[{"status":"pass"},{"status":"warn","output":"full"}],"a":"up"}}`)
	f.Add(`{"status":"UP","components":{"db":{"status":"DOWN"}},"entries":null}`)
	f.Fuzz(func(t *testing.T, body string) {
		r, _ := parseSelfReport(&answer{body: []byte(body)})
		if r == nil {
			return
		}
		if text, err := json.Marshal(r.details()); err != nil || len(text) > health.MaxDetails {
			t.Errorf("details of %d bytes: %v", len(text), err)
		}
		if r.reason() == "" {
			t.Error("no reason")
		}
	})
}
