package maintenance

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"
)

// year is a part of the calendar that the oracle plays minute by minute.
type year struct {
	zone  string
	first time.Time
	years int
}

// Zones whose clocks are set by an hour, by half of one, at midnight, from one day into
// the next, over a whole day, and not at all.
var years = []year{
	{"Europe/Berlin", time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC), 3},
	{"America/New_York", time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC), 2},
	{"Australia/Lord_Howe", time.Date(2025, 1, 1, 0, 0, 0, 0, time.UTC), 2},
	{"America/Sao_Paulo", time.Date(2017, 6, 1, 0, 0, 0, 0, time.UTC), 2},
	{"America/Nuuk", time.Date(2023, 1, 1, 0, 0, 0, 0, time.UTC), 2},
	{"Pacific/Apia", time.Date(2011, 6, 1, 0, 0, 0, 0, time.UTC), 1},
	{"Asia/Kathmandu", time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC), 1},
	{"", time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC), 1},
}

// happens reports whether days of a month, in the words of a configuration, have a date.
func happens(days string, date time.Time) bool {
	name := date.Weekday().String()[:3]
	// Which one of its weekday in the month it is, and how many there are.
	n, all := 0, 0
	for d := time.Date(date.Year(), date.Month(), 1, 0, 0, 0, 0, time.UTC); d.Month() == date.Month(); d = d.AddDate(0, 0, 1) {
		if d.Weekday() == date.Weekday() {
			if all++; d.Day() <= date.Day() {
				n = all
			}
		}
	}
	switch days {
	case "", "daily":
		return true
	case "Mon-Fri":
		return name != "Sat" && name != "Sun"
	case "Sat-Mon,thursday":
		return name == "Sat" || name == "Sun" || name == "Mon" || name == "Thu"
	case "second Tue":
		return name == "Tue" && n == 2
	case "last Sat,Sun":
		return (name == "Sat" || name == "Sun") && n == all
	case "day 1,31":
		return date.Day() == 1 || date.Day() == 31
	}
	return slices.Contains(strings.Split(days, ","), name)
}

// The spans of windows are compared with an oracle that looks at the clock of the zone in
// each minute of years: a window begins in the first minute in which the clock shows its
// date and time, or a later one.
func TestSpansEqualTheOracle(t *testing.T) {
	for i, y := range years {
		t.Run(strings.ReplaceAll(y.zone, "/", " "), func(t *testing.T) {
			if testing.Short() {
				y.years = 1
			}
			rnd := rand.New(rand.NewPCG(uint64(i), 3))
			location, err := zone(y.zone)
			if err != nil {
				t.Fatal(err)
			}
			clock := clockOf(y, location)
			for _, days := range []string{"", "daily", "Sun", "Sat,Sun,Fri", "Mon-Fri", "Sat-Mon,thursday", "second Tue", "last Sat,Sun", "day 1,31"} {
				times := []string{"00:00", "00:30", "01:45", "02:00", "02:15", "02:30", "03:00", "23:30"}
				if rnd.Shuffle(len(times), func(i, j int) { times[i], times[j] = times[j], times[i] }); testing.Short() {
					times = times[:1]
				}
				for _, at := range times {
					length := time.Duration(1+rnd.IntN(60*30)) * time.Minute
					s, err := Parse(&Window{Name: "w", Where: &Where{}, Every: strings.TrimSpace(days + " " + at), For: length, Zone: y.zone})
					if err != nil {
						t.Fatal(err)
					}
					want := oracle(y, clock, days, at, length)
					if err := compare(s, y, want, rnd); err != nil {
						t.Fatalf("%q for %s: %v", s.Every, length, err)
					}
				}
			}
		})
	}
}

// clockOf returns what the clocks of a zone show in each minute, as if in UTC.
func clockOf(y year, in *time.Location) (shown []time.Time) {
	for at, end := y.first, y.first.AddDate(y.years, 0, 0); at.Before(end); at = at.Add(time.Minute) {
		local := at.In(in)
		_, offset := local.Zone()
		shown = append(shown, at.Add(time.Duration(offset)*time.Second))
	}
	return shown
}

// oracle returns the spans of windows that begin in a part of the calendar.
func oracle(y year, clock []time.Time, days, at string, length time.Duration) (spans []Span) {
	var hour, minute int
	if _, err := fmt.Sscanf(at, "%d:%d", &hour, &minute); err != nil {
		panic(err)
	}
	next := y.first.AddDate(0, 0, -2) // a date
	sinceMidnight := time.Duration(hour)*time.Hour + time.Duration(minute)*time.Minute
	for next.Add(sinceMidnight).Before(clock[0]) {
		next = next.AddDate(0, 0, 1)
	}
	for i, shown := range clock {
		for due := next.Add(sinceMidnight); !due.After(shown); due = next.Add(sinceMidnight) {
			if begin := y.first.Add(time.Duration(i) * time.Minute).UnixMilli(); happens(days, next) {
				if n := len(spans); n > 0 && spans[n-1].To >= begin {
					spans[n-1].To = begin + length.Milliseconds()
				} else {
					spans = append(spans, Span{Name: "w", From: begin, To: begin + length.Milliseconds()})
				}
			}
			next = next.AddDate(0, 0, 1)
		}
	}
	return spans
}

