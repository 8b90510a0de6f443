package checks

import (
	"errors"
	"fmt"
	"time"

	"github.com/kymohq/kymo/health"
	"github.com/kymohq/kymo/hub/internal/config"
	"github.com/kymohq/kymo/hub/internal/probe"
)

// Spec describes a probe. Type is required, and so is URL, except for type disk. The
// comment of each other field names the types that accept it. A field that the type
// does not accept must be zero.
type Spec struct {
	// Type is one of clickhouse, disk, dns, grpc, http, kserve, mysql, openai,
	// postgres, redis, tcp, tfserving, tls and torchserve.
	Type string
	// URL is the address to probe. Its scheme depends on the type:
	// "postgres://user:password@host/db", "redis://host:6379/0", "grpc://host:port";
	// http:// or https:// for model servers.
	URL string

	// Query is run instead of SELECT 1. For postgres, mysql, clickhouse.
	Query string
	// Writable reports a server that does not accept writes as down. For postgres, mysql.
	Writable bool
	// MaxConnections is the part of the server's connection limit, from 0 to 1, beyond
	// which it is degraded. For postgres, mysql, redis.
	MaxConnections float64
	// MaxLag is the replication lag beyond which the server is degraded. For postgres,
	// mysql, redis.
	MaxLag time.Duration
	// MaxMemory is the part of the server's memory limit, from 0 to 1, beyond which it
	// is degraded. For redis.
	MaxMemory float64
	// ScratchKey is a key that is written and read back in each run. For redis.
	ScratchKey string

	// Method is the request's method; "" means GET. For http.
	Method string
	// Headers are sent with each request. For http, grpc and model servers.
	Headers map[string]string
	// Body is sent to the server. For http, tcp.
	Body string
	// Status lists the expected status codes; empty means 200 to 399. For http.
	Status []int
	// Contains is text that the answer must contain. For http, tcp.
	Contains string
	// JSON maps paths in the answer to the values expected there: {"data.status": "ok"}.
	// For http.
	JSON map[string]any
	// Redirects determines which redirects are followed: "same-host", the default, only
	// those to the host of the URL; "follow", all; "none", none, and the redirect itself
	// is the answer. Headers are not sent to another host. For http.
	Redirects string
	// Insecure accepts any certificate. For http, grpc, tls and model servers.
	Insecure bool
	// TLS has options of TLS; the URL must lead to it. For clickhouse, grpc, http, mysql,
	// postgres, redis, tls and model servers.
	TLS *TLS
	// Service is the service whose health is requested; "" means the whole server. For
	// grpc.
	Service string
	// Expect lists addresses that must all be in the answer. For dns.
	Expect []string
	// ExpiresIn reports a certificate that expires sooner as degraded. For tls.
	ExpiresIn time.Duration
	// Path is the absolute path of a directory. For disk.
	Path string
	// MinFree is the free part of the file system, from 0 to 1, below which it is
	// degraded; below a tenth of it, it is down. For disk.
	MinFree float64

	// Models lists the models that must be ready. For kserve, torchserve, tfserving, openai.
	Models []string
	// Canary is an inference that each run makes; nil means none. For kserve,
	// torchserve, tfserving, openai.
	Canary *Canary
	// Key is sent as a bearer token. For kserve, torchserve, tfserving, openai.
	Key string
	// MaxQueue is the number of waiting requests from which the server is degraded. For
	// kserve, torchserve, openai.
	MaxQueue int
	// MaxCache is the part of the KV cache in use, from 0 to 1, from which the server is
	// degraded. For kserve, openai.
	MaxCache float64
}

// Canary is an inference that each run makes, to verify that a model answers.
type Canary struct {
	Model string         // "" means the first of Models
	Body  map[string]any // the request, in the server's own protocol
	// Shape is the expected shape of the first output; -1 means any length. An empty
	// Shape is not checked.
	Shape []int
	// Budget is the latency over which the check is degraded; 0 means no limit.
	Budget time.Duration
}

// TLS describes how connections are secured. All paths are those of files in PEM form,
// which are read again for each connection. An empty field is the default.
type TLS struct {
	CA         string // certificates of the authorities to trust in place of the system's
	Cert       string // the certificate to show to the server
	Key        string // the private key of Cert
	ServerName string // the name to ask for, and that the server's certificate must have, in place of the host
	MinVersion string // the lowest version to speak: "1.0", "1.1", "1.2", which is the default, or "1.3"
}

// Endpoint is the health endpoint of a service. Only URL is required.
type Endpoint struct {
	URL      string            // http://host:8000/health
	Headers  map[string]string // sent with each request
	Token    string            // sent as a bearer token
	Insecure bool              // accepts any certificate
	TLS      *TLS
}

// New returns the probe that s describes. The error wraps a *health.FieldError. New
// does not connect to anything, so the server need not be running yet.
func New(s Spec) (health.Probe, error) {
	p, err := probe.New(s.internal())
	return p, fieldError("Spec", err)
}

// Service returns a probe for hub.Service that polls a service's own health endpoint.
// The error wraps a *health.FieldError. The probe understands the answers of
// package health and of Spring Boot's Actuator, and application/health+json. For any
// other answer the status code decides.
func Service(e Endpoint) (health.Probe, error) {
	p, err := probe.Service(&config.Poll{Health: e.URL, Headers: e.Headers, Token: e.Token, Insecure: e.Insecure, TLS: e.TLS.internal()})
	if e, ok := errors.AsType[*config.Error](err); ok && e.Field == "health" {
		e.Field = "url"
	}
	return p, fieldError("Endpoint", err)
}

// fieldError converts an error of a configuration to one for Go code, of a field of a type.
func fieldError(of string, err error) error {
	if e, ok := errors.AsType[*config.Error](err); ok {
		return fmt.Errorf("checks: %s.%w", of, e.InGo())
	}
	return err
}

// internal converts the spec to the hub's own type.
func (s *Spec) internal() *config.Spec {
	to := &config.Spec{
		Type: s.Type, URL: s.URL,

		Query: s.Query, Writable: s.Writable, MaxConnections: s.MaxConnections, MaxLag: s.MaxLag,
		MaxMemory: s.MaxMemory, ScratchKey: s.ScratchKey,

		Method: s.Method, Headers: s.Headers, Body: s.Body, Status: s.Status, Contains: s.Contains, JSON: s.JSON,
		Redirects: s.Redirects, Insecure: s.Insecure, TLS: s.TLS.internal(), Service: s.Service, Expect: s.Expect, ExpiresIn: s.ExpiresIn,
		Path: s.Path, MinFree: s.MinFree,

		Models: s.Models, Key: s.Key, MaxQueue: s.MaxQueue, MaxCache: s.MaxCache,
	}
	if s.Canary != nil {
		canary := config.Canary(*s.Canary)
		to.Canary = &canary
	}
	return to
}

// internal converts the options to the hub's own type.
func (t *TLS) internal() *config.TLS {
	if t == nil {
		return nil
	}
	return &config.TLS{CA: config.File(t.CA), Cert: config.File(t.Cert), Key: config.File(t.Key), ServerName: t.ServerName, MinVersion: t.MinVersion}
}
