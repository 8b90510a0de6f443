package api

import (
	"net/http"

	"github.com/kymohq/kymo/hub/internal/hosts"
)

// refuseHost answers a request by a name that the hub does not answer to. Proxies may
// pass on whatever X-Forwarded-Host a client made up, so only Host counts.
func refuseHost(w http.ResponseWriter, r *http.Request) {
	name := hosts.Of(r.Host)
	if !hosts.IsName(name) {
		name = "NAME"
	}
	w.Header().Set("Connection", "close") // Or the server reads on, to use the connection again.
	writeProblem(w, http.StatusMisdirectedRequest,
		"this hub does not answer to the name "+name+"; if it is the hub's own, add it to its configuration: hosts: ["+name+"]")
}
