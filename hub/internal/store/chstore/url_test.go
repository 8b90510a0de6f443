package chstore

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/kymohq/kymo/hub/internal/store"
	"github.com/kymohq/kymo/hub/internal/store/remote"
	"github.com/kymohq/kymo/internal/serverstest"
)

func TestParseURL(t *testing.T) {
	for text, want := range map[string]string{
		"clickhouse://h":                                 "[h:9000] default  default ",
		"clickhouse://u:p%40ss@h:1/db":                   "[h:1] u p@ss db ",
		"clickhouse://h:1,g,[::1]:3/db?cluster=c":        "[h:1 g:9000 [::1]:3] default  db c",
		"clickhouse://h/db?secure=true&skip_verify=true": "[h:9440] default  db ",
		"clickhouse://a%40b@h/db?secure=false":           "[h:9000] a@b  db ",
		"clickhouse://u:sec@ret@h/db":                    remote.ErrUnescaped.Error(),
		"clickhouse://u:secret@h,g/db":                   "the URL names several hosts; add ?cluster=name, as the servers call their cluster in remote_servers",
		"clickhouse://u:sec/ret@h/db":                    remote.ErrUnescaped.Error(),
		"clickhouse://u:secret@h/db?cluste=c":            `the URL's option "cluste" is not known; known are cluster, secure and skip_verify`,
		"clickhouse://u:secret@h/db?secure=1":            `the URL's secure is "1"; must be true or false`,
		"clickhouse://u:secret@h/db/x":                   "after the hosts the URL takes /database and ?cluster=name only",
		"clickhouse://u:secr%et@h/db":                    remote.ErrUnescaped.Error(),
		"http://h":                                       "the URL must begin with clickhouse://",
	} {
		a, err := parseURL(text)
		got := ""
		if err != nil {
			got = err.Error()
		} else {
			got = fmt.Sprint(a.hosts, " ", a.user, " ", a.password, " ", a.database, " ", a.cluster)
		}
		if got != want {
			t.Errorf("%s: %s, want %s", text, got, want)
		}
		if shown := ShowURL(text); strings.Contains(shown, "sec") || strings.Contains(shown, "p%40ss") {
			t.Errorf("%s is shown as %s", text, shown)
		}
	}
}

func TestOpenErrors(t *testing.T) {
	server := serverstest.ClickHouse(t, password)
	for what, test := range map[string]struct{ url, want string }{
		"a wrong password":   {server.URL("default", "hunter2", "kymo"), "password"},
		"an unknown cluster": {server.URL("default", password, "kymo") + "?cluster=main", `it has no cluster "main"`},
		"nobody there":       {"clickhouse://default:hunter2@127.0.0.1:1/kymo", "connection refused"},
	} {
		_, err := Open(test.url, Options{})
		if err == nil || !strings.Contains(strings.ToLower(err.Error()), test.want) || strings.Contains(err.Error(), "hunter2") ||
			strings.Contains(err.Error(), password) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: %v", what, err)
		}
	}
	url := database(server)
	s := open(t, url, Options{})
	if err := s.note(t.Context(), "shards", 2); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(url, Options{}); err == nil || !strings.Contains(err.Error(), "are on 2 shards") {
		t.Errorf("tables of more shards: %v", err)
	}
	if err := s.note(t.Context(), "schema", schemaVersion+1); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(url, Options{}); !errors.Is(err, store.ErrVersion) {
		t.Errorf("tables of a newer version: %v", err)
	}
}
