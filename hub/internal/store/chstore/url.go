package chstore

import (
	"cmp"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"slices"
	"strings"

	"github.com/kymohq/kymo/hub/internal/store/remote"
)

// address is a parsed URL.
type address struct {
	hosts              []string // host:port
	user, password     string
	database, cluster  string
	secure, skipVerify bool
}

const (
	defaultPort       = "9000"
	defaultSecurePort = "9440"
)

// parseURL parses clickhouse://user:password@host:9000,host:9000/database?cluster=name.
// Its errors contain neither the password nor what may be part of it.
func parseURL(text string) (*address, error) {
	rest, ok := strings.CutPrefix(text, "clickhouse://")
	if !ok {
		return nil, errors.New("the URL must begin with clickhouse://")
	}
	if err := remote.CheckURL(text); err != nil {
		return nil, err
	}
	// Package url takes one host only.
	end := strings.IndexAny(rest, "/?#")
	if end < 0 {
		end = len(rest)
	}
	at := strings.LastIndexByte(rest[:end], '@')
	hosts, rest := rest[at+1:end], rest[:at+1]+"host"+rest[end:]
	u, err := url.Parse("clickhouse://" + rest)
	if err != nil {
		return nil, remote.ErrUnescaped
	}
	password, _ := u.User.Password()
	a := &address{
		user: cmp.Or(u.User.Username(), os.Getenv("CLICKHOUSE_USER"), "default"), password: cmp.Or(password, os.Getenv("CLICKHOUSE_PASSWORD")),
		database: cmp.Or(strings.TrimPrefix(u.Path, "/"), "default"),
	}
	if strings.Contains(a.database, "/") || u.Fragment != "" {
		return nil, errors.New("after the hosts the URL takes /database and ?cluster=name only")
	}
	if err := a.options(u.Query()); err != nil {
		return nil, err
	}
	for host := range strings.SplitSeq(hosts, ",") {
		if host, err = a.host(host); err != nil {
			return nil, err
		}
		a.hosts = append(a.hosts, host)
	}
	if len(a.hosts) > 1 && a.cluster == "" {
		return nil, errors.New("the URL names several hosts; add ?cluster=name, as the servers call their cluster in remote_servers")
	}
	return a, nil
}

func (a *address) options(query url.Values) error {
	for key, values := range query {
		value := values[len(values)-1]
		switch key {
		case "cluster":
			a.cluster = value
		case "secure", "skip_verify":
			if !slices.Contains([]string{"true", "false"}, value) {
				return fmt.Errorf("the URL's %s is %q; must be true or false", key, value)
			}
			if key == "secure" {
				a.secure = value == "true"
			} else {
				a.skipVerify = value == "true"
			}
		default:
			return fmt.Errorf("the URL's option %q is not known; known are cluster, secure and skip_verify", key)
		}
	}
	return nil
}

// host adds the default port if text has none.
func (a *address) host(text string) (string, error) {
	port := defaultPort
	if a.secure {
		port = defaultSecurePort
	}
	host, given, err := net.SplitHostPort(text)
	if err != nil {
		host, given = strings.Trim(text, "[]"), port
	}
	if host == "" || given == "" || strings.Trim(given, "0123456789") != "" || strings.ContainsAny(host, "[]@ ") {
		return "", errors.New("the URL's hosts must be host:port, with commas between them")
	}
	return net.JoinHostPort(host, given), nil
}

// CheckURL returns an error if a URL is invalid. It does not connect, and the error
// contains no password.
func CheckURL(url string) error {
	_, err := parseURL(url)
	return err
}

// ShowURL returns the URL without its password.
func ShowURL(text string) string {
	a, err := parseURL(text)
	if err != nil {
		return "clickhouse://…"
	}
	shown := "clickhouse://" + url.User(a.user).String() + "@" + strings.Join(a.hosts, ",") + "/" + a.database
	if a.cluster != "" {
		shown += "?cluster=" + url.QueryEscape(a.cluster)
	}
	return shown
}