// compare compares the spans of a schedule with the oracle's, all of them and those of
// random parts. Those that began before the first day of the oracle are not compared.
func compare(s *Schedule, y year, want []Span, rnd *rand.Rand) error {
	begin, end := y.first.Add(3*24*time.Hour), y.first.AddDate(y.years, 0, 0)
	for range 40 {
		from := begin.Add(time.Duration(rnd.Int64N(int64(end.Sub(begin)))))
		to := from.Add(time.Duration(rnd.Int64N(int64(end.Sub(from)))))
		if rnd.IntN(10) == 0 {
			from, to = begin, end
		}
		expected := slices.DeleteFunc(slices.Clone(want), func(w Span) bool { return w.To <= from.UnixMilli() || w.From >= to.UnixMilli() })
		got := s.Spans(from, to)
		if len(got) != len(expected) {
			return fmt.Errorf("in %s – %s: %d spans, want %d", from, to, len(got), len(expected))
		}
		for i := range got {
			// What goes on without an end may have begun before the window, and go on after it.
			g, w := got[i], expected[i]
			g.From, w.From = max(g.From, from.UnixMilli()), max(w.From, from.UnixMilli())
			g.To, w.To = min(g.To, to.UnixMilli()), min(w.To, to.UnixMilli())
			if g != w {
				return fmt.Errorf("in %s – %s: got %s – %s, want %s – %s", from, to, time.UnixMilli(g.From).UTC(), time.UnixMilli(g.To).UTC(), time.UnixMilli(w.From).UTC(), time.UnixMilli(w.To).UTC())
			}
		}
	}
	return nil
}

// On the days on which the clocks are set in Berlin, 02:30 is not shown, or twice.
func TestClocksAreSet(t *testing.T) {
	s, err := Parse(&Window{Name: "w", Where: &Where{}, Every: "02:30", For: time.Hour, Zone: "Europe/Berlin"})
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct{ day, want string }{
		{"2026-03-28", "2026-03-28T01:30:00Z – 2026-03-28T02:30:00Z"},
		{"2026-03-29", "2026-03-29T01:00:00Z – 2026-03-29T02:00:00Z"}, // at 02:00 it is 03:00
		{"2026-03-30", "2026-03-30T00:30:00Z – 2026-03-30T01:30:00Z"},
		{"2026-10-25", "2026-10-25T00:30:00Z – 2026-10-25T01:30:00Z"}, // at 03:00 it is 02:00
		{"2026-10-26", "2026-10-26T01:30:00Z – 2026-10-26T02:30:00Z"},
	} {
		day, err := time.Parse(time.DateOnly, test.day)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, span := range s.Spans(day, day.AddDate(0, 0, 1)) {
			got = append(got, time.UnixMilli(span.From).UTC().Format(time.RFC3339)+" – "+time.UnixMilli(span.To).UTC().Format(time.RFC3339))
		}
		if strings.Join(got, ", ") != test.want {
			t.Errorf("%s: got %s, want %s", test.day, got, test.want)
		}
	}
}

func TestSingleWindows(t *testing.T) {
	ms := func(text string) int64 {
		at, err := time.Parse(time.RFC3339, text)
		if err != nil {
			t.Fatal(err)
		}
		return at.UnixMilli()
	}
	for _, test := range []struct {
		window   Window
		from, to string // of the only span
	}{
		{Window{From: "2026-11-29 02:00", Until: "2026-11-29 03:30", Zone: "Europe/Berlin"}, "2026-11-29T01:00:00Z", "2026-11-29T02:30:00Z"},
		{Window{From: "2026-11-29T02:00", For: time.Hour}, "2026-11-29T02:00:00Z", "2026-11-29T03:00:00Z"},
		{Window{From: "2026-11-29T02:00:05-05:00", Until: "2026-12-24 00:00:00"}, "2026-11-29T07:00:05Z", "2026-12-24T00:00:00Z"},
		{Window{From: "2026-03-29 02:15", Until: "2026-03-29 03:15", Zone: "Europe/Berlin"}, "2026-03-29T01:00:00Z", "2026-03-29T01:15:00Z"},
	} {
		test.window.Name, test.window.Where = "move", &Where{Service: "shop"}
		s, err := Parse(&test.window)
		if err != nil {
			t.Errorf("%+v: %v", test.window, err)
			continue
		}
		want := []Span{{"move", Where{Service: "shop"}, ms(test.from), ms(test.to)}}
		if got := s.Spans(time.Unix(0, 0), time.Unix(1<<33, 0)); !slices.Equal(got, want) || s.Recurs() {
			t.Errorf("%+v: got %+v, want %+v", test.window, got, want)
		}
		begin, end := time.UnixMilli(want[0].From), time.UnixMilli(want[0].To)
		if got := len(s.Spans(begin.Add(-time.Hour), begin)) + len(s.Spans(end, end.Add(time.Hour))); got != 0 {
			t.Errorf("%+v: %d spans beside it", test.window, got)
		}
	}
	bounded, err := Parse(&Window{Name: "w", Where: &Where{}, Every: "02:00", For: time.Hour, From: "2026-11-02 02:00", Until: "2026-11-05 02:00"})
	if err != nil {
		t.Fatal(err)
	}
	if got := bounded.Spans(time.Unix(1_790_000_000, 0), time.Unix(1_800_000_000, 0)); len(got) != 3 || got[0].From != ms("2026-11-02T02:00:00Z") || got[2].To != ms("2026-11-04T03:00:00Z") {
		t.Errorf("got %+v", got)
	}
}
