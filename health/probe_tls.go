package health

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"time"
)

// soon is how long before it expires a certificate is degraded.
const soon = 14 * 24 * time.Hour

// TLS returns a probe of the certificate of the server at the address, "host:port":
// down if it is not valid for the host, degraded if it expires within 14 days. The
// configuration may be nil.
func TLS(address string, config *tls.Config) Probe {
	return Probe{Kind: "tls", Run: func(ctx context.Context) (Details, error) {
		d := tls.Dialer{Config: config}
		c, err := d.DialContext(ctx, "tcp", address)
		if err != nil {
			var invalid x509.CertificateInvalidError
			if errors.As(err, &invalid) && invalid.Reason == x509.Expired {
				return nil, fmt.Errorf("the certificate expired on %s, or is not valid yet", day(invalid.Cert.NotAfter))
			}
			return nil, err
		}
		defer c.Close()
		chain := c.(*tls.Conn).ConnectionState().PeerCertificates
		end := chain[0].NotAfter
		left := time.Until(end)
		details := Details{"not_after": end.UTC().Format(time.RFC3339), "days_left": int(left / (24 * time.Hour))}
		switch {
		case left <= 0: // seen only if the configuration does not verify
			return details, fmt.Errorf("the certificate expired on %s", day(end))
		case left < soon:
			return details, Degradedf("the certificate expires on %s, in %d days", day(end), int(left/(24*time.Hour)))
		}
		return details, nil
	}}
}

func day(t time.Time) string { return t.UTC().Format(time.DateOnly) }
