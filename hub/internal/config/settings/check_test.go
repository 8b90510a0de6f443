package settings

import (
	"errors"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/kymohq/kymo/hub/internal/config"
)

// fileOf returns the verdict of a configuration file that has nothing but the check.
func fileOf(t *testing.T, check string) (*config.Check, error) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "kymo.yaml")
	write(t, path, "checks: ["+check+"]\n")
	c, err := Load(Source{Path: path}, makers)
	if err != nil {
		return nil, err
	}
	return &c.Checks[0], nil
}

// A check that was sent is what it would be in the file.
func TestParseCheck(t *testing.T) {
	for _, check := range []string{
		`{"name": "database", "type": "postgres", "url": "postgres://app:secret@db/app", "interval": "1m", "timeout": "2s", "critical": true, "max_lag": "3s", "max_connections": "80%"}`,
		`{"type": "redis", "url": "redis://cache:6379/0", "name": "Größe 1", "failures": 3, "max_memory": 0.5, "start_period": "2h", "degraded_over": "50ms"}`,
		`{"name": "site", "type": "http", "url": "https://user:secret@site/health?a=b", "headers": {"Authorization": "Bearer x", "X-N": "2"}, "status": [200, 204],
			"json": {"data.status": "ok", "n": 3, "up": true, "list": [1.5, null, -2, {"deep": []}]}, "insecure": true, "tls": {"server_name": "site.example", "min_version": "1.3"}}`,
		`{"name": "ml", "type": "kserve", "url": "http://ml", "models": ["fraud", "2"], "key": "abc", "canary": {"body": {"inputs": [{"name": "x", "shape": [1, 4]}]}, "shape": [-1, 4], "budget": "50ms"}}`,
		`{"name": "port", "type": "tcp", "url": "tcp://10.0.0.1:25", "body": "EHLO\r\n", "contains": "250"}`,
	} {
		want, err := fileOf(t, check)
		if err != nil {
			t.Fatal(err)
		}
		got, err := ParseCheck([]byte(check), makers)
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s\ngot  %+v, %v\nwant %+v", check, got, err, want)
		}
	}
	// It may depend on a check that is elsewhere, but not on itself.
	got, err := ParseCheck([]byte(`{"name": "a", "type": "tcp", "url": "tcp://a:1", "depends_on": ["b"]}`), makers)
	if err != nil || len(got.DependsOn) != 1 {
		t.Errorf("got %+v, %v", got, err)
	}
	if _, err := ParseCheck([]byte(`{"name": "a", "type": "tcp", "url": "tcp://a:1", "depends_on": ["a"]}`), makers); err == nil || err.Error() != "depends_on[0]: is the check itself; leave it out" {
		t.Errorf("got %v", err)
	}
	// What YAML reads otherwise, or not at all.
	got, err = ParseCheck([]byte("\t{\"name\":\"n\",\"type\":\"http\",\"url\":\"http:\\/\\/a\",\"json\":{\"a\":\"\\ud83d\\ude00\",\"b\":\"null\",\"d\":18446744073709551616}}\n"), makers)
	if err != nil || got.URL != "http://a" || got.JSON["a"] != "\U0001F600" || got.JSON["b"] != "null" || got.JSON["d"] != 1.8446744073709552e19 {
		t.Errorf("got %+v, %v", got, err)
	}
}

// The errors are those of the file, with the field and without a place.
func TestParseCheckRefusals(t *testing.T) {
	for _, check := range []string{
		`{"name": "a"}`,
		`{"name": "a", "type": "postgers"}`,
		`{"name": "a", "type": "postgres"}`,
		`{"type": "tcp", "url": "tcp://a:1"}`,
		`{"name": "a/b", "type": "tcp", "url": "tcp://a:1"}`,
		`{"name": "kymo-store", "type": "tcp", "url": "tcp://a:1"}`,
		`{"name": "a", "type": "tcp", "url": "tcp://a:1", "intervall": "3s"}`,
		`{"name": "a", "type": "tcp", "url": "tcp://a:1", "models": ["x"]}`,
		`{"name": "a", "type": "tcp", "url": "tcp://a:1", "interval": "fast", "timeout": null}`,
		`{"name": "a", "type": "tcp", "url": "tcp://a:1", "interval": ["3s"], "critical": "perhaps", "failures": 1.5}`,
		`{"name": "a", "type": "tcp", "url": "tcp://a:1", "interval": "1s", "timeout": "2s"}`,
		`{"name": "a", "type": "http", "url": "http://a", "status": 200, "headers": [], "tls": "x"}`,
		`{"name": "a", "type": "http", "url": "http://a", "tls": {"version": 1}}`,
		`{"name": ["a"], "type": "http", "url": "http://user:hunter2@a b"}`,
		`{"name": "a", "type": ["http"]}`,
	} {
		_, err := fileOf(t, check)
		want, ok := errors.AsType[config.Errors](err)
		if !ok {
			t.Fatalf("%s: in a file: %v", check, err)
		}
		_, err = ParseCheck([]byte(check), makers)
		got, ok := errors.AsType[config.Errors](err)
		if !ok || len(got) != len(want) {
			t.Fatalf("%s: %v, want %v", check, err, want)
		}
		for i, e := range got {
			if "checks[0]."+e.Field != want[i].Field || e.Text() != want[i].Text() || e.Path != "" || e.Line != 0 || strings.Contains(e.Error(), "hunter2") {
				t.Errorf("%s: got %+v, want %+v", check, e, want[i])
			}
		}
	}
	for body, says := range map[string]string{
		``: "not JSON", `{`: "not JSON", `[]`: "must be an object", `"x"`: "must be an object", `{}`: "must be an object", `null`: "must be an object",
		`{"name": "a"} {}`: "more after the object", `{"a": 1, "a": 2}`: `the key "a" twice`, `{"a": [1, }`: "not JSON", `{"a": tru`: "not JSON", `{"a": {]}`: "not JSON",
		`{"a": ` + strings.Repeat("[", 200) + strings.Repeat("]", 200) + `}`: "nested", "{\"a\": \"\x00\"}": "not JSON", `{"a" 1}`: "not JSON", `{1: 1}`: "not JSON",
	} {
		_, err := ParseCheck([]byte(body), makers)
		if wrong, ok := errors.AsType[config.Errors](err); !ok || len(wrong) != 1 || wrong[0].Field != "" || !strings.Contains(err.Error(), says) {
			t.Errorf("%.60s: %v, want one that says %q", body, err, says)
		}
	}
}

