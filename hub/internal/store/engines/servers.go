package engines

import (
	"net/url"
	"slices"
	"strings"

	"github.com/kymohq/kymo/hub/internal/store"
	"github.com/kymohq/kymo/hub/internal/store/chstore"
	"github.com/kymohq/kymo/hub/internal/store/pgstore"
	"github.com/kymohq/kymo/hub/internal/store/remote"
)

const otherDatabase = "another database"

// postgres is the store in PostgreSQL; its name is a connection URL as libpq takes it.
var postgres = engine{
	check: pgstore.CheckURL,
	open: func(name string, o Options) (store.Store, error) {
		if o.Service != "" {
			return pgstore.OpenSource(name, pgstore.Options{Logger: o.Logger}, o.Service)
		}
		return pgstore.Open(name, pgstore.Options{Logger: o.Logger})
	},
	show:     showPostgres,
	location: func(name string) string { return serverLocation("postgres", name) },
	other:    otherDatabase,
}

// clickHouse is the store in ClickHouse; its name is a URL of one or more hosts.
var clickHouse = engine{
	check: chstore.CheckURL,
	open: func(name string, o Options) (store.Store, error) {
		return chstore.Open(name, chstore.Options{Logger: o.Logger})
	},
	show:     chstore.ShowURL,
	location: func(name string) string { return serverLocation("clickhouse", name) },
	other:    otherDatabase,
}

// showPostgres leaves out the password, which can be in the user's part or in a
// parameter.
func showPostgres(name string) string {
	u, err := url.Parse(name)
	if err != nil || remote.CheckURL(name) != nil {
		return "postgres://…"
	}
	if _, secret := u.User.Password(); secret {
		u.User = url.User(u.User.Username())
	}
	q := u.Query()
	for key := range q {
		if strings.Contains(strings.ToLower(key), "password") {
			q.Del(key)
		}
	}
	u.RawQuery = q.Encode()
	return u.String()
}

// locating are the parameters of a URL that select the data. Others, such as time
// limits and encryption, do not.
var locating = []string{"host", "port", "dbname", "database", "search_path", "options"}

// serverLocation is a URL reduced to hosts, database and the locating parameters,
// without user and password. Package url does not parse several hosts with ports,
// so the text is cut by hand.
func serverLocation(scheme, name string) string {
	_, rest, _ := strings.Cut(name, "://")
	where, query, _ := strings.Cut(rest, "?")
	hosts, database, _ := strings.Cut(where, "/")
	hosts = hosts[strings.LastIndexByte(hosts, '@')+1:]
	params, _ := url.ParseQuery(query) // a parameter that cannot be parsed selects nothing
	for key := range params {
		if !slices.Contains(locating, key) {
			params.Del(key)
		}
	}
	return scheme + "://" + hosts + "/" + database + "?" + params.Encode()
}
