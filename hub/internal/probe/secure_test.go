package probe

import (
	"crypto/ecdsa"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	grpchealth "google.golang.org/grpc/health"

	"github.com/kymohq/kymo/health"
	"github.com/kymohq/kymo/hub/internal/config"
	"github.com/kymohq/kymo/internal/serverstest"
)

// certFiles writes certificates into files.
type certFiles struct {
	t   *testing.T
	dir string
}

func newCertFiles(t *testing.T) certFiles { return certFiles{t, t.TempDir()} }

func (f certFiles) write(name, typ string, blocks ...[]byte) config.File {
	f.t.Helper()
	var content []byte
	for _, b := range blocks {
		content = append(content, pem.EncodeToMemory(&pem.Block{Type: typ, Bytes: b})...)
	}
	path := filepath.Join(f.dir, name)
	if err := os.WriteFile(path, content, 0o600); err != nil {
		f.t.Fatal(err)
	}
	return config.File(path)
}

// authority writes that of an authority.
func (f certFiles) authority(name string, a *authority) config.File {
	f.t.Helper()
	return f.write(name, "CERTIFICATE", a.cert.Raw)
}

// pair writes a certificate and its key.
func (f certFiles) pair(name string, c tls.Certificate) (cert, key config.File) {
	f.t.Helper()
	raw, err := x509.MarshalECPrivateKey(c.PrivateKey.(*ecdsa.PrivateKey))
	if err != nil {
		f.t.Fatal(err)
	}
	return f.write(name+".pem", "CERTIFICATE", c.Certificate...), f.write(name+"-key.pem", "EC PRIVATE KEY", raw)
}

// always returns a certificate that is valid as long as its authority is, for 127.0.0.1
// or for these names.
func (a *authority) always(names ...string) tls.Certificate {
	return a.issue(a.cert.NotBefore, a.cert.NotAfter, names...)
}

// secured starts a server for each type whose URL begins with a protocol of its own, and
// returns specs of healthy checks.
func secured(t *testing.T, c *tls.Config) []Spec {
	t.Helper()
	web := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = w.Write([]byte(`{"status": "ok"}`))
	}))
	web.TLS = c.Clone()
	web.Config.ErrorLog = log.New(io.Discard, "", 0)
	web.StartTLS()
	t.Cleanup(web.Close)
	rpc, _ := grpcServer(t, listen(t), grpchealth.NewServer(), grpc.Creds(credentials.NewTLS(c.Clone())))
	return []Spec{
		{Type: "http", URL: web.URL},
		{Type: "kserve", URL: web.URL},
		{Type: "grpc", URL: "grpcs://" + rpc},
		{Type: "tls", URL: "tls://" + serve(t, tls.NewListener(listen(t), c.Clone()), func(c net.Conn) {
			_, _ = io.Copy(io.Discard, c)
			_ = c.Close()
		})},
	}
}

func TestAuthorityOfACheck(t *testing.T) {
	files := newCertFiles(t)
	own, other := newAuthority("Own"), newAuthority("Other")
	ca := files.authority("ca.pem", own)
	for _, spec := range secured(t, &tls.Config{Certificates: []tls.Certificate{own.always()}}) {
		t.Run(spec.Type, func(t *testing.T) {
			files.authority("ca.pem", own)
			wantProblem(t, openProbe(t, spec), enough, health.Down, "certificate signed by an unknown authority")
			spec.TLS = &config.TLS{CA: ca}
			p := openProbe(t, spec)
			wantHealthy(t, p)
			spec.TLS = &config.TLS{CA: ca, ServerName: "else.example"}
			wantProblem(t, openProbe(t, spec), enough, health.Down, "certificate is for another host")

			// The file counts as it is when a connection is made.
			renewed := openProbe(t, Spec{Type: spec.Type, URL: spec.URL, TLS: &config.TLS{CA: files.authority("ca.pem", other)}})
			wantProblem(t, renewed, enough, health.Down, "certificate signed by an unknown authority")
			files.authority("ca.pem", own)
			wantHealthy(t, renewed)
			if err := os.Remove(string(ca)); err != nil {
				t.Fatal(err)
			}
			_ = renewed.Close()
			if spec.Type != "grpc" { // it has a connection that is good for a minute
				p = openProbeOf(t, files, spec, own)
				wantProblem(t, p, enough, health.Unknown, "tls.ca: there is no file ")
			}
		})
	}
}

