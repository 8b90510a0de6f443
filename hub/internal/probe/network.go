package probe

import (
	"context"
	"crypto/x509"
	"errors"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/kymohq/kymo/health"
)

// networkTypes are the types that probe what is spoken over the network, and the disk.
var networkTypes = map[string]constructor{
	"http": newHTTP,
	"tcp":  newTCP,
	"grpc": newGRPC,
	"dns":  newDNS,
	"tls":  newTLS,
	"disk": newDisk,
}

// runFunc is one run of a probe.
type runFunc func(ctx context.Context) (health.Details, error)

// networkProbe returns a probe of a target whose errors contain no secret. Its connections are nil if
// it keeps none.
func networkProbe(to target, hide secrets, run runFunc, kept connections) health.Probe {
	if kept != nil {
		run = fresh(kept, run)
	}
	return health.Probe{
		Kind: to.kind,
		Run: func(ctx context.Context) (health.Details, error) {
			details, err := run(ctx)
			if known := certificateFault(err); known != "" {
				err = known
			}
			err = withoutURL(err)
			isOver(ctx) // so that explain sees it
			return details, to.tell(explain(ctx, err, hide))
		},
		Close: func() error {
			if kept != nil {
				kept.close()
			}
			return nil
		},
	}
}

// withoutURL returns what is wrong without the method and the whole URL that net/http has
// in front of it.
func withoutURL(err error) error {
	if where := (*url.Error)(nil); errors.As(err, &where) {
		return where.Err
	}
	return err
}

// isOver reports whether the time of a run is up. Connections have clocks of their
// own for its deadline, which may be a little ahead of the context's.
func isOver(ctx context.Context) bool {
	if deadline, ok := ctx.Deadline(); ok && !time.Now().Before(deadline) {
		<-ctx.Done()
	}
	return ctx.Err() != nil
}

// certificateFault returns the fault of a certificate that is refused because of its
// dates, or "".
func certificateFault(err error) fault {
	invalid := x509.CertificateInvalidError{}
	switch {
	case !errors.As(err, &invalid) || invalid.Reason != x509.Expired:
		return ""
	case time.Now().Before(invalid.Cert.NotBefore):
		return fault("certificate is not valid before " + invalid.Cert.NotBefore.UTC().Format(time.DateOnly))
	}
	return fault("certificate has expired on " + invalid.Cert.NotAfter.UTC().Format(time.DateOnly))
}

// parseURL reads a URL that looks like example and has one of the schemes. The
// secrets are the parts of it that must not be shown; its errors quote nothing
// of it.
func parseURL(field, raw, example string, schemes ...string) (*url.URL, secrets, error) {
	u, err := url.Parse(raw)
	if err != nil {
		return nil, nil, wrong(field, "is not understood; it must look like %s"+encode, example)
	}
	if !slices.Contains(schemes, u.Scheme) {
		return nil, nil, wrong(field, "must begin with %s:// and look like %s", strings.Join(schemes, ":// or "), example)
	}
	if u.Hostname() == "" {
		return nil, nil, wrong(field, "names no host; it must look like %s", example)
	}
	if n, err := strconv.Atoi(u.Port()); u.Port() != "" && (err != nil || n < 1 || n > 65535) {
		return nil, nil, wrong(field, "has a port that is not a number from 1 to 65535")
	}
	var hide secrets
	hide.add(raw)
	hide.add(u.RawQuery)
	for _, values := range u.Query() {
		for _, value := range values {
			hide.add(value)
		}
	}
	if u.User != nil {
		hide.add(u.User.Username()) // which is where some put a token
		password, _ := u.User.Password()
		hide.add(password)
	}
	return u, hide, nil
}

// checkHeaders returns the headers, or what is wrong with them.
func checkHeaders(headers map[string]string, hide *secrets) (map[string]string, error) {
	for name, value := range headers {
		// A name such as "Authorization: Bearer …" holds a secret: it is not quoted.
		if name == "" || strings.IndexFunc(name, notInToken) >= 0 {
			return nil, wrong("headers", "has a name that no header can have; names are letters, digits and hyphens")
		}
		if strings.IndexFunc(value, isControl) >= 0 {
			return nil, wrong("headers", "has a control character, like a line break, in the value of %s", name)
		}
		hide.add(value)
		if _, token, ok := strings.Cut(value, " "); ok { // after "Bearer" or "Basic"
			hide.add(token)
		}
	}
	return headers, nil
}

func isControl(r rune) bool { return r < ' ' && r != '\t' || r == 0x7f }

// notInToken reports whether a rune may not be in a header's name or a method (RFC 9110, 5.6.2).
func notInToken(r rune) bool {
	return (r < '0' || r > '9') && (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && !strings.ContainsRune("!#$%&'*+-.^_`|~", r)
}
