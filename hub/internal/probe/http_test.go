package probe

import (
	"compress/gzip"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/kymohq/kymo/health"
	"github.com/kymohq/kymo/internal/serverstest"
)

// web starts an HTTP server that answers with the handler until the test ends.
func web(t *testing.T, answer http.HandlerFunc) *httptest.Server {
	t.Helper()
	s := httptest.NewServer(answer)
	t.Cleanup(s.Close)
	return s
}

// says answers with a status and a body.
func says(status int, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}
}

const aReport = `{"status": {"db": "bad", "cache.hits": 7}, "items": [{"id": 1.0}, {"id": 9007199254740993}], "note": null, "tags": ["a", "b"]}`

func TestHTTP(t *testing.T) {
	for _, c := range []struct {
		name    string
		answer  http.HandlerFunc
		spec    Spec
		problem string // "" is healthy
	}{
		{"well", says(200, "ok"), Spec{}, ""},
		{"no content", says(204, ""), Spec{}, ""},
		{"not modified", says(304, ""), Spec{}, ""},
		{"unavailable", says(503, "ok"), Spec{}, "answered 503 Service Unavailable"},
		{"no such status", says(599, ""), Spec{}, "answered 599"},
		{"an expected failure", says(401, ""), Spec{Status: []int{401, 403}}, ""},
		{"a success that is not expected", says(200, ""), Spec{Status: []int{401, 403}}, "answered 200 OK"},
		{"a redirect is what is expected", func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "https://else.example/", http.StatusMovedPermanently)
		},
			Spec{Status: []int{301}}, ""},
		{"contains", says(200, "all is ok"), Spec{Contains: "ok"}, ""},
		{"does not contain", says(200, "all is lost"), Spec{Contains: "ok"}, `body does not contain "ok"`},
		{"contains it too late", says(200, strings.Repeat(" ", maxBody)+"ok"), Spec{Contains: "ok"}, `first MiB of the body does not contain "ok"`},
		{"JSON", says(200, aReport), Spec{JSON: map[string]any{"items.0.id": 1, "note": nil, "tags": []string{"a", "b"}}}, ""},
		{"JSON with a dot in a key", says(200, aReport), Spec{JSON: map[string]any{"status.cache.hits": 7.0}}, ""},
		{"JSON, another value", says(200, aReport), Spec{JSON: map[string]any{"status.db": "ok"}}, `status.db is "bad", not "ok"`},
		{"JSON, two of them", says(200, aReport), Spec{JSON: map[string]any{"status.db": "<ok>", "items.1.id": int64(9007199254740992)}},
			`items.1.id is 9007199254740993, not 9007199254740992; status.db is "bad", not "<ok>"`},
		{"JSON, not there", says(200, aReport), Spec{JSON: map[string]any{"items.2.id": 1}}, "items.2.id is not there"},
		{"no JSON", says(200, "ok"), Spec{JSON: map[string]any{"a": 1}}, "body is not JSON"},
		{"JSON and more", says(200, "{} {}"), Spec{JSON: map[string]any{"a": 1}}, "body is not JSON"},
		{"too much JSON", says(200, `"`+strings.Repeat("x", maxBody)+`"`), Spec{JSON: map[string]any{"a": 1}}, "body is over 1 MiB"},
		{"compressed without end", bomb, Spec{Contains: "ok"}, "first MiB of the body does not contain"},
		{"a secret comes back", func(w http.ResponseWriter, r *http.Request) { fmt.Fprintf(w, `{"key": %q}`, r.Header.Get("X-Key")) },
			Spec{Headers: map[string]string{"X-Key": "geheim"}, JSON: map[string]any{"key": "none"}}, `key is "***", not "none"`},
		{"what is sent", echoes, Spec{Method: "put", Body: "ping", Headers: map[string]string{"X-Key": "geheim", "Host": "shop.example", "user-agent": "me"},
			Contains: "PUT shop.example ping geheim me"}, ""},
		{"what is sent by itself", echoes, Spec{Contains: " kymo"}, ""},
		{"HEAD", says(200, "ok"), Spec{Method: "HEAD"}, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.spec.Type, c.spec.URL = "http", web(t, c.answer).URL+"/health?token=geheim"
			p := openProbe(t, c.spec)
			if c.problem != "" {
				wantProblem(t, p, enough, health.Down, c.problem)
			} else if details := wantHealthy(t, p); details["status"] == nil {
				t.Errorf("details are %v", details)
			}
		})
	}
}

