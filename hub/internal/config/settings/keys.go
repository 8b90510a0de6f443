package settings

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/kymohq/kymo/hub/internal/config"
)

// setters has an entry for each single setting, which parses the text that the
// file, the environment and the flags use. Slow.routes and hosts are lists in the file.
var setters = map[string]func(*reader, string) error{
	"listen": func(r *reader, text string) error {
		r.Listen = text // judged by Validate; an empty one is none
		if text == "" {
			return config.CheckListen(text)
		}
		return nil
	},
	"insecure_listen": func(r *reader, text string) (err error) {
		r.InsecureListen, err = parseBool(text)
		return err
	},
	"store": func(r *reader, text string) (err error) {
		r.Store, err = r.secrets.Resolve(text, "store") // its URL may hold a password
		return err
	},
	"log_level": func(r *reader, text string) (err error) {
		r.LogLevel, err = parseLevel(text)
		return err
	},
	"drain_delay": func(r *reader, text string) (err error) {
		r.DrainDelay, err = Duration(text)
		if err == nil && r.DrainDelay > maxDrainDelay {
			return fmt.Errorf("is %s; must be at most %s", r.DrainDelay, maxDrainDelay)
		}
		return err
	},
	"retention.age": func(r *reader, text string) (err error) {
		r.Retention.Age, err = Duration(text)
		return err
	},
	"retention.size": func(r *reader, text string) (err error) {
		r.Retention.Size, err = parseSize(text)
		return err
	},
	"slow.target": func(r *reader, text string) (err error) {
		r.Slow.Target, err = Duration(text)
		return err
	},
	"slow.min_samples": func(r *reader, text string) (err error) {
		r.Slow.MinSamples, err = strconv.Atoi(text)
		if err != nil || r.Slow.MinSamples < 1 {
			return fmt.Errorf("%q is not a number of requests; write a whole number from 1, like 20", text)
		}
		return nil
	},
	routesKey: func(r *reader, text string) (err error) {
		r.Slow.Routes, err = parseRoutes(text)
		return err
	},
	hostsKey: func(r *reader, text string) error {
		r.Hosts = nil
		for host := range strings.SplitSeq(text, ",") {
			r.Hosts = append(r.Hosts, strings.TrimSpace(host))
		}
		return nil
	},
	"tokens.ingest": func(r *reader, text string) (err error) {
		r.Tokens.Ingest, err = r.secrets.Token(text)
		return err
	},
	"tokens.read": func(r *reader, text string) (err error) {
		r.Tokens.Read, err = r.secrets.Token(text)
		return err
	},
	"tokens.admin": func(r *reader, text string) (err error) {
		r.Tokens.Admin, err = r.secrets.Token(text)
		return err
	},
}

// maxDrainDelay is longer than any load balancer needs to notice.
const maxDrainDelay = 10 * time.Minute

// settingKeys are the keys of the table above, in order.
var settingKeys = slices.Sorted(maps.Keys(setters))

// Keys returns the keys of all single settings, in order.
func Keys() []string { return slices.Clone(settingKeys) }

// Lists that an environment variable or a flag can hold, too.
const (
	routesKey = "slow.routes"
	hostsKey  = "hosts"
)

// listKeys are lists that only the file can hold: an environment variable or a
// flag would need a language of its own for them.
var listKeys = []string{"checks", "services", "maintenance", "templates"}

// groups are the first parts of keys that have two, each with an example of its mapping.
var groups = map[string]string{ //nolint:gosec // names of variables, not tokens
	"retention": "{age: 168h, size: 20GiB}",
	"slow":      "{target: 500ms, min_samples: 20}",
	"tokens":    `{ingest: "env:KYMO_INGEST_TOKEN", read: "env:KYMO_READ_TOKEN"}`,
}
