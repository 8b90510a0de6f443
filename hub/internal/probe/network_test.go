package probe

import (
	"context"
	"math"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/kymohq/kymo/health"
	"github.com/kymohq/kymo/hub/internal/config"
)

// Each wrong entry is rejected with the key to correct, and no secret is shown.
func TestNetworkSpecs(t *testing.T) {
	canary := &Canary{Model: "m", Body: map[string]any{"a": 1}}
	nan := math.NaN()
	for _, c := range []struct {
		spec    Spec
		problem string
	}{
		{Spec{Type: "http", URL: "ftp://app:geheim@h"}, "url: must begin with http:// or https:// and look like https://host/path"},
		{Spec{Type: "http", URL: "http://app:geheim%@h"}, "url: is not understood; it must look like"},
		{Spec{Type: "http", URL: "http://h/\ngeheim"}, "url: is not understood"},
		{Spec{Type: "http", URL: "http:///geheim"}, "url: names no host"},
		{Spec{Type: "http", URL: "http://app:geheim@h:70000"}, "url: has a port that is not a number"},
		{Spec{Type: "http", URL: "http://h", Method: "GET /"}, `method: "GET /" is not an HTTP method`},
		{Spec{Type: "http", URL: "http://h", Method: "connect"}, `method: "connect" is not an HTTP method`},
		{Spec{Type: "http", URL: "http://h", Method: "head", Contains: "ok"}, "method: is HEAD, whose answers have no body"},
		{Spec{Type: "http", URL: "http://h", Redirects: "all"}, `redirects: "all" is not one of same-host, follow, none`},
		{Spec{Type: "http", URL: "http://h", Redirects: "follow", Status: []int{301}}, "redirects: is follow, but status has a redirect, which is not followed then; leave out one of the two"},
		{Spec{Type: "http", URL: "http://h", Status: []int{200, 600}}, "status: has 600; must be from 200 to 599"},
		{Spec{Type: "http", URL: "http://h", Headers: map[string]string{"Authorization: geheim": ""}}, "headers: has a name that no header can have"},
		{Spec{Type: "http", URL: "http://h", Headers: map[string]string{"X-Key": "geheim\n"}}, "headers: has a control character, like a line break, in the value of X-Key"},
		{Spec{Type: "http", URL: "http://h", JSON: map[string]any{"a..b": 1}}, `json: has the path "a..b" with nothing between dots`},
		{Spec{Type: "http", URL: "http://h", JSON: map[string]any{"a": nan}}, `json: has a value at "a" that JSON cannot express`},
		{Spec{Type: "tcp", URL: "tcp://h"}, "url: names no port"},
		{Spec{Type: "tcp", URL: "h:5432"}, "url: must begin with tcp://"},
		{Spec{Type: "tcp", URL: "tcp://h:5432/geheim"}, "url: must have nothing but the host and the port"},
		{Spec{Type: "grpc", URL: "http://h"}, "url: must begin with grpc:// or grpcs://"},
		{Spec{Type: "grpc", URL: "grpc://h"}, "url: names no port"},
		{Spec{Type: "grpc", URL: "grpc://h:1", Headers: map[string]string{"": "geheim"}}, "headers: has a name"},
		{Spec{Type: "dns", URL: "http://h"}, "url: must look like dns:///name?type=A"},
		{Spec{Type: "dns", URL: "dns://h/%zz"}, "url: must look like dns:///name?type=A"},
		{Spec{Type: "dns", URL: "dns://h/"}, "url: must have one name"},
		{Spec{Type: "dns", URL: "dns://h/a/b"}, "url: must have one name"},
		{Spec{Type: "dns", URL: "dns://h:0/a"}, "url: has a port that is not a number"},
		{Spec{Type: "dns", URL: "dns:a?type=HINFO"}, "url: has a type that is not supported; must be one of A, AAAA, CNAME, MX, TXT, NS, SRV, PTR, CAA"},
		{Spec{Type: "dns", URL: "dns:a?type=CAA"}, "url: must name a resolver for CAA records, as in dns://resolver:53/name?type=CAA"},
		{Spec{Type: "dns", URL: "dns:a?type=PTR"}, "url: must have an address for a PTR record, as in dns:///192.0.2.1?type=PTR"},
		{Spec{Type: "dns", URL: "dns:///xn--a"}, "url: has a name that cannot be one of a domain: idna: invalid label"},
		{Spec{Type: "dns", URL: "dns:a?class=CH"}, "url: has a class that is not IN"},
		{Spec{Type: "dns", URL: "dns:a?geheim=1"}, "url: has an option that dns: does not take"},
		{Spec{Type: "tls", URL: "tcp://h"}, "url: must begin with tls:// or https://"},
		{Spec{Type: "tls", URL: "tls://h", ExpiresIn: -day}, "expires_in: is -24h0m0s; must not be negative"},
		{Spec{Type: "disk", Path: "data"}, "path: must be absolute"},
		{Spec{Type: "disk", Path: "/", MinFree: 10}, "min_free: is 10; it is a share"},
		{Spec{Type: "disk", Path: "/", MinFree: nan}, "min_free: is NaN; it is a share"},
		{Spec{Type: "kserve", URL: "h:8080"}, "url: must begin with http:// or https://"},
		{Spec{Type: "kserve", URL: "http://h", Models: []string{""}}, "models: has a name that is empty"},
		{Spec{Type: "kserve", URL: "http://h", Models: []string{".."}}, "models: has a name that is empty or only dots"},
		{Spec{Type: "kserve", URL: "http://h", Key: "geheim\n"}, "key: contains a control character"},
		{Spec{Type: "kserve", URL: "http://h", Headers: map[string]string{"a b": "geheim"}}, "headers: has a name"},
		{Spec{Type: "kserve", URL: "http://h", Canary: &Canary{}}, "canary.model: is missing"},
		{Spec{Type: "kserve", URL: "http://h", Models: []string{"n"}, Canary: canary}, `canary.model: "m" is not one of models`},
		{Spec{Type: "kserve", URL: "http://h", Canary: &Canary{Model: "m", Shape: []int{-2}}}, "canary.shape: has -2"},
		{Spec{Type: "kserve", URL: "http://h", Canary: &Canary{Model: "m", Budget: -1}}, "canary.budget: is -1ns; must not be negative"},
		{Spec{Type: "kserve", URL: "http://h", Canary: &Canary{Model: "m"}}, `canary.body: is missing; it is the request, like {"inputs"`},
		{Spec{Type: "kserve", URL: "http://h", Canary: &Canary{Model: "m", Body: map[string]any{"a": nan}}}, "canary.body: has a value that JSON cannot express"},
		{Spec{Type: "torchserve", URL: "http://h", Models: []string{"m"}}, "models: need the management API"},
		{Spec{Type: "torchserve", URL: "http://h?management=h:geheim"}, "url: has a management option that is not a URL"},
		{Spec{Type: "torchserve", URL: "http://h", Canary: &Canary{Model: "m"}}, "canary.body: is missing"},
		{Spec{Type: "tfserving", URL: "http://h"}, "models: is missing"},
		{Spec{Type: "tfserving", URL: "http://h", Canary: &Canary{Model: "m"}}, "canary.body: is missing"},
		{Spec{Type: "openai", URL: "http://h", Canary: &Canary{Model: "m", Shape: []int{1}}}, "canary.shape: is not for openai"},
	} {
		p, err := New(&c.spec)
		wantFieldError(t, c.spec.Type, err, c.problem)
		if p.Run != nil {
			t.Errorf("%s: a probe beside the error %v", c.spec.Type, err)
		}
	}
	_, err := Service(&config.Poll{Health: "orders:geheim/health"})
	wantFieldError(t, "service", err, "health: must begin with http:// or https:// and look like http://host:8000/health")
}

