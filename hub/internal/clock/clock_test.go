package clock

import (
	"testing"
	"time"
)

const day = 24 * time.Hour

var noon = time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)

// bench is a machine: the time as it is, how far its clock is from that, and a Clock.
type bench struct {
	*testing.T
	time   time.Time
	skew   time.Duration
	server func() time.Time // nil: there is none
	clock  *Clock
}

func newBench(t *testing.T, skew time.Duration) *bench {
	b := &bench{T: t, time: noon, skew: skew}
	b.clock = New(func() time.Time { return b.time.Add(b.skew) }, func() time.Duration { return b.time.Sub(noon) })
	return b
}

// pass lets time pass, with an observation each minute.
func (b *bench) pass(d time.Duration) {
	for end := b.time.Add(d); b.time.Before(end); {
		b.time = b.time.Add(min(time.Minute, end.Sub(b.time)))
		if b.server != nil {
			b.clock.SetServer(b.server())
		}
		b.clock.Observe()
	}
}

// want fails unless Past and Future are so far from the time as it is.
func (b *bench) want(past, future time.Duration, doubt string) {
	b.Helper()
	if got := b.clock.Past().Sub(b.time); got != past {
		b.Errorf("Past is off by %s, want %s", got, past)
	}
	if got := b.clock.Future().Sub(b.time); got != future {
		b.Errorf("Future is off by %s, want %s", got, future)
	}
	if got := b.clock.Doubt(); got != doubt {
		b.Errorf("the doubt is %q, want %q", got, doubt)
	}
}

func TestSteps(t *testing.T) {
	for _, skew := range []time.Duration{time.Hour, 21 * day, 400 * day} {
		b := newBench(t, 0)
		b.pass(time.Hour)
		b.skew = skew
		b.want(0, skew, "") // before it was seen
		b.pass(59 * time.Minute)
		b.want(0, skew, map[time.Duration]string{
			time.Hour: "the clock went ahead by 1 h", 21 * day: "the clock went ahead by 21 d", 400 * day: "the clock went ahead by 400 d",
		}[skew])
		b.skew = 0
		b.want(0, 0, "the clock went ahead by "+map[time.Duration]string{time.Hour: "1 h", 21 * day: "21 d", 400 * day: "400 d"}[skew])
		b.pass(time.Minute)
		b.want(0, 0, "")
	}
	b := newBench(t, 0)
	b.pass(time.Hour)
	b.skew = -3 * time.Hour
	b.want(b.skew, 0, "")
	b.pass(time.Minute)
	b.want(b.skew, 0, "the clock went back by 3 h")
	b.skew = 0
	b.pass(time.Minute)
	b.want(0, 0, "")
}

// What is small is not a step, and what is gradual neither.
func TestSlack(t *testing.T) {
	b := newBench(t, 0)
	for range 1000 {
		b.skew += 4 * time.Minute
		b.pass(time.Minute)
		b.want(b.skew, b.skew, "")
	}
}

// A clock that was wrong, and was set right, is believed in the end: the past is then
// followed a step at a time.
func TestBelieved(t *testing.T) {
	b := newBench(t, -21*day)
	b.pass(time.Hour)
	b.want(-21*day, -21*day, "")
	b.skew = 0
	b.pass(quarantine)
	b.want(-21*day, 0, "the clock went ahead by 21 d")
	b.pass(time.Minute)
	b.want(-21*day+(catchUp-1)*time.Minute, 0, "")
	b.pass(22 * time.Hour)
	b.want(0, 0, "")

	b = newBench(t, 21*day)
	b.pass(time.Hour)
	b.skew = 0
	b.pass(quarantine)
	b.want(0, 21*day, "the clock went back by 21 d")
	b.pass(time.Minute)
	b.want(0, 0, "")
}

// The hour begins anew when a doubtful clock steps again.
func TestStepAgain(t *testing.T) {
	b := newBench(t, 0)
	b.pass(time.Minute)
	b.skew = 21 * day
	b.pass(50 * time.Minute)
	b.skew = 400 * day
	b.pass(50 * time.Minute)
	b.want(0, 400*day, "the clock went ahead by 400 d")
	b.pass(12 * time.Minute)
	if b.clock.Doubt() != "" {
		t.Error("it is still in doubt")
	}
}