func echoes(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	fmt.Fprintln(w, r.Method, r.Host, string(body), r.Header.Get("X-Key"), r.UserAgent(), r.Header["X-Idempotency-Key"])
}

// bomb is a small body that decompresses to a large one.
func bomb(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Encoding", "gzip")
	z := gzip.NewWriter(w)
	_, _ = io.CopyN(z, zeros{}, 64<<20)
	_ = z.Close()
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { return len(p), nil }

// One connection serves all runs as long as it works, and no run waits on a dead one.
func TestHTTPConnection(t *testing.T) {
	proxy := serverstest.Proxy(t, web(t, says(200, "ok")).Listener.Addr().String())
	p := openProbe(t, Spec{Type: "http", URL: "http://" + proxy.Addr(), Method: "POST", Body: "ping"})
	for range 3 {
		wantHealthy(t, p)
	}
	if proxy.Accepted() != 1 {
		t.Errorf("%d connections; each run should use the first", proxy.Accepted())
	}
	proxy.Cut()
	wantHealthy(t, p) // whether it has noticed or not
	proxy.Hang()
	for range 2 {
		wantProblem(t, p, short, health.Down, "no answer within 150 ms")
	}
	proxy.Pass()
	wantHealthy(t, p)
	proxy.Refuse()
	proxy.Cut()
	eventually(t, "the cut is through", func() bool { return proxy.Open() == 0 })
	wantProblem(t, p, enough, health.Down, "connection closed by the server")
	proxy.Pass()
	wantHealthy(t, p)
	_ = p.Close()
	eventually(t, "no connection is open", func() bool { return proxy.Open() == 0 })
}

// The timeout also holds for a server that stops in the middle of its answer, if the
// question is not answered by then.
func TestHTTPStopsInTheMiddle(t *testing.T) {
	stopped := web(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Length", "100")
		_, _ = io.WriteString(w, "some")
		_ = http.NewResponseController(w).Flush()
		<-r.Context().Done()
	})
	wantProblem(t, openProbe(t, Spec{Type: "http", URL: stopped.URL, Contains: "something"}), short, health.Down, "no answer within 150 ms")
	gone := web(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "100")
		_, _ = io.WriteString(w, "some")
		_ = http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler)
	})
	wantProblem(t, openProbe(t, Spec{Type: "http", URL: gone.URL, Contains: "something"}), enough, health.Down, "connection closed by the server")
	for _, s := range []*httptest.Server{stopped, gone} {
		wantHealthy(t, openProbe(t, Spec{Type: "http", URL: s.URL}))
		wantHealthy(t, openProbe(t, Spec{Type: "http", URL: s.URL, Contains: "some"}))
	}
}

// Of a body that never ends, no more is read than the question needs.
func TestHTTPEndlessBody(t *testing.T) {
	endless := web(t, func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, "data: ready\n\n")
		_ = http.NewResponseController(w).Flush()
		<-r.Context().Done()
	})
	for range 2 {
		wantHealthy(t, openProbe(t, Spec{Type: "http", URL: endless.URL}))
		wantHealthy(t, openProbe(t, Spec{Type: "http", URL: endless.URL, Contains: "ready"}))
	}
	wantProblem(t, openProbe(t, Spec{Type: "http", URL: endless.URL, Contains: "steady"}), short, health.Down, "no answer within 150 ms")
	wantProblem(t, openProbe(t, Spec{Type: "http", URL: endless.URL, JSON: map[string]any{"a": 1}}), short, health.Down, "no answer within 150 ms")
}

