package config

import (
	"time"

	"github.com/kymohq/kymo/health"
)

// Check is a check that the hub runs: an entry of the list "checks". The key of
// a field there is its name in snake case: see Key.
type Check struct {
	Name string
	health.Rules
	Spec
	// Probe is run in place of one made from Spec, for checks that Go code gives.
	Probe health.Probe `key:"-"`
}

// Service is a service whose health the hub follows by name: an entry of the
// list "services".
type Service struct {
	Name string
	Poll
	health.Rules
	// Silence is after how long without a heartbeat from any instance the service
	// is unknown (0 is 30 s), and DownAfter after how long it is down (0 is 90 s).
	Silence   time.Duration
	DownAfter time.Duration
	// Probe polls the service in place of one made from Poll.
	Probe health.Probe `key:"-"`
}

// Poll is how the hub asks a service for its health.
type Poll struct {
	// Health is the URL that the hub polls. If it is empty, and there is no Probe,
	// the service is judged by the heartbeats of its instances.
	Health   string
	Headers  map[string]string // sent with the request; values may be secrets: never in output
	Token    string            // sent as a bearer token: never in output
	Insecure bool              // any certificate will do
	TLS      *TLS
}

// Option returns the rules of an entry as package health takes them.
func Option(r health.Rules) health.Option { return func(s *health.Rules) { *s = r } }

// Spec is what a check probes. keys.go lists the fields that each type takes.
type Spec struct {
	Type string
	URL  string // may hold a password: never in output

	// Databases and caches.
	Query          string        // is run in place of SELECT 1
	Writable       bool          // a server that takes no writes is down
	MaxConnections float64       // share of the server's limit, 0 to 1, from which it is degraded
	MaxLag         time.Duration // of replication, from which it is degraded
	MaxMemory      float64       // share of the server's limit, 0 to 1, from which it is degraded
	ScratchKey     string        // redis: written and read back in each run

	// Network.
	Method    string
	Headers   map[string]string // values may be secrets: never in output
	Body      string            // what is sent
	Status    []int             // what is expected; empty is 200 to 399
	Contains  string
	JSON      map[string]any // the values expected at paths in the answer, like data.status: ok
	Redirects string         // HTTP: which are followed: "same-host", which "" is, "follow" or "none"
	Insecure  bool           // any certificate will do
	TLS       *TLS           // nil is what the system and crypto/tls have
	Service   string         // gRPC: the service whose health is asked for; empty is the server's
	Expect    []string       // DNS: addresses that must all be in the answer
	ExpiresIn time.Duration  // TLS: a certificate that expires sooner is degraded
	Path      string         // disk
	MinFree   float64        // disk: share free, 0 to 1, under which it is degraded

	// Model servers.
	Models   []string
	Canary   *Canary
	Key      string  // a bearer token: never in output
	MaxQueue int     // requests that wait, from which it is degraded
	MaxCache float64 // share of the KV cache in use, 0 to 1, from which it is degraded
}

// TLS is how a connection is secured. An empty field is the default.
type TLS struct {
	CA         File // certificates of the authorities that are trusted in place of the system's
	Cert, Key  File // the client's certificate and its private key
	ServerName string
	MinVersion string // "1.0" to "1.3"
}

// File is the path of a file.
type File string

// Canary is an inference that is made in each run, to see that a model answers.
type Canary struct {
	Model string         // empty is the first of models
	Body  map[string]any // the request in the server's own protocol
	// Shape is what the first output must have; -1 is any length. Empty is not checked.
	Shape []int
	// Budget is how long it may take before the check is degraded; 0 is no bound.
	Budget time.Duration
}