// openProbeOf makes a probe whose authorities are gone before its first run.
func openProbeOf(t *testing.T, files certFiles, spec Spec, a *authority) health.Probe {
	t.Helper()
	ca := files.authority("gone.pem", a)
	spec.TLS = &config.TLS{CA: ca}
	p := openProbe(t, spec)
	if err := os.Remove(string(ca)); err != nil {
		t.Fatal(err)
	}
	return p
}

func TestServerNameOfACheck(t *testing.T) {
	files := newCertFiles(t)
	own := newAuthority("Own")
	for _, spec := range secured(t, &tls.Config{Certificates: []tls.Certificate{own.always("site.example")}}) {
		t.Run(spec.Type, func(t *testing.T) {
			spec.TLS = &config.TLS{CA: files.authority("ca.pem", own)}
			wantProblem(t, openProbe(t, spec), enough, health.Down, "certificate is for another host")
			spec.TLS.ServerName = "site.example"
			wantHealthy(t, openProbe(t, spec))
		})
	}
}

func TestClientCertificate(t *testing.T) {
	files := newCertFiles(t)
	clients := newAuthority("Clients")
	pool := x509.NewCertPool()
	pool.AddCert(clients.cert)
	for _, spec := range secured(t, &tls.Config{Certificates: []tls.Certificate{lasting(30 * day)},
		ClientAuth: tls.RequireAnyClientCert, MinVersion: tls.VersionTLS12, MaxVersion: tls.VersionTLS12}) {
		t.Run(spec.Type, func(t *testing.T) {
			cert, key := files.pair("own", clients.always())
			wantProblem(t, openProbe(t, spec), enough, health.Down, "")
			spec.TLS = &config.TLS{Cert: cert, Key: key}
			wantHealthy(t, openProbe(t, spec))
			p := openProbe(t, spec)
			if err := os.Remove(string(key)); err != nil {
				t.Fatal(err)
			}
			wantProblem(t, p, enough, health.Unknown, "tls.key: there is no file ")
			files.pair("own", clients.always())
			wantHealthy(t, p)
		})
	}
}

func TestVersionsOfTLS(t *testing.T) {
	old := secured(t, &tls.Config{Certificates: []tls.Certificate{lasting(30 * day)}, MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11})
	usual := secured(t, &tls.Config{Certificates: []tls.Certificate{lasting(30 * day)}, MaxVersion: tls.VersionTLS12})
	for i := range old {
		t.Run(old[i].Type, func(t *testing.T) {
			if old[i].Type != "grpc" { // its own floor is 1.2
				wantProblem(t, openProbe(t, old[i]), enough, health.Down, "protocol version")
				old[i].TLS = &config.TLS{MinVersion: "1.0"}
				wantHealthy(t, openProbe(t, old[i]))
			}
			wantHealthy(t, openProbe(t, usual[i]))
			usual[i].TLS = &config.TLS{MinVersion: "1.3"}
			wantProblem(t, openProbe(t, usual[i]), enough, health.Down, "protocol version")
		})
	}
}