func TestRemember(t *testing.T) {
	for _, c := range []struct {
		off, skew, past, future time.Duration
		doubt                   string
	}{
		{time.Second, 0, 0, 0, ""},
		{time.Hour, 0, -time.Hour, 0, ""},
		{72 * time.Hour, 0, -72 * time.Hour, 0, "the clock is 3 d ahead of the time at which the hub was last running"},
		{time.Minute, 400 * day, -time.Minute, 400 * day, "the clock is 400 d ahead of the time at which the hub was last running"},
		{time.Minute, -400 * day, -400 * day, -time.Minute, "the clock is 399 d 23 h behind the time at which the hub was last running"},
	} {
		b := newBench(t, c.skew)
		b.clock.Remember(noon.Add(-c.off))
		b.clock.Observe()
		b.want(c.past, c.future, c.doubt)
		b.skew = 0
		b.pass(quarantine + time.Minute)
		if doubt := b.clock.Doubt(); doubt != "" {
			t.Errorf("off for %s, right for an hour: %s", c.off, doubt)
		}
		b.pass(4 * time.Hour)
		b.want(0, 0, "")
	}
}

// The clock of a new store is proven by an hour without a step, or by a second witness.
func TestProven(t *testing.T) {
	want := func(b *bench, want bool) {
		b.Helper()
		if got := b.clock.Proven(); got != want {
			b.Errorf("at %s, proven is %t, want %t", b.time, got, want)
		}
	}
	b := newBench(t, 400*day)
	b.pass(50 * time.Minute)
	want(b, false)
	b.skew = 0
	b.pass(50 * time.Minute)
	want(b, false)
	b.pass(11 * time.Minute)
	want(b, true)
	b.skew = 21 * day // which is a doubt, as at any time from then on
	b.pass(time.Minute)
	want(b, true)

	b = newBench(t, 0)
	b.clock.Remember(noon.Add(-72 * time.Hour))
	want(b, true)
	b = newBench(t, 0)
	b.clock.SetServer(noon)
	want(b, true)
	want(&bench{T: t, clock: Of(func() time.Time { return noon })}, true)
}

func TestServer(t *testing.T) {
	b := newBench(t, 21*day)
	right := true
	b.server = func() time.Time {
		if right {
			return b.time
		}
		return b.time.Add(-time.Hour)
	}
	b.pass(time.Minute)
	b.want(0, 21*day, "this machine's clock is 21 d ahead of the database server's")
	b.skew, right = 0, false
	b.pass(time.Minute)
	if got := b.clock.Past().Sub(b.time); got != -time.Hour {
		t.Errorf("with a server an hour behind, Past is off by %s", got)
	}
	right = true
	b.pass(time.Minute)
	b.want(0, 0, "")
	b.skew = -time.Hour
	b.pass(2 * time.Minute)
	b.want(-time.Hour, 0, "this machine's clock is 1 h behind the database server's")
}

func TestElapsed(t *testing.T) {
	begin := time.Now() // before the first reading, so that no less time passes for it
	before := Elapsed()
	time.Sleep(20 * time.Millisecond)
	passed, most := Elapsed()-before, time.Since(begin)
	if passed < 20*time.Millisecond || passed > most {
		t.Errorf("%s have passed, of %s at most", passed, most)
	}
}

// What is remembered follows no clock that is in doubt, whichever way it stepped.
func TestReckoned(t *testing.T) {
	for _, skew := range []time.Duration{-21 * day, -time.Hour, time.Hour, 21 * day} {
		b := newBench(t, 0)
		b.pass(time.Hour)
		b.skew = skew
		b.pass(50 * time.Minute)
		if got := b.clock.Reckoned().Sub(b.time); got != 0 {
			t.Errorf("with the clock off by %s, Reckoned is off by %s", skew, got)
		}
	}
	b := newBench(t, 0)
	b.server = func() time.Time { return b.time.Add(-time.Hour) }
	b.pass(time.Minute)
	if got := b.clock.Reckoned().Sub(b.time); got != -time.Hour {
		t.Errorf("with a server an hour behind, Reckoned is off by %s", got)
	}
}