// targets is a spec of each type for a server at this address.
func targets(addr string) []Spec {
	models, canary := []string{"m"}, &Canary{Body: map[string]any{"a": 1}}
	return []Spec{
		{Type: "http", URL: "http://app:geheim@" + addr + "/path?token=geheim", Headers: map[string]string{"X-Key": "geheim"}},
		{Type: "http", URL: "https://app:geheim@" + addr + "/path?token=geheim"},
		{Type: "tcp", URL: "tcp://" + addr, Contains: "ok"},
		{Type: "grpc", URL: "grpc://" + addr, Headers: map[string]string{"authorization": "Bearer geheim"}},
		{Type: "grpc", URL: "grpcs://" + addr},
		{Type: "tls", URL: "tls://" + addr},
		{Type: "kserve", URL: "http://" + addr + "?key=geheim", Models: models, Canary: canary, Key: "geheim"},
		{Type: "torchserve", URL: "http://" + addr + "?management=http://app:geheim@" + addr, Models: models, Canary: canary},
		{Type: "tfserving", URL: "http://app:geheim@" + addr, Models: models, Canary: canary},
		{Type: "openai", URL: "http://" + addr, Models: models, Canary: canary, Key: "geheim"},
	}
}

// What happens to every server happens to each type in the same words.
func TestNetworkFaults(t *testing.T) {
	for _, s := range targets(closedTCP(t)) {
		t.Run(s.Type+" refused", func(t *testing.T) {
			wantProblem(t, openProbe(t, s), enough, health.Down, "connection refused")
		})
	}
	hung := serve(t, listen(t), func(c net.Conn) { _ = c.Close() })
	for _, s := range targets(hung) {
		t.Run(s.Type+" hung up", func(t *testing.T) {
			p := openProbe(t, s)
			if _, err := runProbe(t, p, enough); health.StatusOf(err) != health.Down {
				t.Errorf("it is %s: %v", health.StatusOf(err), err)
			}
		})
	}
	silent := frozen(t)
	for _, s := range targets(silent) {
		t.Run(s.Type+" frozen", func(t *testing.T) {
			wantProblem(t, openProbe(t, s), short, health.Down, "no answer within 150 ms")
			p := openProbe(t, s)
			// A deadline does not tell how much time there was.
			until, stop := context.WithTimeout(t.Context(), 10*time.Millisecond)
			defer stop()
			if _, err := p.Run(until); err == nil || !strings.Contains(err.Error(), "no answer in time; check its load") {
				t.Errorf("at a deadline it says %v", err)
			}
			// A run that is called off is neither late nor a failure.
			ctx, cancel := context.WithCancel(t.Context())
			time.AfterFunc(10*time.Millisecond, cancel)
			if _, err := p.Run(ctx); health.StatusOf(err) != health.Unknown {
				t.Errorf("a run that was called off says %s: %v", health.StatusOf(err), err)
			}
		})
	}
}

