package kymo

import (
	"context"
	"log/slog"
	"net/http"
	"strings"
	"testing"

	"github.com/kymohq/kymo/internal/wire"
)

func TestWrongOptionsAreToldAndNotFatal(t *testing.T) {
	for _, test := range []struct {
		name    string
		service string
		opts    []Option
		problem string
	}{
		{"no name", "", nil, "no name"},
		{"long name", strings.Repeat("x", 200), nil, "too long"},
		{"name with controls", "a\nb", nil, "control characters"},
		{"no scheme", "test", []Option{WithHub("localhost:5966")}, "should look like"},
		{"no host", "test", []Option{WithHub("http://")}, "should look like"},
		{"not an address", "test", []Option{WithHub("http://user:pass%zz@host")}, "cannot be parsed"},
		{"password", "test", []Option{WithHub("ftp://user:pass@host")}, "xxxxx"},
		{"token", "test", []Option{WithToken("a b")}, "token"},
		{"nil sink", "test", []Option{WithSink(nil)}, "WithSink"},
		{"nil routes", "test", []Option{WithRoutes(nil)}, "WithRoutes"},
		{"nil logger", "test", []Option{WithLogger(nil)}, "WithLogger"},
		{"small queue", "test", []Option{WithQueue(-1)}, "WithQueue"},
		{"version", "test", []Option{WithVersion("a\nb")}, "WithVersion"},
		{"nil option", "test", []Option{nil}, "option is nil"},
	} {
		t.Run(test.name, func(t *testing.T) {
			var log logs
			m := New(test.service, append([]Option{WithLogger(log.logger())}, test.opts...)...)
			w := do(m.Middleware(nothing), "GET", "/")
			if w.Code != 200 {
				t.Errorf("answered %d", w.Code)
			}
			ctx, cancel := context.WithCancel(context.Background())
			cancel()
			m.Close(ctx)
			problems := m.Stats().Problems
			if len(problems) != 1 || !strings.Contains(problems[0], test.problem) || strings.Contains(problems[0], "pass") {
				t.Errorf("problems %q", problems)
			}
			m.shipper.running.Wait()
			if log.count("invalid option") != 1 {
				t.Errorf("logged %s", log.b.String())
			}
		})
	}
}

func TestEnvironment(t *testing.T) {
	t.Setenv("KYMO_HUB", "https://hub.example/kymo")
	t.Setenv("KYMO_TOKEN", "secret")
	o := newOptions(nil)
	sink := o.sink.(*httpSink)
	if sink.url != "https://hub.example/kymo/api/v1/batches" || sink.token != "secret" {
		t.Errorf("ships to %s with %q", sink.url, sink.token)
	}
	o = newOptions([]Option{WithHub("http://other"), WithToken("mine")})
	if sink = o.sink.(*httpSink); sink.url != "http://other/api/v1/batches" || sink.token != "mine" {
		t.Errorf("ships to %s with %q", sink.url, sink.token)
	}
	t.Setenv("KYMO_HUB", "")
	o = newOptions([]Option{WithRoutes(http.NewServeMux()), WithLogger(slog.Default())})
	if sink = o.sink.(*httpSink); sink.url != "http://127.0.0.1:5966/api/v1/batches" || len(o.problems) != 0 {
		t.Errorf("ships to %s, problems %q", sink.url, o.problems)
	}
}

func TestServiceNameIsFitForABatch(t *testing.T) {
	sink := new(memory)
	m := New(strings.Repeat("é", 200), WithSink(sink), WithLogger(slog.New(slog.DiscardHandler)))
	do(m.Middleware(nothing), "GET", "/")
	if got := one(t, m, sink); got.Service != strings.Repeat("é", wire.MaxService/2) {
		t.Errorf("recorded %+v", got)
	}
}
