package text

import (
	"testing"
	"time"

	"github.com/kymohq/kymo/hub/internal/storecopy"
)

func TestCopyLines(t *testing.T) {
	c := &storecopy.Copier{From: storecopy.Place{Name: "old"}, To: storecopy.Place{Name: "new"}}
	few, many := storecopy.Amounts{Requests: 1, Dropped: 2, Health: 3}, storecopy.Amounts{Requests: 5001, Dropped: 2, Health: 3}
	for _, test := range []struct{ got, want string }{
		{Copied(c, &storecopy.Copied{}, 0), "old -> new: nothing to copy"},
		{Copied(c, &storecopy.Copied{Read: few}, time.Second), "old -> new: 1 request, 2 dropped requests and 3 health results, all of which were already there"},
		{Copied(c, &storecopy.Copied{Read: many, Fresh: many}, 2*time.Second), "old -> new: 5,001 requests, 2 dropped requests and 3 health results copied in 2 s (2,500 requests/s)"},
		{Copied(c, &storecopy.Copied{Read: many, Fresh: few}, 2*time.Second), "old -> new: 1 request, 2 dropped requests and 3 health results copied in 2 s; 5,000 requests, 0 dropped requests and 0 health results were already there"},
		{Checked(c, &storecopy.Checked{Hours: 2}), "2 hours checked: both hold the same"},
		{Checked(c, &storecopy.Checked{Hours: 2, More: few}), "2 hours checked: new holds all of it, and from elsewhere 1 request, 2 dropped requests and 3 health results"},
		{Difference(c, &storecopy.Checked{Hours: 9, Differ: 1, First: "then", Lacks: "new holds less"}),
			"1 of 9 hours differs, first that from then: new holds less; this happens if something still writes to old, or if a hub on new keeps less (--retention-age)"},
	} {
		if test.got != test.want {
			t.Errorf("got  %q\nwant %q", test.got, test.want)
		}
	}
}
