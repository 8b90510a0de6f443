package fleet

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/kymohq/kymo/health"
)

// run returns the name of the instance that is one run of the service on a host.
func run(host string, n int) string { return fmt.Sprintf("%s-%d-%012x", host, 100+n, n) }

// lives are the times, in seconds, at which the instances of a service send heartbeats:
// from, then every 10 s, until to; 0 is no end.
type lives map[string][2]int

// play sends the heartbeats of the seconds since the last call, up to and with
// the second to.
func (p *testFleet) play(l lives, to int) {
	for ; p.second <= to; p.second++ {
		p.at = start.Add(time.Duration(p.second) * time.Second)
		for _, id := range slices.Sorted(maps.Keys(l)) {
			if age := p.second - l[id][0]; age >= 0 && age%10 == 0 && (l[id][1] == 0 || p.second <= l[id][1]) {
				p.beat("s", id, health.Healthy)
			}
		}
	}
}

// moment is the expected result of a service's probe at a second.
type moment struct {
	second    int
	instances float64
	status    health.Status
	reason    string
}

func TestSupersede(t *testing.T) {
	healthy, degraded, unknown, down := health.Healthy, health.Degraded, health.Unknown, health.Down
	web, a, b, c := func(n int) string { return run("web", n) }, run("a", 1), run("b", 2), run("c", 3)
	for _, test := range []struct {
		name  string
		lives lives
		want  []moment
	}{
		{"killed and restarted",
			lives{web(1): {0, 20}, web(2): {23, 0}},
			[]moment{{22, 1, healthy, ""}, {23, 2, healthy, ""}, {50, 2, healthy, ""}, {51, 1, healthy, ""}, {700, 1, healthy, ""}}},
		{"killed, and restarted when it is already silent",
			lives{web(1): {0, 20}, web(2): {55, 0}},
			[]moment{{50, 1, healthy, ""}, {54, 1, unknown, "silent for 34 s" + remedy}, {55, 1, healthy, ""}}},
		{"one of three is replaced after five minutes",
			lives{a: {0, 0}, b: {0, 0}, c: {0, 100}, run("d", 4): {400, 0}},
			[]moment{{130, 3, healthy, ""}, {131, 3, degraded, "1 of 3 instances silent for up to 31 s"},
				{399, 3, degraded, "1 of 3 instances silent for up to 4 min 59 s"}, {400, 3, healthy, ""}, {900, 3, healthy, ""}}},
		{"a rolling restart of three on one host",
			lives{web(1): {0, 10}, web(2): {1, 21}, web(3): {2, 32}, web(4): {15, 0}, web(5): {26, 0}, web(6): {37, 0}},
			[]moment{{40, 6, healthy, ""}, {41, 5, healthy, ""}, {52, 4, healthy, ""}, {63, 3, healthy, ""}, {700, 3, healthy, ""}}},
		{"a rolling restart of three, each on a new host",
			lives{a: {0, 10}, b: {1, 21}, c: {2, 32}, run("d", 4): {15, 0}, run("e", 5): {26, 0}, run("f", 6): {37, 0}},
			[]moment{{41, 5, healthy, ""}, {52, 4, healthy, ""}, {63, 3, healthy, ""}, {700, 3, healthy, ""}}},
		{"one of three is lost",
			lives{a: {0, 0}, b: {0, 0}, c: {0, 100}},
			[]moment{{130, 3, healthy, ""}, {131, 3, degraded, "1 of 3 instances silent for up to 31 s"},
				{700, 3, degraded, "1 of 3 instances silent for up to 10 min"}, {701, 2, healthy, ""}}},
		{"two of three are lost, one is replaced",
			lives{a: {0, 0}, b: {0, 90}, c: {0, 100}, web(4): {105, 0}},
			[]moment{{120, 4, healthy, ""}, {121, 3, healthy, ""}, {130, 3, healthy, ""}, {131, 3, degraded, "1 of 3 instances silent for up to 31 s"},
				{700, 3, degraded, "1 of 3 instances silent for up to 10 min"}, {701, 2, healthy, ""}}},
		{"an instance is added a second before another is lost",
			lives{a: {0, 100}, b: {99, 0}},
			[]moment{{130, 2, healthy, ""}, {131, 2, degraded, "1 of 2 instances silent for up to 31 s"}, {700, 2, degraded, "1 of 2 instances silent for up to 10 min"}, {701, 1, healthy, ""}}},
		{"an instance is added in the very second of a last heartbeat",
			lives{a: {0, 100}, b: {100, 0}},
			[]moment{{131, 2, degraded, "1 of 2 instances silent for up to 31 s"}}},
		{"scaled up, and none is lost",
			lives{a: {0, 0}, b: {3, 0}, c: {207, 0}},
			[]moment{{206, 2, healthy, ""}, {207, 3, healthy, ""}, {700, 3, healthy, ""}}},
		{"a crash loop that ends well",
			lives{web(1): {0, 10}, web(2): {15, 15}, web(3): {21, 31}, web(4): {36, 46}, web(5): {50, 0}},
			[]moment{{40, 4, healthy, ""}, {41, 3, healthy, ""}, {46, 2, healthy, ""}, {50, 3, healthy, ""}, {62, 2, healthy, ""}, {77, 1, healthy, ""}, {700, 1, healthy, ""}}},
		{"a crash loop that ends badly",
			lives{web(1): {0, 10}, web(2): {15, 15}, web(3): {21, 31}, web(4): {36, 46}},
			[]moment{{76, 1, healthy, ""}, {77, 1, unknown, "silent for 31 s" + remedy}, {137, 1, down, "silent for 1 min 31 s" + remedy}}},
		{"replaced, and then scaled down without a farewell",
			lives{a: {0, 10}, b: {15, 0}, c: {18, 98}},
			[]moment{{41, 2, healthy, ""}, {128, 2, healthy, ""}, {129, 2, degraded, "1 of 2 instances silent for up to 31 s"}}},
	} {
		t.Run(test.name, func(t *testing.T) {
			p := newTestFleet(t, Limits{})
			probe := p.Probe("s", silence, downAfter, time.Time{})
			for _, m := range test.want {
				p.play(test.lives, m.second)
				t.Logf("second %d", m.second)
				if d := p.expect(probe, m.status, m.reason); d["instances"] != m.instances {
					t.Errorf("second %d: %v instances, want %v", m.second, d["instances"], m.instances)
				}
			}
		})
	}
}

