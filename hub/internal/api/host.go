package api

import (
	"net/http"

	"github.com/kymohq/kymo/hub/internal/hosts"
)

// refuseHost refuses a request by a host name that is not the hub's. Only Host is
// checked, since proxies may pass on an X-Forwarded-Host that a client invented.
func refuseHost(w http.ResponseWriter, r *http.Request) {
	name := hosts.Of(r.Host)
	if !hosts.IsName(name) {
		name = "NAME"
	}
	w.Header().Set("Connection", "close") // Otherwise the server would read on in order to reuse it.
	writeProblem(w, http.StatusMisdirectedRequest,
		"this hub does not answer to the name "+name+"; if it is the hub's own, add it to its configuration: hosts: ["+name+"]")
}
