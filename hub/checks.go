package hub

import (
	"time"

	"github.com/kymohq/kymo/hub/internal/probe"
)

// Check is a check that the hub makes itself: of a database, a cache, a model
// server. Which fields a type takes is in the documentation of each type.
type Check = probe.Spec

// Canary is an inference that the check of a model server makes in each run.
type Canary = probe.Canary

// Service is a service whose health the hub follows by name, in Config.Services.
// Services that ship to the hub are followed without being named; one that is
// named is missed if it never does.
type Service struct {
	Name string `key:"name"`
	// Health is the URL that the hub polls. If it is empty, the service is judged
	// by what its instances ship.
	Health string `key:"health"`

	// How it is polled or looked at, as for a Check.
	Interval     time.Duration `key:"interval"`
	Timeout      time.Duration `key:"timeout"`
	DegradedOver time.Duration `key:"degraded_over"`
	Failures     int           `key:"failures"`
	Successes    int           `key:"successes"`
	Critical     bool          `key:"critical"`

	// Silence is after how long without a word from any instance the service is
	// unknown (0 is 30 s), and DownAfter after how long it is down (0 is 90 s).
	Silence   time.Duration `key:"silence"`
	DownAfter time.Duration `key:"down_after"`
}

// FieldError says what is wrong with one field of a Config.
type FieldError struct {
	Field   string // as in the configuration file: "checks[1].url"
	Problem string // what is wrong and what is right, without a secret
}

func (e *FieldError) Error() string { return e.Field + ": " + e.Problem }
