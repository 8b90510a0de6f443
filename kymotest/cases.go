package kymotest

import "net/http"

// testCase is a request and what comes of it.
type testCase struct {
	name     string
	features []Feature // without which it cannot be
	recovery Recovery

	method, target, body string
	header               http.Header

	// The expected record. Status 0 stands for a refusal: the status that the client
	// sees, if that is 404 or 405.
	endpoint string
	recorded string // the method, if it is not the request's
	status   int
	user     string
	ending   ending
}

// ending is how an exchange ends.
type ending int

const (
	answered  ending = iota
	streamed         // answered in parts
	upgraded         // the connection was taken over
	hungUp           // the client goes away while the handler runs
	aborted          // the server closes the connection instead of an answer
	truncated        // the server closes the connection within the answer
	recovered        // truncated, but a middleware recovered, so that it looks complete
)

// protocols returns those over which the request can be made.
func (c *testCase) protocols() []protocol {
	if c.ending == upgraded {
		return protocols[:1]
	}
	return protocols
}

const unmatched = "(unmatched)"

var cases = []testCase{
	{name: "get", method: "GET", target: "/users/7", endpoint: "/users/{id}", status: 200, user: "7"},
	{name: "query", method: "GET", target: "/users/7?fields=a&fields=b", endpoint: "/users/{id}", status: 200, user: "7"},
	{name: "head", method: "HEAD", target: "/users/7", endpoint: "/users/{id}", status: 200, user: "7"},
	{name: "post", method: "POST", target: "/users", body: "name=kim", endpoint: "/users", status: 201},
	{name: "no content", method: "DELETE", target: "/users/7", endpoint: "/users/{id}", status: 204},
	{name: "redirect", method: "GET", target: "/moved", endpoint: "/moved", status: 302},
	{name: "nothing", method: "GET", target: "/nothing", endpoint: "/nothing", status: 200},
	{name: "mounted", features: []Feature{Mounts}, method: "GET", target: "/teams/3/members/kim",
		endpoint: "/teams/{team}/members/{member}", status: 200, user: "kim"},
	{name: "rest of the path", features: []Feature{CatchAll}, method: "GET", target: "/files/a/b.txt",
		endpoint: "/files/{path...}", status: 200},

	{name: "fails", method: "GET", target: "/fails", endpoint: "/fails", status: 409},
	{name: "broken", method: "GET", target: "/broken", endpoint: "/broken", status: 500},

	{name: "no route", features: []Feature{Unmatched}, method: "GET", target: "/wp-login.php", endpoint: unmatched},
	{name: "longer than a route", features: []Feature{Unmatched}, method: "GET", target: "/moved/away", endpoint: unmatched},
	{name: "no route in a mount", features: []Feature{Unmatched, Mounts}, method: "GET", target: "/teams/3/secret", endpoint: unmatched},
	{name: "mount itself", features: []Feature{Unmatched, Mounts}, method: "GET", target: "/teams/3", endpoint: unmatched},
	{name: "other method", features: []Feature{Unmatched}, method: "PUT", target: "/users/7", endpoint: unmatched},
	{name: "other method in a mount", features: []Feature{Unmatched, Mounts}, method: "PUT", target: "/teams/3/members/kim",
		endpoint: unmatched},
	{name: "unknown method", features: []Feature{Unmatched}, method: "BREW", target: "/users/7", endpoint: unmatched, recorded: "_OTHER"},

	{name: "panic", method: "GET", target: "/panics", endpoint: "/panics", status: 500, ending: aborted},
	{name: "panic, recovered outside", features: []Feature{Recovers}, recovery: RecoveryOutside,
		method: "GET", target: "/panics", endpoint: "/panics", status: 500},
	{name: "panic, recovered inside", features: []Feature{Recovers}, recovery: RecoveryInside,
		method: "GET", target: "/panics", endpoint: "/panics", status: 500},
	{name: "late panic", features: []Feature{Streams}, method: "GET", target: "/panics/late",
		endpoint: "/panics/late", status: 500, ending: truncated},
	{name: "late panic, recovered outside", features: []Feature{Streams, Recovers}, recovery: RecoveryOutside,
		method: "GET", target: "/panics/late", endpoint: "/panics/late", status: 500, ending: recovered},
	{name: "late panic, recovered inside", features: []Feature{Streams, Recovers}, recovery: RecoveryInside,
		method: "GET", target: "/panics/late", endpoint: "/panics/late", status: 200, ending: recovered},

	{name: "events", features: []Feature{Streams}, method: "GET", target: "/events", endpoint: "/events", status: 200, ending: streamed},
	{name: "upgrade", features: []Feature{Upgrades}, method: "GET", target: "/upgrade",
		header: http.Header{"Connection": {"Upgrade"}, "Upgrade": {"kymotest"}}, body: "hello\n",
		endpoint: "/upgrade", status: 101, ending: upgraded},
	{name: "client hangs up", method: "GET", target: "/slow", endpoint: "/slow", status: 499, ending: hungUp},
}
