package probe

import (
	"bytes"
	"cmp"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io/fs"
	"os"
	"strings"

	"github.com/kymohq/kymo/health"
	"github.com/kymohq/kymo/hub/internal/config"
)

// secure makes the TLS configurations of a check. It reads the files for each new
// connection, so that a renewed certificate counts from the next connection on.
type secure struct {
	options  config.TLS
	insecure bool // any certificate of the server will do
	minimum  uint16
}

// versions are the values of tls.min_version.
var versions = map[string]uint16{
	"":    0, // which is crypto/tls's own
	"1.0": tls.VersionTLS10, "1.1": tls.VersionTLS11, "1.2": tls.VersionTLS12, "1.3": tls.VersionTLS13,
}

// newSecure returns what is wrong with the options, of which a nil has none. The keys
// that it names begin with "tls.".
func newSecure(options *config.TLS, insecure bool) (*secure, error) {
	s := &secure{insecure: insecure}
	if options == nil {
		return s, nil
	}
	s.options = *options
	var known bool
	if s.minimum, known = versions[s.options.MinVersion]; !known {
		return nil, wrong("tls.min_version", "%q is not one of 1.0, 1.1, 1.2, 1.3", s.options.MinVersion)
	}
	switch {
	case s.options.CA != "" && insecure:
		return nil, wrong("tls.ca", "has no effect, because every certificate is accepted; leave out one of the two")
	case s.options.Cert != "" && s.options.Key == "":
		return nil, wrong("tls.key", "is missing; the certificate needs its private key")
	case s.options.Cert == "" && s.options.Key != "":
		return nil, wrong("tls.cert", "is missing; the private key needs its certificate")
	}
	if s.options.CA != "" {
		if _, err := s.authorities(); err != nil {
			return nil, err
		}
	}
	if s.options.Cert != "" {
		if _, err := s.certificate(); err != nil {
			return nil, err
		}
	}
	return s, nil
}

// given reports whether there are any options.
func (s *secure) given() bool { return s.options != config.TLS{} }

// config returns the configuration for connections to a host.
func (s *secure) config(host string) *tls.Config {
	c := &tls.Config{ServerName: cmp.Or(s.options.ServerName, host), InsecureSkipVerify: s.insecure, MinVersion: s.minimum}
	if s.options.Cert != "" {
		c.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
			own, err := s.certificate()
			if err != nil {
				return nil, health.Unknownf("%w", err)
			}
			return own, nil
		}
	}
	if s.options.CA != "" {
		c.InsecureSkipVerify = true // VerifyConnection verifies, with authorities that may change
		c.VerifyConnection = func(state tls.ConnectionState) error {
			// The state has no name that is an address. That of a redirect's target is there.
			_, err := s.verify(state.PeerCertificates, cmp.Or(s.options.ServerName, state.ServerName, host))
			return err
		}
	}
	return c
}

// verify returns the chains from the certificate that a server has shown first to a
// trusted authority.
func (s *secure) verify(shown []*x509.Certificate, host string) ([][]*x509.Certificate, error) {
	options := x509.VerifyOptions{DNSName: host, Intermediates: x509.NewCertPool()}
	for _, c := range shown[1:] {
		options.Intermediates.AddCert(c)
	}
	if s.options.CA != "" {
		var err error
		if options.Roots, err = s.authorities(); err != nil {
			return nil, health.Unknownf("%w", err)
		}
	}
	return shown[0].Verify(options)
}

// authorities reads those that are trusted in place of the system's. Its error names the
// key, as that of certificate does.
func (s *secure) authorities() (*x509.CertPool, error) {
	content, err := readPEM("tls.ca", s.options.CA)
	if err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(content) {
		return nil, noPEM("tls.ca", s.options.CA, "certificate")
	}
	return pool, nil
}

// certificate reads the one that the check shows to the server.
func (s *secure) certificate() (*tls.Certificate, error) {
	cert, err := readPEM("tls.cert", s.options.Cert)
	if err != nil {
		return nil, err
	}
	key, err := readPEM("tls.key", s.options.Key)
	if err != nil {
		return nil, err
	}
	own, err := tls.X509KeyPair(cert, key)
	switch {
	case err == nil:
		return &own, nil
	case !bytes.Contains(cert, []byte("-----BEGIN CERTIFICATE-----")):
		return nil, noPEM("tls.cert", s.options.Cert, "certificate")
	case bytes.Contains(key, []byte("ENCRYPTED")):
		return nil, wrong("tls.key", "%s is encrypted; write it without a passphrase, as with openssl pkey", s.options.Key)
	case !bytes.Contains(key, []byte("PRIVATE KEY-----")):
		return nil, noPEM("tls.key", s.options.Key, "private key")
	case strings.Contains(err.Error(), "does not match"):
		return nil, wrong("tls.key", "%s is not the key of the certificate in %s; name the two files of one pair", s.options.Key, s.options.Cert)
	}
	return nil, wrong("tls.cert", "%s and %s cannot be used: %s", s.options.Cert, s.options.Key, strings.TrimPrefix(err.Error(), "tls: "))
}

// readPEM reads a file that a key names.
func readPEM(key string, path config.File) ([]byte, error) {
	content, err := os.ReadFile(string(path))
	var at *fs.PathError
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, wrong(key, "there is no file %s; correct the path, or put the file there", path)
	case errors.Is(err, fs.ErrPermission):
		return nil, wrong(key, "the hub may not read %s; give its user the right to", path)
	case errors.As(err, &at):
		return nil, wrong(key, "%s cannot be read: %s", path, at.Err)
	}
	return content, err
}

func noPEM(key string, path config.File, what string) error {
	return wrong(key, "%s has no %s in PEM form; name a file with a line -----BEGIN %s-----", path, what, strings.ToUpper(what))
}

// unusedTLS is the error of TLS options for a URL that leads to no TLS.
func unusedTLS(remedy string) error {
	return wrong("tls", "has no effect on this url; %s", remedy)
}