func TestWrongTLS(t *testing.T) {
	files := newCertFiles(t)
	cert, key := files.pair("own", trusted.always())
	_, otherKey := files.pair("other", trusted.always())
	empty := files.write("empty.pem", "CERTIFICATE")
	text := func(name, content string) config.File {
		path := filepath.Join(files.dir, name)
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		return config.File(path)
	}
	locked := text("locked.pem", "-----BEGIN ENCRYPTED PRIVATE KEY-----\n")
	broken := text("broken.pem", "-----BEGIN CERTIFICATE-----\n")
	const web = "https://127.0.0.1:1"
	for _, c := range []struct {
		spec  Spec
		field string
		text  string
	}{
		{Spec{URL: web, TLS: &config.TLS{MinVersion: "1.4"}}, "tls.min_version", `"1.4" is not one of 1.0, 1.1, 1.2, 1.3`},
		{Spec{URL: web, TLS: &config.TLS{CA: "/nowhere.pem"}}, "tls.ca", "there is no file /nowhere.pem; correct the path, or put the file there"},
		{Spec{URL: web, TLS: &config.TLS{CA: config.File(filepath.Dir(string(cert)))}}, "tls.ca", filepath.Dir(string(cert)) + " cannot be read: is a directory"},
		{Spec{URL: web, TLS: &config.TLS{CA: empty}}, "tls.ca", string(empty) + " has no certificate in PEM form; name a file with a line -----BEGIN CERTIFICATE-----"},
		{Spec{URL: web, TLS: &config.TLS{Cert: "/nowhere.pem", Key: key}}, "tls.cert", "there is no file /nowhere.pem; correct the path, or put the file there"},
		{Spec{URL: web, TLS: &config.TLS{Cert: cert, Key: "/nowhere.pem"}}, "tls.key", "there is no file /nowhere.pem; correct the path, or put the file there"},
		{Spec{URL: web, TLS: &config.TLS{Cert: key, Key: key}}, "tls.cert", string(key) + " has no certificate in PEM form; name a file with a line -----BEGIN CERTIFICATE-----"},
		{Spec{URL: web, TLS: &config.TLS{Cert: cert, Key: cert}}, "tls.key", string(cert) + " has no private key in PEM form; name a file with a line -----BEGIN PRIVATE KEY-----"},
		{Spec{URL: web, TLS: &config.TLS{Cert: cert, Key: locked}}, "tls.key", string(locked) + " is encrypted; write it without a passphrase, as with openssl pkey"},
		{Spec{URL: web, TLS: &config.TLS{Cert: broken, Key: key}}, "tls.cert", string(broken) + " and " + string(key) + " cannot be used: failed to find any PEM data in certificate input"},
		{Spec{URL: web, TLS: &config.TLS{CA: cert}, Insecure: true}, "tls.ca", "has no effect, because every certificate is accepted; leave out one of the two"},
		{Spec{URL: web, TLS: &config.TLS{Cert: cert}}, "tls.key", "is missing; the certificate needs its private key"},
		{Spec{URL: web, TLS: &config.TLS{Key: key}}, "tls.cert", "is missing; the private key needs its certificate"},
		{Spec{URL: web, TLS: &config.TLS{Cert: cert, Key: otherKey}}, "tls.key", string(otherKey) + " is not the key of the certificate in " + string(cert) + "; name the two files of one pair"},
		{Spec{URL: web, TLS: &config.TLS{Cert: cert, Key: key}, Redirects: "follow"}, "redirects", "is follow, and other hosts would be shown the client certificate; leave out one of the two"},
		{Spec{URL: "http://a", TLS: &config.TLS{CA: cert}}, "tls", "has no effect on this url; it must begin with https://"},
		{Spec{Type: "openai", URL: "http://a", TLS: &config.TLS{CA: cert}}, "tls", "has no effect on this url; it must begin with https://"},
		{Spec{Type: "grpc", URL: "grpc://a:1", TLS: &config.TLS{CA: cert}}, "tls", "has no effect on this url; it must begin with grpcs://"},
		{Spec{Type: "redis", URL: "redis://a", TLS: &config.TLS{CA: cert}}, "tls", "has no effect on this url; it must begin with rediss://"},
		{Spec{Type: "clickhouse", URL: "clickhouse://a", TLS: &config.TLS{CA: cert}}, "tls", "has no effect on this url; it must have the option secure=true"},
		{Spec{Type: "mysql", URL: "mysql://a/?tls=false", TLS: &config.TLS{CA: cert}}, "tls", "has no effect on this url; its option tls must not be false"},
		{Spec{Type: "mysql", URL: "mysql://a/?tls=skip-verify", TLS: &config.TLS{CA: cert}}, "tls.ca", "has no effect, because every certificate is accepted; leave out one of the two"},
		{Spec{Type: "postgres", URL: "postgres://a/?sslmode=disable", TLS: &config.TLS{CA: cert}}, "url", "has options of TLS beside tls, which means verify-full; leave out one of the two"},
		{Spec{Type: "postgres", URL: "postgres://a/?sslrootcert=x", TLS: &config.TLS{CA: cert}}, "url", "has options of TLS beside tls, which means verify-full; leave out one of the two"},
		{Spec{Type: "postgres", URL: "postgres:///?host=/run", TLS: &config.TLS{CA: cert}}, "tls", "has no effect on this url; a socket has no TLS"},
	} {
		if c.spec.Type == "" {
			c.spec.Type = "http"
		}
		_, err := New(&c.spec)
		if err == nil || err.Error() != c.field+": "+c.text {
			t.Errorf("%s %s %+v:\ngot  %v\nwant %s: %s", c.spec.Type, c.spec.URL, *c.spec.TLS, err, c.field, c.text)
		}
	}
}

