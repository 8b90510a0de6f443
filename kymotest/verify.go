package kymotest

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"time"

	"github.com/kymohq/kymo"
)

// verify makes the request without Kymo, with the adapter, and with the adapter
// within the middleware. It returns all that is wrong.
func (c *testCase) verify(a Adapter, p protocol, limit time.Duration) error {
	plain, err := c.askOnce(a.New(Setup{Recovery: c.recovery}), p, limit)
	if err != nil {
		return fmt.Errorf("without Kymo: %w", err)
	}
	if err := c.checkPlain(plain); err != nil {
		return fmt.Errorf("without Kymo: %w", err)
	}
	var problems []error
	for _, chain := range chains {
		sink := new(Sink)
		m := newMonitor(sink)
		got, err := c.askOnce(chain.of(m, a.New(Setup{Monitor: m, Recovery: c.recovery})), p, limit)
		if closed := m.Close(context.Background()); err == nil {
			err = closed
		}
		if err == nil {
			err = errors.Join(c.compare(got, plain), c.checkTime(got), c.checkRecord(sink.Requests(), got, chain.seesAll))
		}
		if err != nil {
			problems = append(problems, fmt.Errorf("%s: %w", chain.name, err))
		}
	}
	return errors.Join(problems...)
}

// chain is how the adapter is used.
type chain struct {
	name    string
	of      func(*kymo.Monitor, http.Handler) http.Handler
	seesAll bool // Kymo also sees what is written around the adapter
}

var chains = []chain{
	{name: "with the adapter", of: func(_ *kymo.Monitor, h http.Handler) http.Handler { return h }},
	{name: "with the adapter within Middleware", of: (*kymo.Monitor).Middleware, seesAll: true},
}

// checkPlain checks that the server is what the suite asks for.
func (c *testCase) checkPlain(got *answer) error {
	if len(got.times) != 0 {
		return errors.New("the response has X-Response-Time; is the adapter in use although Setup.Monitor is nil?")
	}
	want := c.status
	switch {
	case c.ending == aborted || c.ending == hungUp:
		want = 0
	case c.ending == truncated || c.ending == recovered:
		want = 200
	case want == 0 && (got.status == 404 || got.status == 405):
		return nil
	}
	switch {
	case got.status != want:
		return fmt.Errorf("%s %s is answered with %d, want %d", c.method, c.target, got.status, want)
	case c.user != "" && c.method != "HEAD" && !strings.Contains(string(got.body), c.user):
		return fmt.Errorf("%s %s is answered with %q, want %q in it", c.method, c.target, got.body, c.user)
	case c.method == "POST" && string(got.body) != c.body:
		return fmt.Errorf("%s %s is answered with %q, want the request's body %q", c.method, c.target, got.body, c.body)
	case c.endpoint == "/files/{path...}" && got.size < 100_000:
		return fmt.Errorf("%s %s is answered with %d bytes, want 100,000", c.method, c.target, got.size)
	}
	return nil
}

// compare reports what differs for the client.
func (c *testCase) compare(got, plain *answer) error {
	if got.text == plain.text {
		return nil
	}
	return fmt.Errorf("the response differs:\n%q\nwithout Kymo it is\n%q", brief(got.text), brief(plain.text))
}

func brief(text string) string {
	const most = 2000
	if len(text) > most {
		return text[:most] + "…"
	}
	return text
}

var milliseconds = regexp.MustCompile(`^\d+ms$`)

// checkTime checks X-Response-Time, which is in all responses but those that the
// handler itself has written to the connection.
func (c *testCase) checkTime(got *answer) error {
	if c.ending == upgraded || got.status == 0 {
		return nil
	}
	if len(got.times) != 1 || !milliseconds.MatchString(got.times[0]) {
		return fmt.Errorf("the response has X-Response-Time %q, want one like 12ms", got.times)
	}
	return nil
}

// checkRecord checks what was recorded against what the client got.
func (c *testCase) checkRecord(recorded []Request, got *answer, seesAll bool) error {
	if len(recorded) != 1 {
		return fmt.Errorf("%d requests were recorded, want 1: %+v", len(recorded), recorded)
	}
	r := recorded[0]
	var problems []error
	differs := func(field string, got, want any) {
		if got != want {
			problems = append(problems, fmt.Errorf("%s was recorded as %v, want %v", field, got, want))
		}
	}
	differs("Endpoint", r.Endpoint, c.endpoint)
	method := c.method
	if c.recorded != "" {
		method = c.recorded
	}
	differs("Method", r.Method, method)
	status := c.status
	if status == 0 || c.ending == recovered && seesAll {
		status = got.status
	}
	differs("Status", r.Status, status)
	differs("User", r.User, c.user)
	whole := c.ending == answered || c.ending == streamed || c.ending == recovered
	if whole && c.method != "HEAD" && (c.recovery != RecoveryOutside || seesAll) {
		differs("Size", r.Size, got.size)
	}
	if stream := c.ending == streamed || c.ending == upgraded; stream != (r.Lifetime > 0) {
		problems = append(problems, fmt.Errorf("the record has Lifetime %v; is it a stream? %v", r.Lifetime, stream))
	}
	if r.FirstByte <= 0 || r.FirstByte > r.Duration {
		problems = append(problems, fmt.Errorf("the times were recorded as FirstByte %v, Duration %v", r.FirstByte, r.Duration))
	}
	return errors.Join(problems...)
}
