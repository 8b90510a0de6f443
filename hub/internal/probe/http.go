package probe

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/kymohq/kymo/health"
	"github.com/kymohq/kymo/hub/internal/config"
)

// httpProbe makes one request and judges the answer.
type httpProbe struct {
	client   *client
	url      *url.URL
	method   string
	body     []byte
	status   []int
	contains string
	expected []expectation
	hide     secrets
}

func newHTTP(s *Spec) (health.Probe, error) {
	u, hide, err := parseURL("url", s.URL, "https://host/path", "http", "https")
	if err != nil {
		return health.Probe{}, err
	}
	headers, err := checkHeaders(s.Headers, &hide)
	if err != nil {
		return health.Probe{}, err
	}
	h := &httpProbe{url: u, method: strings.ToUpper(s.Method), body: []byte(s.Body), status: s.Status,
		contains: s.Contains, hide: hide}
	if h.method == "" {
		h.method = http.MethodGet
	}
	if strings.IndexFunc(h.method, notInToken) >= 0 || h.method == http.MethodConnect {
		return health.Probe{}, wrong("method", "%q is not an HTTP method; use GET, HEAD, POST or the like", s.Method)
	}
	if h.method == http.MethodHead && (s.Contains != "" || len(s.JSON) > 0) {
		return health.Probe{}, wrong("method", "is HEAD, whose answers have no body; use GET, or leave contains and json out")
	}
	for _, status := range s.Status {
		if status < 200 || status > 599 {
			return health.Probe{}, wrong("status", "has %d; must be from 200 to 599", status)
		}
	}
	if h.expected, err = expectations(s.JSON); err != nil {
		return health.Probe{}, err
	}
	check, err := redirects(s)
	if err != nil {
		return health.Probe{}, err
	}
	secure, err := secureHTTP(u, s.TLS, s.Insecure)
	if err != nil {
		return health.Probe{}, err
	}
	if s.Redirects == follow && secure.options.Cert != "" {
		return health.Probe{}, wrong("redirects", "is follow, and other hosts would be shown the client certificate; leave out one of the two")
	}
	h.client = newClient(sending{secure: secure, to: u.Hostname(), headers: headers})
	h.client.http.CheckRedirect = check
	if len(h.expected) == 0 {
		h.client.enough = func(body []byte) bool { return bytes.Contains(body, []byte(h.contains)) }
	}
	return networkProbe(target{"http", u.Host}, hide, h.run, h.client), nil
}

func (h *httpProbe) run(ctx context.Context) (health.Details, error) {
	a, err := h.client.do(ctx, h.method, h.url, h.body)
	if err != nil {
		return nil, err
	}
	return health.Details{"status": a.status}, h.judge(a)
}

// judge compares an answer with what is expected.
func (h *httpProbe) judge(a *answer) error {
	if len(h.status) == 0 && (a.status < 200 || a.status > 399) || len(h.status) > 0 && !slices.Contains(h.status, a.status) {
		return fault(a.outcome())
	}
	if !bytes.Contains(a.body, []byte(h.contains)) {
		where := "body"
		if a.more {
			where = "first MiB of the body"
		}
		return fault(fmt.Sprintf("%s does not contain %q", where, h.contains))
	}
	if len(h.expected) == 0 {
		return nil
	}
	if a.more {
		return fault("body is over 1 MiB, too much to be read as JSON")
	}
	v, err := decodeJSON(a.body)
	if err != nil {
		return fault("body is not JSON")
	}
	var problems []string
	for _, e := range h.expected {
		if problem := e.judge(v, h.hide); problem != "" {
			problems = append(problems, problem)
		}
	}
	if len(problems) > 0 {
		return fault(strings.Join(problems, "; "))
	}
	return nil
}

// secureHTTP returns how connections to a URL are secured.
func secureHTTP(u *url.URL, options *config.TLS, insecure bool) (*secure, error) {
	s, err := newSecure(options, insecure)
	if err == nil && s.given() && u.Scheme != "https" {
		return nil, unusedTLS("it must begin with https://")
	}
	return s, err
}