// No run leaves anything behind when its probe is closed: neither a goroutine nor
// a file, whether it found something or not.
func TestNetworkLeaks(t *testing.T) {
	well := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write([]byte(`{"status": "UP"}`))
	}))
	defer well.Close()
	silent, closed, name := frozen(t), closedTCP(t), "dns://"+dnsServer(t, nil)+"/here.example"
	// Those who wait for a word of the server wait in vain.
	look := func() {
		all := []Spec{{Type: "dns", URL: name}, {Type: "dns", URL: "dns://" + closed + "/a"}, {Type: "disk", Path: "/"}}
		for _, addr := range []string{silent, closed, well.Listener.Addr().String()} {
			all = append(all, targets(addr)...)
		}
		for _, s := range all {
			p, err := New(&s)
			if err != nil {
				t.Fatal(err)
			}
			for range 2 {
				_, _ = runProbe(t, p, 20*time.Millisecond)
			}
			if p.Close != nil {
				_ = p.Close()
			}
		}
	}
	look() // once for what stays for ever
	well.CloseClientConnections()
	files := func() int { entries, _ := os.ReadDir("/proc/self/fd"); return len(entries) }
	goroutines, descriptors := runtime.NumGoroutine(), files()
	for range 3 {
		look()
	}
	eventually(t, "goroutines as before", func() bool { return runtime.NumGoroutine() <= goroutines })
	eventually(t, "files as before", func() bool { return files() <= descriptors })
}

func TestCertificateFault(t *testing.T) {
	for _, scheme := range []string{"https", "grpcs"} {
		typ := strings.TrimSuffix(scheme, "s")
		for problem, addr := range map[string]string{
			"certificate has expired on":                 tlsServer(t, lasting(-day)),
			"certificate is for another host":            tlsServer(t, trusted.issue(time.Now(), time.Now().Add(day), "else.example")),
			"certificate signed by an unknown authority": tlsServer(t, newAuthority("Nobody").issue(time.Now().Add(-day), time.Now().Add(day))),
		} {
			wantProblem(t, openProbe(t, Spec{Type: typ, URL: scheme + "://" + addr}), enough, health.Down, problem)
		}
	}
}
