package probe

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/kymohq/kymo/health"
	"github.com/kymohq/kymo/hub/internal/config"
)

const (
	// maxNamed bounds how many checks of a service a reason names.
	maxNamed = 3
	// maxReport bounds what is read of a service's report, in bytes.
	maxReport = 8 << 20
)

// serviceProbe polls a service's report of itself.
type serviceProbe struct {
	client *client
	url    *url.URL
	hide   secrets
}

// Service returns the probe that polls a service's own health endpoint. It is not one
// of the types of checks, since services are a separate list. The error is a
// *config.Error.
func Service(p *config.Poll) (health.Probe, error) {
	u, hide, err := parseURL("health", p.Health, "http://host:8000/health", "http", "https")
	if err != nil {
		return health.Probe{}, err
	}
	with := sending{to: u.Hostname(), defaults: map[string]string{"Accept": "application/json, application/health+json"}}
	if with.headers, err = checkHeaders(p.Headers, &hide); err != nil {
		return health.Probe{}, err
	}
	if err := with.authorize("token", p.Token, &hide); err != nil {
		return health.Probe{}, err
	}
	if with.secure, err = secureHTTP(u, p.TLS, p.Insecure); err != nil {
		return health.Probe{}, err
	}
	s := &serviceProbe{url: u, hide: hide, client: newClient(with)}
	s.client.max = maxReport
	return networkProbe(target{"service", u.Host}, hide, s.run, s.client), nil
}

func (s *serviceProbe) run(ctx context.Context) (health.Details, error) {
	a, err := s.client.do(ctx, http.MethodGet, s.url, nil)
	if err != nil {
		return nil, err
	}
	said, problem := parseSelfReport(a)
	switch {
	case said != nil:
		return said.details(), s.verdict(said, a)
	case a.status < 200 || a.status > 299:
		return nil, fault(a.outcome())
	case problem != "":
		return nil, health.Degradedf("%s; expected JSON with a status such as healthy, degraded or down, or a word such as OK", s.hide.show(problem))
	}
	return nil, nil
}

// verdict returns the result that the service reports, whatever the status code of its
// answer: services that report to be down answer 200 or 503.
func (s *serviceProbe) verdict(said *selfReport, a *answer) error {
	switch reason := s.hide.show(said.reason()); said.status {
	case health.Down:
		return fault(reason)
	case health.Degraded:
		return health.Degradedf("%s", reason)
	case health.Unknown:
		return health.Unknownf("%s", reason)
	}
	if a.status > 399 { // status and body contradict each other; the better one cannot be trusted
		return health.Degradedf("says it is healthy, but %s", a.outcome())
	}
	return nil
}

// reason names the checks that are not well, worst first.
func (r *selfReport) reason() string {
	var named []string
	for _, c := range r.checks {
		if c.status <= health.Healthy {
			continue
		}
		if len(named) == maxNamed {
			named = append(named, "…")
			break
		}
		text := fmt.Sprintf("%s is %s", c.name, c.status)
		if c.reason != "" {
			text += ": " + c.reason
		}
		named = append(named, text)
	}
	if len(named) > 0 && r.word == "" {
		return strings.Join(named, "; ")
	}
	text := "says it is " + r.status.String()
	if r.output != "" {
		text += ": " + r.output
	}
	if r.word != "" {
		text = fmt.Sprintf("says its status is %q, which is not understood; write a word like ok, degraded or down", r.word)
	}
	return text
}