// names returns the instances of the service s.
func (p *testFleet) names() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Sorted(maps.Keys(p.services["s"].instances))
}

// Which of two lost instances was restarted shows when the other comes back, which must not
// count as the replaced one.
func TestSupersedeOnTheSameHostFirst(t *testing.T) {
	for _, test := range []struct {
		name string
		new  string
		left []string
	}{
		{"of the first", run("a", 3), []string{run("a", 3), run("b", 2)}},
		{"of the second", run("b", 3), []string{run("a", 1), run("b", 3)}},
		{"of neither", run("c", 3), []string{run("b", 2), run("c", 3)}},
		{"of no host, the names being a user's", "b-x-y", []string{run("b", 2), "b-x-y"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			p := newTestFleet(t, Limits{})
			p.play(lives{run("a", 1): {0, 40}, run("b", 2): {5, 45}, test.new: {50, 0}}, 80)
			p.Sweep()
			if got := p.names(); !slices.Equal(got, test.left) {
				t.Errorf("%q, want %q", got, test.left)
			}
		})
	}
}

// An instance that was only cut off is there again with its next heartbeat, and
// its replacement counts, too.
func TestSupersededInstanceComesBack(t *testing.T) {
	p := newTestFleet(t, Limits{})
	probe := p.Probe("s", silence, downAfter, time.Time{})
	a, b := run("a", 1), run("b", 2)
	p.play(lives{a: {0, 10}, b: {15, 0}}, 60)
	if d := p.expect(probe, health.Healthy, ""); d["instances"] != 1.0 {
		t.Errorf("got %v", d)
	}
	p.play(lives{a: {65, 0}, b: {15, 0}}, 300)
	if d := p.expect(probe, health.Healthy, ""); d["instances"] != 2.0 {
		t.Errorf("got %v", d)
	}
}

