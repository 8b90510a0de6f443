package probe

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

const maxRedirects = 10

// The values of the key redirects.
const (
	sameHost   = "same-host"
	follow     = "follow"
	noRedirect = "none"
)

// redirects returns which redirects a check of type http follows.
func redirects(s *Spec) (func(to *http.Request, via []*http.Request) error, error) {
	expected := slices.ContainsFunc(s.Status, func(status int) bool { return status/100 == 3 })
	switch s.Redirects {
	case "", sameHost, follow, noRedirect:
	default:
		return nil, wrong("redirects", "%q is not one of same-host, follow, none", s.Redirects)
	}
	switch {
	case expected && (s.Redirects == sameHost || s.Redirects == follow):
		return nil, wrong("redirects", "is %s, but status has a redirect, which is not followed then; leave out one of the two", s.Redirects)
	case expected, s.Redirects == noRedirect:
		return func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }, nil
	case s.Redirects == follow:
		return redirect, nil
	}
	return redirectWithin("which redirects: follow allows"), nil
}

// redirectWithin follows redirects to the same host alone: what a server answers is not
// to choose what else the hub asks. The remedy is for the reason.
func redirectWithin(remedy string) func(to *http.Request, via []*http.Request) error {
	return func(to *http.Request, via []*http.Request) error {
		if to.URL.Host != "" && !isSameHost(via[0].URL, to.URL) {
			return fault(fmt.Sprintf("redirected to another host, %s: %s://%s", remedy, to.URL.Scheme, to.URL.Host))
		}
		return redirect(to, via)
	}
}

// isSameHost reports whether two URLs are of one host and port. The default ports of
// http and https are the same, since a redirect from one to the other is common.
func isSameHost(a, b *url.URL) bool {
	defaults := func(u *url.URL) bool {
		port := u.Port()
		return port == "" || port == "80" && u.Scheme == "http" || port == "443" && u.Scheme == "https"
	}
	return strings.EqualFold(a.Hostname(), b.Hostname()) && (defaults(a) && defaults(b) || a.Port() == b.Port())
}

// redirect reports whether a redirect is followed.
func redirect(to *http.Request, via []*http.Request) error {
	if len(via) > maxRedirects {
		return fault(fmt.Sprintf("more than %d redirects", maxRedirects))
	}
	if to.URL.Scheme != "http" && to.URL.Scheme != "https" {
		return fault("redirected to something that is neither http nor https")
	}
	// What was configured for one host is not for another, nor for the open network.
	// net/http would take only the headers along that it knows to be secret out.
	first := via[0]
	if to.URL.Host != first.URL.Host || first.URL.Scheme == "https" && to.URL.Scheme == "http" {
		to.Header = http.Header{"User-Agent": {clientName}} //nolint:gosec // these are fewer headers, not more
		if to.ContentLength > 0 {
			return fault("redirected to another host, with the body")
		}
	}
	if to.URL.Host == first.URL.Host && to.URL.Scheme == first.URL.Scheme && to.URL.User == nil {
		to.URL.User = first.URL.User // which a location does not repeat
	}
	to.Header.Del("Referer") // the URL before, with its query
	return nil
}
