package stacks

import (
	"cmp"
	"context"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

func contextOf(d time.Duration) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.Background(), d)
}

// try asks the stack with and without Kymo, compares, and looks at the records.
func (s *stack) try(t *testing.T, protocol string) {
	m, kept, said := monitor()
	without, with := start(t, s, nil, protocol), start(t, s, m, protocol)
	requests := s.requests
	if requests == nil {
		requests = append(appRequests(), s.also...)
	}
	recorded := 0
	for _, rq := range requests {
		if rq.only != "" && rq.only != protocol || slices.Contains(s.skip, rq.name) {
			continue
		}
		want := s.wants(rq)
		began := time.Now()
		a, b := without.ask(rq, s), with.ask(rq, s)
		if a.text != b.text {
			t.Errorf("%s: the client got\n%s\nand without Kymo\n%s", rq.name, cut(b.text), cut(a.text))
		}
		if a.times != 0 || !want.anyTime && b.times != timesOf(want, b) {
			t.Errorf("%s: X-Response-Time is there %d times, without Kymo %d times", rq.name, b.times, a.times)
		}
		if (b.early > 0) != (s.gathers && rq.name == "early") {
			t.Errorf("%s: X-Response-Time is in %d informational responses", rq.name, b.early)
		}
		if want.absent {
			continue
		}
		recorded++
		kept.wait(m, recorded)
		rs := kept.kept()
		if len(rs) != recorded {
			t.Fatalf("%s: %d records, want %d: %+v", rq.name, len(rs), recorded, rs[max(0, recorded-2):])
		}
		want.check(t, rq, b, rs[recorded-1], time.Since(began))
	}
	if s.requests == nil {
		recorded += s.crowd(t, with)
	}
	without.stop(t)
	with.stop(t)
	closeMonitor(t, m)
	if rs := kept.kept(); len(rs) != recorded {
		t.Errorf("%d requests are recorded, want %d", len(rs), recorded)
	} else if s.requests == nil {
		s.checkCrowd(t, rs[recorded-crowdSize:])
	}
	compareSights(t, requests, with.env.seen, without.env.seen)
	compareLogs(t, with.log.all(), without.log.all())
	s.checkSaid(t, said.all())
}

// ask makes one request.
func (v *server) ask(rq *request, s *stack) answer {
	if rq.ask != nil {
		return rq.ask(v.client, rq, s)
	}
	return v.do(v.new(context.Background(), rq.named()), s)
}

// named returns the request with the fields that identify it.
func (rq *request) named() *request {
	r := *rq
	r.header = append([]string{caseHeader, rq.name, userHeader, "user of " + rq.name}, rq.header...)
	return &r
}

// wants returns how rq is recorded.
func (s *stack) wants(rq *request) expected {
	want := rq.want
	if w, ok := s.expect[rq.name]; ok {
		want = w
		if want.endpoint == "" {
			want.endpoint = rq.want.endpoint
		}
	}
	switch {
	case s.unrouted || want.endpoint == "":
		want.endpoint = unmatched
	case s.endpoint != "":
		want.endpoint = s.endpoint
	}
	return want
}

func timesOf(want expected, a answer) int {
	if want.untimed || want.absent || a.status == 0 {
		return 0
	}
	return 1
}

func (want expected) check(t *testing.T, rq *request, a answer, got record, elapsed time.Duration) {
	t.Helper()
	status := want.status
	if status == 0 {
		status = cmp.Or(a.status, http.StatusInternalServerError) // a panic
	}
	user := "user of " + rq.name
	if want.anonymous {
		user = ""
	}
	if got.Endpoint != want.endpoint || got.Status != status || got.User != user || got.Method != rq.method {
		t.Errorf("%s: recorded %s %s %d by %q, want %s %s %d by %q", rq.name,
			got.Method, got.Endpoint, got.Status, got.User, rq.method, want.endpoint, status, user)
	}
	switch {
	case got.Duration < 0 || got.FirstByte < 0 || got.FirstByte > got.Duration || max(got.Duration, got.Lifetime) > elapsed:
		t.Errorf("%s: recorded duration %v, first byte %v, lifetime %v in %v", rq.name, got.Duration, got.FirstByte, got.Lifetime, elapsed)
	case want.stream && (got.Lifetime < got.Duration || got.Lifetime == 0 || got.FirstByte != got.Duration):
		t.Errorf("%s: recorded duration %v, first byte %v, lifetime %v, want those of a stream", rq.name, got.Duration, got.FirstByte, got.Lifetime)
	case !want.stream && got.Lifetime != 0:
		t.Errorf("%s: recorded lifetime %v, it is not a stream", rq.name, got.Lifetime)
	}
}

// compareSights compares what handlers saw.
func compareSights(t *testing.T, requests []*request, with, without *witness) {
	for _, rq := range requests {
		a, b := without.saw[rq.name], with.saw[rq.name]
		slices.Sort(a) // a handler that was given up may see later what it saw
		slices.Sort(b)
		if !slices.Equal(a, b) {
			t.Errorf("%s: the handlers saw\n\t%s\nand without Kymo\n\t%s", rq.name, strings.Join(b, "\n\t"), strings.Join(a, "\n\t"))
		}
	}
	for _, w := range append(with.wrong, without.wrong...) {
		t.Error(w)
	}
}

// compareLogs compares what servers logged, in any order.
func compareLogs(t *testing.T, with, without []string) {
	plain := func(l []string) []string {
		p := make([]string, len(l))
		for i, line := range l {
			line, _, _ = strings.Cut(line, "\n") // a panic's trace follows
			p[i] = conversion.ReplaceAllString(addresses.ReplaceAllString(line, "…"), "… is not")
		}
		slices.Sort(p)
		return p
	}
	if a, b := plain(without), plain(with); !slices.Equal(a, b) {
		t.Errorf("the server logged\n\t%s\nand without Kymo\n\t%s", strings.Join(b, "\n\t"), strings.Join(a, "\n\t"))
	}
}

// checkSaid looks for the line that explains how to get routes.
func (s *stack) checkSaid(t *testing.T, log []string) {
	if len(log) != 1 && s.unrouted || len(log) != 0 && !s.unrouted {
		t.Errorf("Kymo logged %q", log)
		return
	}
	if s.unrouted && !(strings.Contains(log[0], "answered without a route") && strings.Contains(log[0], "remedy=")) {
		t.Errorf("Kymo logged %q", log)
	}
}

func cut(s string) string {
	if len(s) > 900 {
		return s[:900] + "…"
	}
	return s
}

var (
	// addresses are the clients' in logs.
	addresses = regexp.MustCompile(`127\.0\.0\.1:\d+`)
	// conversion is of a writer whose type a panic names.
	conversion = regexp.MustCompile(`interface conversion: \S+ is not`)
)