// Servers that speak HTTP/2 only, with TLS and without.
func TestHTTPSecondVersion(t *testing.T) {
	for _, secure := range []bool{false, true} {
		s := httptest.NewUnstartedServer(says(200, "ok"))
		s.Config.Protocols = &http.Protocols{}
		s.Config.Protocols.SetHTTP2(secure)
		s.Config.Protocols.SetUnencryptedHTTP2(!secure)
		s.Config.ErrorLog = log.New(io.Discard, "", 0)
		s.EnableHTTP2 = secure
		if secure {
			s.TLS = &tls.Config{NextProtos: []string{"h2"}}
			s.StartTLS()
		} else {
			s.Start()
		}
		defer s.Close()
		p := openProbe(t, Spec{Type: "http", URL: s.URL, Insecure: true, Method: "POST", Body: "ping", Contains: "ok"})
		for range 3 {
			wantHealthy(t, p)
		}
	}
}

// What a server does with a new connection may be seen before the request is on its way, or
// after: the reason is the same.
func TestHTTPServerIsFaster(t *testing.T) {
	for _, test := range []struct{ says, reason string }{
		{"", "connection closed by the server"},
		{"220 mail.example ESMTP\r\n", "the server does not speak HTTP"},
	} {
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer listener.Close()
		go func() {
			for {
				conn, err := listener.Accept()
				if err != nil {
					return
				}
				_, _ = io.WriteString(conn, test.says)
				_ = conn.(*net.TCPConn).CloseWrite()
				_, _ = io.Copy(io.Discard, conn)
				_ = conn.Close()
			}
		}()
		for range 300 {
			wantProblem(t, openProbe(t, Spec{Type: "http", URL: "http://" + listener.Addr().String()}), enough, health.Down, test.reason)
		}
	}
}

// The user and password of the URL go along with a redirect to the same host, which
// does not repeat them.
func TestHTTPRedirectKeepsTheUser(t *testing.T) {
	s := web(t, func(w http.ResponseWriter, r *http.Request) {
		if user, password, _ := r.BasicAuth(); user != "app" || password != "geheim" {
			http.Error(w, "no user", http.StatusUnauthorized)
			return
		}
		if r.URL.Path == "/health" {
			http.Redirect(w, r, "http://"+r.Host+"/health/", http.StatusMovedPermanently)
		}
	})
	wantHealthy(t, openProbe(t, Spec{Type: "http", URL: "http://app:geheim@" + s.Listener.Addr().String() + "/health", Status: []int{200}}))
}

