package main

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/kymohq/kymo/hub"
	"github.com/kymohq/kymo/hub/internal/store/engines"
)

// settings are what `kymo serve` can be told. Each can be said in three places,
// of which the later wins: the configuration file (configfile.go), environment
// variables and flags. The names follow from the key: slow.min_samples is
// KYMO_SLOW_MIN_SAMPLES and --slow-min-samples.
type settings struct {
	listen         string // host:port
	insecureListen bool   // listen beyond this machine without tokens
	store          string // what engines.Open takes
	retentionAge   time.Duration
	retentionSize  int64 // bytes, 0 for no bound
	slowTarget     time.Duration
	slowMinSamples int
	slowRoutes     []slowRoute
	ingestToken    string // secrets: never printed
	readToken      string
	checks         []hub.Check
	services       []hub.Service
	places         places // of the checks and services in the file
}

// slowRoute is an endpoint with a target of its own.
type slowRoute struct {
	endpoint string
	target   time.Duration
}

const defaultListen = "127.0.0.1:5966"

func defaultSettings() *settings {
	return &settings{
		listen:         defaultListen,
		store:          "./kymo-data",
		retentionAge:   168 * time.Hour,
		slowTarget:     500 * time.Millisecond,
		slowMinSamples: 20,
	}
}

// resolver turns the text of a setting into its value. It is where the
// environment variables that hold secrets are looked up.
type resolver struct {
	vars map[string]string
	used map[string]bool // variables that a secret named
}

// setters has one entry for each key, which parses the text form that the
// environment and the flags use; the file uses it too, but for lists.
var setters = map[string]func(*settings, *resolver, string) error{
	"listen": func(s *settings, _ *resolver, text string) (err error) {
		s.listen, err = parseAddress(text)
		return err
	},
	"insecure_listen": func(s *settings, _ *resolver, text string) (err error) {
		s.insecureListen, err = parseBool(text)
		return err
	},
	"store": func(s *settings, r *resolver, text string) (err error) {
		if s.store, err = r.secret(text, "store"); err != nil { // its URL may hold a password
			return err
		}
		return engines.Check(s.store)
	},
	"retention.age": func(s *settings, _ *resolver, text string) (err error) {
		s.retentionAge, err = parseDuration(text)
		return err
	},
	"retention.size": func(s *settings, _ *resolver, text string) (err error) {
		s.retentionSize, err = parseSize(text)
		return err
	},
	"slow.target": func(s *settings, _ *resolver, text string) (err error) {
		s.slowTarget, err = parseDuration(text)
		return err
	},
	"slow.min_samples": func(s *settings, _ *resolver, text string) (err error) {
		s.slowMinSamples, err = strconv.Atoi(text)
		if err != nil || s.slowMinSamples < 1 {
			return fmt.Errorf("%q is not a number of requests; write a whole number from 1, like 20", text)
		}
		return nil
	},
	"slow.routes": func(s *settings, _ *resolver, text string) (err error) {
		s.slowRoutes, err = parseRoutes(text)
		return err
	},
	"tokens.ingest": func(s *settings, r *resolver, text string) (err error) {
		s.ingestToken, err = r.token(text)
		return err
	},
	"tokens.read": func(s *settings, r *resolver, text string) (err error) {
		s.readToken, err = r.token(text)
		return err
	},
}

// fileKeys are lists that only the file can hold: an environment variable or a
// flag would need a language of its own for them.
var fileKeys = []string{"checks", "services"}

func knownKeys() []string { return slices.Sorted(maps.Keys(setters)) }

func envName(key string) string {
	return "KYMO_" + strings.ToUpper(strings.ReplaceAll(key, ".", "_"))
}

func flagName(key string) string {
	return strings.NewReplacer(".", "-", "_", "-").Replace(key)
}

// otherVariables are variables of Kymo that are not settings of serve.
var otherVariables = []string{"KYMO_CONFIG", "KYMO_HUB", "KYMO_TOKEN"}

// loadSettings merges what the file (if path is not empty), the environment and
// the flags (by key) say.
func loadSettings(path string, vars, flags map[string]string) (*settings, error) {
	s := defaultSettings()
	r := &resolver{vars: vars, used: make(map[string]bool)}
	if path != "" {
		if err := readConfig(path, s, r); err != nil {
			return nil, err
		}
	}
	for _, key := range knownKeys() {
		if text, ok := vars[envName(key)]; ok && text != "" {
			if err := setters[key](s, r, text); err != nil {
				return nil, fmt.Errorf("%s: %w", envName(key), err)
			}
		}
	}
	for _, key := range knownKeys() {
		if text, ok := flags[key]; ok {
			if err := setters[key](s, r, text); err != nil {
				return nil, fmt.Errorf("--%s: %w", flagName(key), err)
			}
		}
	}
	return s, r.checkNames()
}

// checkNames refuses an environment variable that looks like a misspelt setting.
// Others that begin with KYMO_ are let be: a secret may be kept in one, and
// Kubernetes sets KYMO_SERVICE_HOST and the like for a service named kymo.
func (r *resolver) checkNames() error {
	known := slices.Clone(otherVariables)
	for _, key := range knownKeys() {
		known = append(known, envName(key))
	}
	for _, name := range slices.Sorted(maps.Keys(r.vars)) {
		if !strings.HasPrefix(name, "KYMO_") || r.used[name] {
			continue
		}
		for _, key := range fileKeys {
			if name == envName(key) && r.vars[name] != "" {
				return fmt.Errorf("%s: %s can only be in the configuration file; see kymo serve --help", name, key)
			}
		}
		if best, edits := nearest(name, known); edits == 1 || edits == 2 {
			return fmt.Errorf("%s: unknown environment variable; the nearest known one is %s", name, best)
		}
	}
	return nil
}