// A service whose heartbeats are expected rarely is not superseded sooner.
func TestSupersedeByTheSilenceOfTheService(t *testing.T) {
	p := newTestFleet(t, Limits{})
	probe := p.Probe("s", 2*time.Minute, 5*time.Minute, start)
	l := lives{run("a", 1): {0, 10}, run("a", 2): {15, 0}}
	for _, m := range []moment{{130, 2, health.Healthy, ""}, {131, 1, health.Healthy, ""}} {
		p.play(l, m.second)
		if d := p.expect(probe, m.status, m.reason); d["instances"] != m.instances {
			t.Errorf("second %d: %v", m.second, d)
		}
	}
}

func TestHost(t *testing.T) {
	for id, want := range map[string]string{
		"web-12-00aa11bb22cc":             "web",
		"orders-7f9c-x2k4-1-00aa11bb22cc": "orders-7f9c-x2k4",
		"web":                             "",
		"web-1":                           "",
		"my-web-one":                      "",
		"":                                "",
	} {
		if got := host(id); got != want {
			t.Errorf("%q is on %q, want %q", id, got, want)
		}
	}
}

// However the instances come and go, no assignment of newer instances to silent
// ones leaves fewer without a replacement than match.
func TestMatchIsBest(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		second := rapid.IntRange(0, 9)
		silent, newer := make([]*instance, rapid.IntRange(0, 5).Draw(t, "silent")), make([]*instance, rapid.IntRange(0, 5).Draw(t, "newer"))
		for i := range silent {
			silent[i] = &instance{last: start.Add(time.Duration(second.Draw(t, "last")) * time.Second)}
		}
		for i := range newer {
			newer[i] = &instance{first: start.Add(time.Duration(second.Draw(t, "first")) * time.Second)}
		}
		want := bestMatch(silent, newer)
		slices.SortFunc(silent, func(a, b *instance) int { return a.last.Compare(b.last) })
		slices.SortFunc(newer, func(a, b *instance) int { return a.first.Compare(b.first) })
		match(silent, newer)
		superseded, superseding := 0, 0
		for _, in := range silent {
			if in.superseded {
				superseded++
			}
		}
		for _, in := range newer {
			if in.superseding {
				superseding++
			}
		}
		if superseded != want || superseding != want {
			t.Fatalf("%d superseded by %d, want %d", superseded, superseding, want)
		}
	})
}

// bestMatch tries all assignments.
func bestMatch(silent, newer []*instance) int {
	if len(silent) == 0 {
		return 0
	}
	best := bestMatch(silent[1:], newer)
	for i, in := range newer {
		if in.first.After(silent[0].last) {
			rest := slices.Delete(slices.Clone(newer), i, i+1)
			best = max(best, 1+bestMatch(silent[1:], rest))
		}
	}
	return best
}

// What superseding costs is bounded by the instances of one service.
func TestManyRestartsAtOnce(t *testing.T) {
	p := newTestFleet(t, Limits{})
	probe := p.Probe("s", silence, downAfter, time.Time{})
	for i := range 500 {
		p.beat("s", run(strings.Repeat("h", i%7+1), i), health.Healthy)
	}
	p.at = p.at.Add(5 * time.Second)
	for i := range 500 {
		p.beat("s", run(strings.Repeat("h", i%5+1), 500+i), health.Healthy)
	}
	if d := p.expect(probe, health.Healthy, ""); d["instances"] != 1000.0 {
		t.Errorf("got %v", d)
	}
	p.at = p.at.Add(26 * time.Second)
	if d := p.expect(probe, health.Healthy, ""); d["instances"] != 500.0 {
		t.Errorf("got %v", d)
	}
}