// Real servers, each with a certificate of an authority that the machine does not trust.
func TestDatabasesOverTLS(t *testing.T) {
	t.Parallel()
	own, clients := newAuthority("Own"), newAuthority("Clients")
	check := func(t *testing.T, spec Spec, files certFiles) {
		t.Helper()
		ca := files.authority("ca.pem", own)
		spec.TLS = &config.TLS{CA: files.authority("other.pem", clients)}
		wantProblem(t, openProbe(t, spec), enough, health.Down, "certificate signed by an unknown authority")
		spec.TLS = &config.TLS{CA: ca, ServerName: "else.example"}
		wantProblem(t, openProbe(t, spec), enough, health.Down, "certificate is for another host")
		spec.TLS = &config.TLS{CA: ca}
		wantHealthy(t, openProbe(t, spec))
	}
	t.Run("postgres", func(t *testing.T) {
		t.Parallel()
		files := newCertFiles(t)
		server := serverstest.Postgres(t)
		cert, key := files.pair("server", own.always())
		for _, path := range []string{filepath.Dir(files.dir), files.dir, string(cert), string(key)} {
			server.Own(path)
		}
		server.SQL("ALTER SYSTEM SET ssl_cert_file = '"+string(cert)+"'", "ALTER SYSTEM SET ssl_key_file = '"+string(key)+"'",
			"ALTER SYSTEM SET ssl = on", "SELECT pg_reload_conf()")
		eventually(t, "the server has read its certificate", func() bool { return server.SQL("SHOW ssl") == "on" })
		check(t, Spec{Type: "postgres", URL: "postgres://postgres:" + serverstest.PostgresPassword + "@" + server.Addr() + "/postgres"}, files)
	})
	t.Run("mysql", func(t *testing.T) {
		t.Parallel()
		files := newCertFiles(t)
		cert, key := files.pair("server", own.always())
		server := serverstest.MariaDB(t, "--ssl-cert="+string(cert), "--ssl-key="+string(key))
		url := server.URL("root", serverstest.MariaDBPassword, "mysql")
		check(t, Spec{Type: "mysql", URL: url}, files)
		for mode, problem := range map[string]string{"tls=true": "unknown authority", "ssl-mode=VERIFY_IDENTITY": "unknown authority",
			"tls=skip-verify": "", "tls=preferred": "", "ssl-mode=required": ""} {
			p := openProbe(t, Spec{Type: "mysql", URL: url + "?" + mode, Query: "SELECT 1 FROM information_schema.session_status WHERE variable_name = 'Ssl_version'"})
			if problem == "" {
				wantHealthy(t, p)
			} else {
				wantProblem(t, p, enough, health.Down, problem)
			}
		}
	})
	t.Run("redis", func(t *testing.T) {
		t.Parallel()
		files := newCertFiles(t)
		cert, key := files.pair("server", own.always())
		port := strconv.Itoa(serverstest.FreePort(t))
		serverstest.Redis(t, "--tls-port", port, "--tls-cert-file", string(cert), "--tls-key-file", string(key),
			"--tls-ca-cert-file", string(files.authority("clients.pem", clients)), "--tls-auth-clients", "optional")
		check(t, Spec{Type: "redis", URL: "rediss://127.0.0.1:" + port}, files)
	})
}

