package probe

import (
	"fmt"
	"time"
)

// Spec is a check as the configuration has it. A field's tag is its key there.
// The common fields are for every type; which others a type takes is in kinds.go.
type Spec struct {
	Name string `key:"name"`
	Type string `key:"type"`
	URL  string `key:"url"` // may hold a password: never in output

	Interval     time.Duration `key:"interval"`
	Timeout      time.Duration `key:"timeout"`
	DegradedOver time.Duration `key:"degraded_over"` // the latency budget
	Failures     int           `key:"failures"`
	Successes    int           `key:"successes"`
	Critical     bool          `key:"critical"`

	// Databases and caches.
	Query          string        `key:"query"`           // what is asked instead of SELECT 1
	Writable       bool          `key:"writable"`        // a server that takes no writes is down
	MaxConnections float64       `key:"max_connections"` // share of the server's limit, 0 to 1, from which it is degraded
	MaxLag         time.Duration `key:"max_lag"`         // of replication, from which it is degraded
	MaxMemory      float64       `key:"max_memory"`      // share of the server's limit, 0 to 1, from which it is degraded
	ScratchKey     string        `key:"scratch_key"`     // redis: written and read back in each run

	// Network.
	Method    string            `key:"method"`
	Headers   map[string]string `key:"headers"` // values may be secrets: never in output
	Body      string            `key:"body"`    // what is sent
	Status    []int             `key:"status"`  // what is expected; empty is 200 to 399
	Contains  string            `key:"contains"`
	JSON      map[string]any    `key:"json"`       // what is expected at which path, like data.status: ok
	Insecure  bool              `key:"insecure"`   // any certificate will do
	Service   string            `key:"service"`    // gRPC: whose health is asked for; empty is the server's
	Expect    []string          `key:"expect"`     // DNS: addresses of which each must be in the answer
	ExpiresIn time.Duration     `key:"expires_in"` // TLS: a certificate that ends sooner is degraded
	Path      string            `key:"path"`       // disk
	MinFree   float64           `key:"min_free"`   // disk: share free, 0 to 1, under which it is degraded

	// Model servers.
	Models []string `key:"models"`
	Canary *Canary  `key:"canary"`
	Key    string   `key:"key"` // a bearer token: never in output
}

// Canary is an inference that is made in each run, to see that a model answers.
type Canary struct {
	Model string         `key:"model"` // empty is the first of models
	Body  map[string]any `key:"body"`  // the request in the server's own protocol
	// Shape is what the first output must have; -1 is any length. Empty is not checked.
	Shape []int `key:"shape"`
	// Budget is how long it may take before the check is degraded; 0 is no bound.
	Budget time.Duration `key:"budget"`
}

// FieldError says what is wrong with one field of a Spec.
type FieldError struct {
	Field   string // the field's key, as in "url" or "canary.shape"
	Problem string // what is wrong and what is right, without a secret
}

func (e *FieldError) Error() string { return e.Field + ": " + e.Problem }

func wrong(field, format string, args ...any) *FieldError {
	return &FieldError{field, fmt.Sprintf(format, args...)}
}
