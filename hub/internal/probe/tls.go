package probe

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"math"
	"net"
	"time"

	"github.com/kymohq/kymo/health"
	"github.com/kymohq/kymo/hub/internal/figure"
	"github.com/kymohq/kymo/internal/duration"
)

// defaultExpiresIn is how long a certificate must remain valid: enough time for
// people to renew it, and less than what automatic renewal leaves.
const defaultExpiresIn = 14 * 24 * time.Hour

// tlsProbe shakes hands, and judges the certificates that it is shown.
type tlsProbe struct {
	addr, host string
	expiresIn  time.Duration
	secure     *secure
}

func newTLS(s *Spec) (health.Probe, error) {
	u, hide, err := parseURL("url", s.URL, "tls://host:443", "tls", "https")
	if err != nil {
		return health.Probe{}, err
	}
	if s.ExpiresIn < 0 {
		return health.Probe{}, wrong("expires_in", "is %s; must not be negative", s.ExpiresIn)
	}
	port := u.Port()
	if port == "" {
		port = "443"
	}
	secure, err := newSecure(s.TLS, s.Insecure)
	if err != nil {
		return health.Probe{}, err
	}
	t := &tlsProbe{addr: net.JoinHostPort(u.Hostname(), port), host: u.Hostname(), expiresIn: s.ExpiresIn, secure: secure}
	if t.expiresIn == 0 {
		t.expiresIn = defaultExpiresIn
	}
	return networkProbe(target{"tls", t.addr}, hide, t.run, nil), nil
}

func (t *tlsProbe) run(ctx context.Context) (health.Details, error) {
	// The chain is verified below: a certificate that is refused has details too.
	config := t.secure.config(t.host)
	config.InsecureSkipVerify, config.VerifyConnection = true, nil
	conn, err := overTLS(ctx, config, (&net.Dialer{}).DialContext, "tcp", t.addr)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	shown := conn.(*tls.Conn).ConnectionState().PeerCertificates
	leaf, ends := shown[0], shown[0].NotAfter // a client gets at least one
	var refused error
	if t.secure.insecure {
		refused = checkTime(leaf)
	} else {
		var chains [][]*x509.Certificate
		if chains, refused = t.secure.verify(shown, config.ServerName); refused == nil {
			ends = chainEnd(chains)
		}
	}
	left := time.Until(ends)
	days := int(math.Floor(left.Hours() / 24))
	details := health.Details{"not_after": ends.UTC().Format(time.RFC3339), "days_left": days, "issuer": issuer(leaf)}
	switch {
	case refused != nil:
		return details, refused
	case left < t.expiresIn && days == 0:
		return details, health.Degradedf("certificate expires in %s", duration.Seconds(left))
	case left < t.expiresIn:
		return details, health.Degradedf("certificate expires in %s", figure.Plural(int64(days), "day"))
	}
	return details, nil
}

// checkTime refuses a certificate as verifying it would, for its time alone.
func checkTime(c *x509.Certificate) error {
	if now := time.Now(); now.After(c.NotAfter) || now.Before(c.NotBefore) {
		return x509.CertificateInvalidError{Cert: c, Reason: x509.Expired}
	}
	return nil
}

// chainEnd returns until when at least one chain is valid: a chain is as long as all of
// its certificates are.
func chainEnd(chains [][]*x509.Certificate) (end time.Time) {
	for _, chain := range chains {
		ends := chain[0].NotAfter
		for _, c := range chain[1:] {
			if c.NotAfter.Before(ends) {
				ends = c.NotAfter
			}
		}
		if ends.After(end) {
			end = ends
		}
	}
	return end
}

// issuer returns the name of a certificate's issuer, for people.
func issuer(c *x509.Certificate) string {
	if c.Issuer.CommonName != "" {
		return secrets(nil).show(c.Issuer.CommonName)
	}
	return secrets(nil).show(c.Issuer.String())
}
