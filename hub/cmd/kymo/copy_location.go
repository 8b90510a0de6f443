package main

import (
	"net/url"
	"path/filepath"
	"slices"
	"strings"
)

// locating are the parameters of a URL that say which data it leads to. Others,
// such as time limits and encryption, may change from one copy to the next.
var locating = []string{"host", "port", "dbname", "database", "search_path", "options"}

// location says where a store is, so that it is known again: a folder by its
// absolute path, without symbolic links if it is there; a server by host, database and
// those parameters, without user and password. Package url does not take several
// hosts with ports, so the text is cut by hand.
func location(text string) string {
	scheme, rest, isURL := strings.Cut(text, "://")
	if !isURL {
		path, err := filepath.Abs(text)
		if err != nil {
			path = text
		}
		if real, err := filepath.EvalSymlinks(path); err == nil {
			path = real
		}
		return path
	}
	if isPostgres(scheme) {
		scheme = "postgres"
	}
	where, query, _ := strings.Cut(rest, "?")
	hosts, database, _ := strings.Cut(where, "/")
	hosts = hosts[strings.LastIndexByte(hosts, '@')+1:]
	params, _ := url.ParseQuery(query) // what cannot be read there does not locate
	for key := range params {
		if !slices.Contains(locating, key) {
			params.Del(key)
		}
	}
	return scheme + "://" + hosts + "/" + database + "?" + params.Encode()
}
