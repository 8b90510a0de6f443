package maintenance

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/kymohq/kymo/health"
)

func TestEachErrorNamesItsField(t *testing.T) {
	window := func(change func(*Window)) *Window {
		w := &Window{Name: "weekly", Where: &Where{}, Every: "Sun 02:00", For: time.Hour}
		change(w)
		return w
	}
	every := func(text string) *Window { return window(func(w *Window) { w.Every = text }) }
	single := func(from, until string) *Window {
		return window(func(w *Window) { w.Every, w.For, w.From, w.Until = "", 0, from, until })
	}
	for _, test := range []struct {
		window *Window
		want   string // the beginning of the error
	}{
		{window(func(w *Window) { w.Name = "" }), "name: must be 1 to 100 bytes"},
		{window(func(w *Window) { w.Where = nil }), "where: is missing; write {service: shop} or {check: database}, or {} for everything"},
		{window(func(w *Window) { w.Comment = strings.Repeat("x", 501) }), "comment: has 501 bytes; at most 500"},
		{window(func(w *Window) { w.By = strings.Repeat("x", 501) }), "by: has 501 bytes; at most 500"},
		{window(func(w *Window) { w.Zone = "Europe/Berln" }), `zone: there is no time zone "Europe/Berln"; write an IANA name`},
		{window(func(w *Window) { w.Zone = "Local" }), `zone: there is no time zone "Local"`},
		{window(func(w *Window) { w.Zone = "../etc/passwd" }), `zone: there is no time zone`},
		{window(func(w *Window) { w.For = 0 }), "for: is missing; write how long it lasts, like 1h"},
		{window(func(w *Window) { w.For = time.Second }), "for: is 1 s; must be from 1 min to 7 d"},
		{window(func(w *Window) { w.For = 1000 * time.Hour }), "for: is 41 d 16 h; must be from"},
		{window(func(w *Window) { w.From = "tomorrow" }), `from: "tomorrow" is not a time; write a date and a time in the zone`},
		{window(func(w *Window) { w.Until = "2026-02-30 02:00" }), `until: "2026-02-30 02:00" is not a time`},
		{window(func(w *Window) { w.Until = "1026-02-20 02:00" }), `until: "1026-02-20 02:00" is not in the years 2000 to 2999`},
		{single("", ""), `every: is missing; write days and a time, like "Sun 02:00", or from and until for a single window`},
		{single("", "2026-11-29 02:00"), "from: is missing; write when the window begins"},
		{single("2026-11-29 02:00", ""), "until: is missing; write when the window ends"},
		{single("2026-11-29 02:00", "2026-11-29 02:00"), `until: "2026-11-29 02:00" is not after from, "2026-11-29 02:00"`},
		{window(func(w *Window) { w.Every, w.From, w.Until = "", "2026-11-29 02:00", "2026-11-29 03:00" }), "for: is given besides until; leave one of them out"},
		{every("Sun"), `every: "Sun" does not end with a time from 00:00 to 23:59; write days and a time, like "Sun 02:00"`},
		{every("Sun 24:00"), `every: "Sun 24:00" does not end with a time`},
		{every(" "), `every: " " is not understood; write days`},
		{every("every Sun at 02:00"), `every: "every Sun at 02:00" is not understood`},
		{every("Sunny 02:00"), `every: "Sunny 02:00" is not understood`},
		{every("Sun, 02:00"), `every: "Sun, 02:00" is not understood`},
		{every("fifth Sun 02:00"), `every: "fifth Sun 02:00" is not understood`},
		{every("first day 02:00"), `every: "first day 02:00" is not understood`},
		{every("day 32 02:00"), `every: "day 32 02:00" is not understood`},
		{every("day 0 02:00"), `every: "day 0 02:00" is not understood`},
	} {
		_, err := Parse(test.window)
		if f := (*health.FieldError)(nil); !errors.As(err, &f) || !strings.HasPrefix(err.Error(), test.want) {
			t.Errorf("got  %v\nwant %s", err, test.want)
		}
	}
}

func FuzzEvery(f *testing.F) {
	for _, text := range []string{"Sun 02:00", "02:00", "Sat-Mon,Thu 2:00", "last Fri 23:59", "day 1,31 00:00", ""} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		e, err := parseEvery(text)
		if (e == nil) == (err == nil) {
			t.Fatalf("%q: %v, %v", text, e, err)
		}
		if err != nil {
			return
		}
		days := 0
		for date := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC); date.Year() == 2026; date = date.AddDate(0, 0, 1) {
			if e.on(date) {
				days++
			}
		}
		if days == 0 || e.hour > 23 || e.minute > 59 {
			t.Errorf("%q is on %d days of a year, at %d:%d", text, days, e.hour, e.minute)
		}
	})
}