func TestHTTPRedirects(t *testing.T) {
	var other *httptest.Server
	seen := make(chan *http.Request, 1)
	other = web(t, func(w http.ResponseWriter, r *http.Request) { seen <- r })
	home := web(t, func(w http.ResponseWriter, r *http.Request) {
		n := 0
		if _, err := fmt.Sscanf(r.URL.Path, "/times/%d", &n); err == nil && n > 0 {
			http.Redirect(w, r, fmt.Sprintf("/times/%d", n-1), http.StatusFound)
			return
		}
		switch to := r.FormValue("to"); {
		case to != "":
			http.Redirect(w, r, to, http.StatusTemporaryRedirect)
		case r.Header.Get("X-Key") != "geheim" || r.Referer() != "":
			http.Error(w, "no key", http.StatusForbidden)
		}
	})
	with := func(redirects, path, body string) health.Probe {
		return openProbe(t, Spec{Type: "http", URL: home.URL + path, Method: "POST", Body: body, Redirects: redirects,
			Headers: map[string]string{"X-Key": "geheim", "Host": "shop.example"}})
	}
	ask := func(path, body string) health.Probe { return with("follow", path, body) }
	wantHealthy(t, ask("/times/10", ""))
	wantHealthy(t, with("", "/times/10", ""))
	wantHealthy(t, with("same-host", "/times/10", ""))
	wantProblem(t, with("", "/times/11", ""), enough, health.Down, "more than 10 redirects")
	wantProblem(t, ask("/times/11", ""), enough, health.Down, "more than 10 redirects")
	wantProblem(t, ask("/?to=ftp://h/", ""), enough, health.Down, "neither http nor https")
	wantProblem(t, ask("/?to="+url.QueryEscape("http://%zz"), ""), enough, health.Down, "failed to parse Location header")

	elsewhere := "/?secret=geheim&to=" + url.QueryEscape(other.URL+"/there")
	wantHealthy(t, ask(elsewhere, ""))
	if r := <-seen; r.Header.Get("X-Key") != "" || r.Referer() != "" || r.Host != other.Listener.Addr().String() || r.UserAgent() != clientName {
		t.Errorf("another host receives %v, as %s", r.Header, r.Host)
	}
	wantProblem(t, ask(elsewhere, "geheim"), enough, health.Down, "redirected to another host, with the body")
	for _, redirects := range []string{"", "same-host"} {
		wantProblem(t, with(redirects, elsewhere, ""), enough, health.Down,
			"redirected to another host, which redirects: follow allows: "+other.URL)
		wantProblem(t, with(redirects, "/?to="+url.QueryEscape("http://user:password@other.example/geheim?a=geheim"), ""), enough, health.Down,
			"redirected to another host, which redirects: follow allows: http://other.example")
	}
	wantHealthy(t, with("none", elsewhere, "geheim")) // the answer is a redirect, which is well
	wantProblem(t, openProbe(t, Spec{Type: "http", URL: home.URL + elsewhere, Redirects: "none", Status: []int{200}}), enough,
		health.Down, "answered 307")
	wantProblem(t, openService(t, home.URL+elsewhere), enough, health.Down, "redirected to another host, write its URL instead: "+other.URL)
	if len(seen) > 0 {
		t.Error("another host was asked without leave")
	}
}

func TestIsSameHost(t *testing.T) {
	for _, test := range []struct {
		a, b string
		want bool
	}{
		{"http://shop.example/a", "https://SHOP.example:443/b", true},
		{"http://shop.example:80", "http://shop.example", true},
		{"http://shop.example:8080", "http://shop.example:8080", true},
		{"http://[::1]:8080", "https://[::1]:8080", true},
		{"http://shop.example:8080", "http://shop.example", false}, // another server on that machine
		{"http://shop.example", "http://shop.example:443", false},
		{"http://shop.example", "http://www.shop.example", false},
		{"http://127.0.0.1", "http://localhost", false},
	} {
		a, errA := url.Parse(test.a)
		b, errB := url.Parse(test.b)
		if errA != nil || errB != nil || isSameHost(a, b) != test.want {
			t.Errorf("%s and %s: %v", test.a, test.b, !test.want)
		}
	}
}

func TestHTTPOverTLS(t *testing.T) {
	s := httptest.NewUnstartedServer(says(200, "ok"))
	s.Config.ErrorLog = log.New(io.Discard, "", 0) // of those who do not trust it
	s.StartTLS()                                   // with a certificate that is not signed
	defer s.Close()
	wantHealthy(t, openProbe(t, Spec{Type: "http", URL: s.URL, Insecure: true}))
	wantProblem(t, openProbe(t, Spec{Type: "http", URL: s.URL}), enough, health.Down, "certificate")
	wantProblem(t, openProbe(t, Spec{Type: "http", URL: "https://" + web(t, says(200, "ok")).Listener.Addr().String()}), enough,
		health.Down, "the server does not speak TLS")
}

// Whatever a server answers, secrets of the configuration are not shown.
func TestHTTPNoise(t *testing.T) {
	noise := serve(t, listen(t), greets("geheim is not HTTP\r\n\r\n"))
	p := openProbe(t, Spec{Type: "http", URL: "http://user:geheim@" + noise + "/?a=geheim"})
	wantProblem(t, p, enough, health.Down, "the server does not speak HTTP")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := p.Run(ctx); health.StatusOf(err) != health.Unknown {
		t.Errorf("a run that was called off before it began: %v", err)
	}
}
