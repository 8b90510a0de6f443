package checks

import (
	"errors"
	"time"

	"github.com/kymohq/kymo/health"
	"github.com/kymohq/kymo/hub/internal/config"
	"github.com/kymohq/kymo/hub/internal/probe"
)

// Spec is what a probe looks at. Type is required, and URL by every type but disk;
// the comment of each other field names the types that take it. A field that the
// type does not take must be zero.
type Spec struct {
	// Type is one of clickhouse, disk, dns, grpc, http, kserve, mysql, openai,
	// postgres, redis, tcp, tfserving, tls and torchserve.
	Type string
	// URL is where it is. Its scheme is the type's: "postgres://user:password@host/db",
	// "redis://host:6379/0", "grpc://host:port"; model servers have http:// or https://.
	URL string

	// Query is run in place of SELECT 1. For postgres, mysql, clickhouse.
	Query string
	// Writable makes a server that takes no writes down. For postgres, mysql.
	Writable bool
	// MaxConnections is the share of the server's limit, 0 to 1, from which it is
	// degraded. For postgres, mysql, redis.
	MaxConnections float64
	// MaxLag is the lag of replication from which it is degraded. For postgres,
	// mysql, redis.
	MaxLag time.Duration
	// MaxMemory is the share of the server's limit, 0 to 1, from which it is
	// degraded. For redis.
	MaxMemory float64
	// ScratchKey is a key that is written and read back in each run. For redis.
	ScratchKey string

	// Method is that of the request; "" is GET. For http.
	Method string
	// Headers are sent with each request. For http, grpc and model servers.
	Headers map[string]string
	// Body is what is sent. For http, tcp.
	Body string
	// Status are the status codes that are expected; empty is 200 to 399. For http.
	Status []int
	// Contains is a text that the answer must have. For http, tcp.
	Contains string
	// JSON maps paths in the answer to the values expected there: {"data.status": "ok"}.
	// For http.
	JSON map[string]any
	// Redirects is which redirects are followed: "same-host", which "" is, those to
	// the host of the URL; "follow" all; "none" none, so that the redirect is what is
	// judged. Headers do not go along to another host. For http.
	Redirects string
	// Insecure accepts any certificate. For http, grpc, tls and model servers.
	Insecure bool
	// Service is the service whose health is asked for; "" is the server's. For grpc.
	Service string
	// Expect are addresses that must all be in the answer. For dns.
	Expect []string
	// ExpiresIn makes a certificate that expires sooner degraded. For tls.
	ExpiresIn time.Duration
	// Path is the absolute path of a directory. For disk.
	Path string
	// MinFree is the share that must be free, 0 to 1, or it is degraded. For disk.
	MinFree float64

	// Models must be able to answer. For kserve, torchserve, tfserving, openai.
	Models []string
	// Canary is an inference that is made in each run; nil is none. For kserve,
	// torchserve, tfserving, openai.
	Canary *Canary
	// Key is sent as a bearer token. For kserve, torchserve, tfserving, openai.
	Key string
}

// Canary is an inference that is made in each run, to see that a model answers.
type Canary struct {
	Model string         // "" is the first of Models
	Body  map[string]any // the request in the server's own protocol
	// Shape is the shape of the first output; -1 is any length. Empty is not checked.
	Shape []int
	// Budget is how long it may take before the check is degraded; 0 is no limit.
	Budget time.Duration
}

// FieldError is what is wrong with one field of a Spec, or with the URL of Service.
// It is not hub.FieldError, whose fields are those of a hub's Config: a Spec may have
// a check of its own.
type FieldError struct {
	Field   string // in Go, like "Canary.Shape"
	Problem string // what is wrong, and what would be right; without a secret
}

func (e *FieldError) Error() string { return "checks: Spec." + e.Field + ": " + e.Problem }

// New returns the probe of a spec, or a *FieldError. It contacts nothing: what is
// not there yet may be there later.
func New(s Spec) (health.Probe, error) {
	p, err := probe.New(s.internal())
	return p, fieldError(err)
}

// Service returns the probe that polls a service's own health endpoint, as for
// hub.Service, or a *FieldError of the URL. It understands the answer of package
// health, that of Spring Boot's Actuator, and application/health+json; of any other
// it takes the status code.
func Service(url string) (health.Probe, error) {
	p, err := probe.Service(url)
	if e, ok := errors.AsType[*config.Error](err); ok {
		return p, &FieldError{Field: "URL", Problem: e.Text()}
	}
	return p, err
}

// fieldError returns the error of a configuration as that of a Spec.
func fieldError(err error) error {
	if e, ok := errors.AsType[*config.Error](err); ok {
		return &FieldError{Field: config.GoName(e.Field), Problem: e.Text()}
	}
	return err
}

// internal returns the spec as the hub has it.
func (s *Spec) internal() *config.Spec {
	to := &config.Spec{
		Type: s.Type, URL: s.URL,

		Query: s.Query, Writable: s.Writable, MaxConnections: s.MaxConnections, MaxLag: s.MaxLag,
		MaxMemory: s.MaxMemory, ScratchKey: s.ScratchKey,

		Method: s.Method, Headers: s.Headers, Body: s.Body, Status: s.Status, Contains: s.Contains, JSON: s.JSON,
		Redirects: s.Redirects, Insecure: s.Insecure, Service: s.Service, Expect: s.Expect, ExpiresIn: s.ExpiresIn,
		Path: s.Path, MinFree: s.MinFree,

		Models: s.Models, Key: s.Key,
	}
	if s.Canary != nil {
		canary := config.Canary(*s.Canary)
		to.Canary = &canary
	}
	return to
}
