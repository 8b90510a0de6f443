package probe

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/kymohq/kymo/hub/internal/config"
)

func TestDatabaseSpecs(t *testing.T) {
	for _, test := range []struct{ typ, url, problem string }{
		{"postgres", "", "url: must begin with postgres:// or postgresql:// and look like postgres://user"},
		{"postgres", "mysql://h/db", "url: must begin with postgres://"},
		{"postgres", "postgres:///db", "url: names no host"},
		{"postgres", "postgres://app:geheim@/db", "url: names no host"},
		{"postgres", "postgres://app:ge/heim@h/db", "url: has an @ after the host; characters like"},
		{"postgres", "postgres://app:geh@eim@h/db", "url: has more than one @; characters like"},
		{"postgres", "postgres://app:geheim#@h/db", "url: has an @ after the host; characters like"},
		{"postgres", "postgres://app:geheim/h", "url: has a port that is not a number"},
		{"postgres", "postgres://app:geheim%@h/db", "url: has a % that is not followed"},
		{"postgres", "postgres://app:geheim@h/%zz", "url: has a % that is not followed"},
		{"postgres", "postgres://app:geheim@h:70000/db", "url: has a port that is not a number"},
		{"postgres", "postgres://app:geheim@::1/db", "url: has a host with several colons"},
		{"postgres", "postgres://app:geheim@h/db?sslmode=geheim", "url: has an option that PostgreSQL does not know"},
		{"mysql", "h:3306", "url: must begin with mysql:// or mariadb://"},
		{"mysql", "mysql://a,b/db", "url: names 2 hosts"},
		{"mysql", "mysql://a/db?timeout=geheim", "url: has an option with a wrong value; the options are those of a DSN"},
		{"mysql", "mysql://a/db?tls=geheim", "url: has a wrong value of the option tls"},
		{"redis", "http://h", "url: must begin with redis://"},
		{"redis", "redis://a,b", "url: names 2 hosts"},
		{"redis", "redis://a/geheim", "url: must have the number of a database"},
		{"redis", "redis://a/-1", "url: must have the number of a database"},
		{"redis", "redis://a?geheim=1", "url: has an option that redis:// does not take; it takes skip_verify"},
		{"redis", "redis+sentinel://a", "url: must name the primary"},
		{"redis", "redis+sentinel://a/main/x", "url: must have the number of a database"},
		{"redis", "redis+sentinel://a/main?x=geheim", "it takes sentinel_password"},
		{"redis", "redis+cluster://a/1", "url: must not name a database"},
		{"redis", "redis+cluster://a?x=geheim", "it takes skip_verify"},
		{"clickhouse", "tcp://h", "url: must begin with clickhouse://"},
		{"clickhouse", "clickhouse://a,b", "url: names 2 hosts"},
		{"clickhouse", "clickhouse://a?x=geheim", "it takes secure, skip_verify"},
	} {
		_, err := New(&Spec{Type: test.typ, URL: test.url})
		wantFieldError(t, test.typ+" "+test.url, err, test.problem)
	}
	nan := 0.0
	nan /= nan
	for problem, s := range map[string]Spec{
		"max_connections: is 1.5; it is a share, from 0 to 1": {MaxConnections: 1.5},
		"max_connections: is NaN":                             {MaxConnections: nan},
		"max_memory: is -1":                                   {MaxMemory: -1},
		"max_lag: is -1s":                                     {MaxLag: -time.Second},
	} {
		for typ, url := range map[string]string{"postgres": "postgres://h", "mysql": "mysql://h", "redis": "redis://h"} {
			if s.Type, s.URL = typ, url; s.Unfit() != nil {
				continue
			}
			_, err := New(&s)
			wantFieldError(t, typ, err, problem)
		}
	}
}

func wantFieldError(t *testing.T, what string, err error, problem string) {
	t.Helper()
	field, ok := err.(*config.Error)
	if !ok || !strings.Contains(field.Error(), problem) {
		t.Errorf("%s: says %v; should say %s", what, err, problem)
	} else if strings.Contains(fmt.Sprintf("%+v %#v", err, err), "geheim") {
		t.Errorf("%s: the password is in %+v", what, err)
	}
}

func TestParseAddress(t *testing.T) {
	a, err := parseAddress("X://me%40here:geheim%2F5@[::1],h:7/a%20b/c?tls=true&other_password=zwei#x", "", "5", "x")
	if err != nil {
		t.Fatal(err)
	}
	got := fmt.Sprint(a.scheme, a.user, a.password, a.hosts, a.path, a.options)
	if want := "x" + "me@here" + "geheim/5" + "[[::1]:5 h:7]" + "a b/c" + "map[other_password:[zwei] tls:[true]]"; got != want {
		t.Errorf("is   %s\nwant %s", got, want)
	}
	if shown := a.secrets.show(strings.Repeat("geheim/5\n ä", 100)); len(shown) > maxText+len("…") || strings.Contains(shown, "geheim") {
		t.Errorf("a long text is shown as %q", shown)
	}
	for _, text := range []string{"geheim/5", "geheim%2F5", "zwei"} {
		if shown := a.secrets.show("it is " + text + " there"); shown != "it is *** there" {
			t.Errorf("%q is shown as %q", text, shown)
		}
	}
}

func FuzzParseAddress(f *testing.F) {
	f.Add("postgres://app:geheim@h:5432/db?sslmode=disable")
	f.Add("postgres://a:b@[::1],h/db%20#x")
	f.Fuzz(func(t *testing.T, raw string) {
		a, err := parseAddress(raw, "example", "1", "postgres")
		if err != nil {
			if _, ok := err.(*config.Error); !ok {
				t.Errorf("%T is not a config.Error", err)
			}
			return
		}
		if len(a.hosts) == 0 {
			t.Error("no host and no error")
		}
		if len(a.password) > 3 && strings.Contains(a.secrets.show("="+a.password+"="), a.password) {
			t.Errorf("the password %q is shown", a.password)
		}
	})
}