// The options of a poll reach the service.
func TestPollOptions(t *testing.T) {
	own := newAuthority("Own")
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer geheim" || r.Header.Get("X-Tenant") != "a" {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		_, _ = w.Write([]byte(`{"status": "ok"}`))
	}))
	server.TLS = &tls.Config{Certificates: []tls.Certificate{own.always()}}
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.StartTLS()
	defer server.Close()
	open := func(p config.Poll) health.Probe {
		t.Helper()
		p.Health = server.URL
		opened, err := Service(&p)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = opened.Close() })
		return opened
	}
	full := config.Poll{Token: "geheim", Headers: map[string]string{"X-Tenant": "a"}, Insecure: true}
	wantHealthy(t, open(full))
	full.Insecure, full.TLS = false, &config.TLS{CA: newCertFiles(t).authority("ca.pem", own)}
	wantHealthy(t, open(full))
	wantProblem(t, open(config.Poll{Insecure: true}), enough, health.Down, "answered 401 Unauthorized")
	wantProblem(t, open(config.Poll{}), enough, health.Down, "unknown authority")
	for want, p := range map[string]config.Poll{
		"token: contains a control character; is there a line break at its end?": {Health: "http://a", Token: "geheim\n"},
		"headers: has a control character, like a line break, in the value of A": {Health: "http://a", Headers: map[string]string{"A": "geheim\n"}},
		"tls: has no effect on this url; it must begin with https://":            {Health: "http://a", TLS: &config.TLS{ServerName: "b"}},
	} {
		if _, err := Service(&p); err == nil || err.Error() != want {
			t.Errorf("got %v, want %s", err, want)
		}
	}
}

// Sockets of this machine, in place of a host.
func TestUnixSockets(t *testing.T) {
	t.Parallel()
	dir, err := os.MkdirTemp("", "kymo") // a path of a socket has about 100 bytes
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	t.Run("redis", func(t *testing.T) {
		t.Parallel()
		serverstest.Redis(t, "--requirepass", "geheim", "--unixsocket", dir+"/redis.sock")
		wantHealthy(t, openProbe(t, Spec{Type: "redis", URL: "unix://:geheim@" + dir + "/redis.sock?db=1", ScratchKey: "k"}))
		wantProblem(t, openProbe(t, Spec{Type: "redis", URL: "unix://" + dir + "/redis.sock"}), enough, health.Down, "requires a password")
		wantProblem(t, openProbe(t, Spec{Type: "redis", URL: "unix://" + dir + "/none.sock"}), enough, health.Down, "there is no socket; check")
	})
	t.Run("mysql", func(t *testing.T) {
		t.Parallel()
		serverstest.MariaDB(t, "--socket", dir+"/mysql.sock")
		wantHealthy(t, openProbe(t, Spec{Type: "mysql", URL: "mysql://root:" + serverstest.MariaDBPassword + "@/mysql?socket=" + dir + "/mysql.sock&charset=utf8mb4&sql_mode=ANSI",
			Query: `SELECT 1 FROM "user"`}))
		wantProblem(t, openProbe(t, Spec{Type: "mysql", URL: "mysql://root:" + serverstest.MariaDBPassword + "@/mysql?socket=" + dir + "/mysql.sock&no_variable=1"}),
			enough, health.Down, "Unknown system variable 'no_variable'; correct the options in url")
	})
	t.Run("postgres", func(t *testing.T) {
		t.Parallel()
		server := serverstest.Postgres(t)
		host, port := server.SQL("SHOW unix_socket_directories"), server.SQL("SHOW port")
		wantHealthy(t, openProbe(t, Spec{Type: "postgres", URL: "postgres://postgres@/postgres?host=" + host + "&port=" + port}))
		wantProblem(t, openProbe(t, Spec{Type: "postgres", URL: "postgres:///postgres?host=" + dir}), enough, health.Down, "there is no socket; check")
	})
	t.Run("grpc", func(t *testing.T) {
		t.Parallel()
		l, err := net.Listen("unix", dir+"/grpc.sock")
		if err != nil {
			t.Fatal(err)
		}
		grpcServer(t, l, grpchealth.NewServer())
		wantHealthy(t, openProbe(t, Spec{Type: "grpc", URL: "unix://" + dir + "/grpc.sock"}))
		wantProblem(t, openProbe(t, Spec{Type: "grpc", URL: "unix://" + dir + "/none.sock"}), enough, health.Down, "there is no socket; check")
	})
	for want, s := range map[string]Spec{
		"url: must have the absolute path of a socket, like unix:///run/redis.sock": {Type: "redis", URL: "unix://relative"},
		"url: must have the absolute path of a socket, like unix:///run/app.sock":   {Type: "grpc", URL: "unix://relative"},
		"url: names no host; it is between // or @ and the next /":                  {Type: "postgres", URL: "postgres:///db?host=relative"},
	} {
		if _, err := New(&s); err == nil || err.Error() != want {
			t.Errorf("%s: got %v, want %s", s.URL, err, want)
		}
	}
}
