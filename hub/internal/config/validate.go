package config

import (
	"cmp"
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
	"time"

	"github.com/kymohq/kymo/health"
	"github.com/kymohq/kymo/internal/printable"
	"github.com/kymohq/kymo/internal/wire"
)

// Makers are the constructors of what a configuration names. They connect to nothing,
// and their errors contain no secret.
type Makers struct {
	Probe   func(*Spec) (health.Probe, error) // of a check; its error is an *Error
	Service func(*Poll) (health.Probe, error) // polls a service; its error is an *Error
	Store   func(text string) error           // returns what is wrong with the text that names a store
}

const (
	// maxAge keeps instants within what Unix milliseconds and RFC 3339 can express.
	maxAge  = 10 * 365 * 24 * time.Hour
	minAge  = time.Hour
	minSize = 1 << 20
)

// verdict is a validation under way.
type verdict struct {
	*Config
	makers Makers
	names  map[string]string // of checks and services, to the entry that has each
	wrong  Errors
}

// Validate fills in the defaults and returns everything that is wrong, each with
// its field, its place and the remedy: Errors, or nil.
func (c *Config) Validate(makers Makers) error {
	v := &verdict{Config: c, makers: makers, names: make(map[string]string)}
	if c.Listen != "" {
		v.listen()
	}
	if makers.Store != nil {
		if err := makers.Store(c.Store); err != nil {
			v.add(&Error{Field: "store", Problem: err.Error()})
		}
	}
	v.tokens()
	v.hosts()
	v.retention()
	v.slow()
	v.requiref(c.MaxEndpoints >= 0, "max_endpoints", "is %d; must be positive, or 0 for 1000", c.MaxEndpoints)
	v.requiref(c.MaxServices >= 0, "max_services", "is %d; must be positive, or 0 for 1000", c.MaxServices)
	v.checks()
	v.services()
	v.dependencies()
	v.maintenance()
	v.templates()
	v.wrong.Sort()
	return v.wrong.OrNil()
}

// add takes an error, with its place.
func (v *verdict) add(e *Error) {
	place := v.Places.Find(e.Field)
	e.Path, e.Line = place.Path, place.Line
	v.wrong = append(v.wrong, e)
}

func (v *verdict) requiref(ok bool, field, format string, args ...any) {
	if !ok {
		v.add(Errorf(field, format, args...))
	}
}

// listen rejects an invalid address, and one that opens the hub to the network by
// mistake.
func (v *verdict) listen() {
	if err := CheckListen(v.Listen); err != nil {
		v.add(&Error{Field: "listen", Problem: err.Error()})
		return
	}
	if onLoopback(v.Listen) || v.InsecureListen {
		return
	}
	missing := "tokens.ingest and tokens.read are"
	switch {
	case v.Tokens.Ingest != "" && v.Tokens.Read != "":
		return
	case v.Tokens.Ingest != "":
		missing = "tokens.read is"
	case v.Tokens.Read != "":
		missing = "tokens.ingest is"
	}
	v.add(Errorf("listen", "other machines can reach %s, and %s not set; "+
		"set both tokens, listen on 127.0.0.1, or give --insecure-listen", v.Listen, missing))
}

// CheckListen returns an error if an address is not host:port.
func CheckListen(address string) error {
	_, port, err := net.SplitHostPort(address)
	if err != nil {
		return fmt.Errorf("%q is not an address; write host:port, like %s", address, DefaultListen)
	}
	if _, err := strconv.ParseUint(port, 10, 16); err != nil {
		return fmt.Errorf("the port of %q must be a number from 0 to 65535, as in %s", address, DefaultListen)
	}
	return nil
}

// onLoopback reports whether only this machine can reach the address. Of names
// that is localhost alone: DNS may have others below it, and with any address.
func onLoopback(address string) bool {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return false
	}
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

func (v *verdict) tokens() {
	for _, t := range []struct{ field, token string }{{"tokens.ingest", v.Tokens.Ingest}, {"tokens.read", v.Tokens.Read}, {"tokens.admin", v.Tokens.Admin}} {
		if err := CheckToken(t.token); err != nil && t.token != "" {
			v.add(&Error{Field: t.field, Problem: err.Error()})
		}
	}
}

// CheckToken returns an error if a token cannot be sent in an Authorization header.
func CheckToken(token string) error {
	if token == "" || strings.ContainsFunc(token, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return errors.New("the token must be of visible ASCII characters without spaces, or it cannot be sent in a header")
	}
	return nil
}

func (v *verdict) retention() {
	r := &v.Retention
	r.Age = cmp.Or(r.Age, DefaultAge)
	v.requiref(r.Age >= minAge && r.Age <= maxAge, "retention.age", "is %s; must be from 1h to %s", r.Age, maxAge)
	v.requiref(r.Size == 0 || r.Size >= minSize, "retention.size",
		"is %d bytes; must be at least %d, or 0 for no limit", r.Size, minSize)
}

func (v *verdict) templates() {
	for i := range v.Templates {
		if field, problem := v.Templates[i].Problem(); problem != "" {
			v.add(Errorf(fmt.Sprintf("templates[%d].%s", i, field), "%s", problem))
		}
	}
}

func (v *verdict) slow() {
	v.requiref(v.Slow.Target >= 0, "slow.target", "is %s; must be positive, or 0 for 500ms", v.Slow.Target)
	v.requiref(v.Slow.MinSamples >= 0, "slow.min_samples", "is %d; must be positive, or 0 for 20", v.Slow.MinSamples)
	seen := make(map[string]int)
	for i, r := range v.Slow.Routes {
		field := fmt.Sprintf("slow.routes[%d]", i)
		first, again := seen[r.Endpoint]
		switch {
		case r.Endpoint == "":
			v.add(Errorf(field+".endpoint", "is missing; write a route template, like /reports/{id}"))
		case len(r.Endpoint) > wire.MaxEndpoint:
			v.add(Errorf(field+".endpoint", "has %d bytes; a route template has at most %d", len(r.Endpoint), wire.MaxEndpoint))
		case !printable.Is(r.Endpoint):
			bad, _ := printable.First(r.Endpoint)
			v.add(Errorf(field+".endpoint", "contains %s, which no endpoint does", printable.Name(bad)))
		case again:
			v.add(Errorf(field+".endpoint", "%q has a target already, in slow.routes[%d]", r.Endpoint, first))
		default:
			seen[r.Endpoint] = i
		}
		v.requiref(r.Target > 0, field+".target", "is %s; must be above 0, like 5s", r.Target)
	}
}