// A program that may send checks may not have the hub read its own files and environment,
// or contact its sockets.
func TestParseCheckReadsNothingLocal(t *testing.T) {
	t.Setenv("PGPASSWORD", "hunter2")
	secret := filepath.Join(t.TempDir(), "secret")
	write(t, secret, "hunter2\n")
	for check, field := range map[string]string{
		`{"name": "a", "type": "postgres", "url": "env:PGPASSWORD"}`:                                            "url",
		`{"name": "a", "type": "http", "url": "file:` + secret + `"}`:                                           "url",
		`{"name": "a", "type": "http", "url": "http://a", "headers": {"X-A": "env:PGPASSWORD"}}`:                "headers.X-A",
		`{"name": "a", "type": "openai", "url": "http://a", "key": "file:` + secret + `"}`:                      "key",
		`{"name": "a", "type": "disk", "path": "/"}`:                                                            "type",
		`{"name": "a", "type": "http", "url": "https://a", "tls": {"ca": "` + secret + `"}}`:                    "tls.ca",
		`{"name": "a", "type": "http", "url": "https://a", "tls": {"cert": "/no/such/file"}}`:                   "tls.cert",
		`{"name": "a", "type": "http", "url": "https://a", "tls": {"key": "/no/such/file"}}`:                    "tls.key",
		`{"name": "a", "type": "redis", "url": "unix:///run/redis.sock"}`:                                       "url",
		`{"name": "a", "type": "redis", "url": "UNIX://user:hunter2@/run/redis.sock"}`:                          "url",
		`{"name": "a", "type": "grpc", "url": "unix:///run/app.sock"}`:                                          "url",
		`{"name": "a", "type": "mysql", "url": "mysql://a:b@/db?socket=/run/mysqld.sock"}`:                      "url",
		`{"name": "a", "type": "mysql", "url": "mysql://a:b@host/db?allowAllFiles=true"}`:                       "url",
		`{"name": "a", "type": "postgres", "url": "postgres://a:b@/db?host=/run/postgresql"}`:                   "url",
		`{"name": "a", "type": "postgres", "url": "postgres://a:b@host/db?sslmode=require&sslrootcert=/etc/x"}`: "url",
		`{"name": "a", "type": "postgres", "url": "postgres://a:b@host/db?passfile=` + secret + `"}`:            "url",
		`{"name": "a", "type": "postgres", "url": "postgres://a@host/db"}`:                                      "url",
		`{"name": "a", "type": "postgres", "url": "postgres://host/db"}`:                                        "url",
		`{"name": "a", "type": "postgres", "url": "postgres://host:5432/db"}`:                                   "url",
		`{"name": "a", "type": "postgres", "url": "postgresql://a:@host:5432/db"}`:                              "url",
	} {
		_, err := ParseCheck([]byte(check), makers)
		wrong, ok := errors.AsType[config.Errors](err)
		if !ok || len(wrong) != 1 || wrong[0].Field != field || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: %v, want one error, of %s", check, err, field)
			continue
		}
		if text := err.Error(); !strings.Contains(text, "the file") && !strings.Contains(text, "configuration file") && !strings.Contains(text, "environment") {
			t.Errorf("%s: %s", check, text)
		}
	}
	for _, check := range []string{
		`{"name": "a", "type": "http", "url": "http://a/?host=/x&service=y&socket=z"}`,
		`{"name": "a", "type": "postgres", "url": "postgres://a:b@host/db?sslmode=require&application_name=x"}`,
		`{"name": "a", "type": "http", "url": "http://a", "headers": {"X-A": "environment: x"}}`,
	} {
		if _, err := ParseCheck([]byte(check), makers); err != nil {
			t.Errorf("%s: %v", check, err)
		}
	}
}

// A text that is no UTF-8 is no JSON, wherever that is.
func TestParseCheckThatIsNoText(t *testing.T) {
	for text, want := range map[string]string{
		"{\"name\": \"a\xff\"}": "is not UTF-8 at byte 12", "\xfe": "is not UTF-8 at byte 1",
		`{"name":"a","type":"tcp","url":"tcp://a:1","body":"ü` + "\xc3": "is not UTF-8 at byte 54",
	} {
		if _, err := ParseCheck([]byte(text), makers); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %s", text, err, want)
		}
	}
}
