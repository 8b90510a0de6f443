package api

import (
	"net"
	"net/http"
)

// mayAdminister reports whether a caller may change what the hub does: with the admin
// token or a session of it or, if the hub has no token at all, from the hub's own machine.
// A request that a proxy passed on may come from another.
func (a *API) mayAdminister(r *http.Request) bool {
	tokens := liveOf(r.Context()).tokens
	if want, asked := tokens[forAdmin]; asked {
		return presents(r.Header.Get("Authorization"), want) || a.hasAdminSession(r)
	}
	return len(tokens) == 0 && fromLoopback(r)
}

// fromLoopback reports whether a request was sent by a program on this machine for itself.
func fromLoopback(r *http.Request) bool {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return false
	}
	ip := net.ParseIP(host)
	return ip != nil && ip.IsLoopback() && r.Header.Get("X-Forwarded-For") == "" && r.Header.Get("Forwarded") == ""
}

// whyNoAdmin returns why a hub without an admin token refuses a request.
func whyNoAdmin(r *http.Request) string {
	if len(liveOf(r.Context()).tokens) > 0 {
		return "this hub has tokens, but none for this route; set tokens.admin in its configuration"
	}
	return "a hub without tokens takes this from its own machine only; set tokens.admin in its configuration"
}
