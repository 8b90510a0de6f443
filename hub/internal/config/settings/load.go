// Package settings reads a config.Config from a YAML file, environment variables and
// flags, of which the later wins.
//
//  1. Every single setting has an entry in a table (keys.go) that parses its
//     text (values.go). Its variable and its flag follow from the key:
//     slow.min_samples is KYMO_SLOW_MIN_SAMPLES and --slow-min-samples.
//  2. The file is walked as a syntax tree (file.go, fields.go), so that every error
//     can name the line, and an unknown key the nearest known one. Checks, services
//     and maintenance windows are lists that only the file can hold.
//  3. Secrets may be in a variable or a file of their own (secret.go).
//  4. What was read is validated. All errors are returned, not only the first.
package settings

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"runtime"
	"slices"
	"strings"

	"github.com/kymohq/kymo/hub/internal/config"
	"github.com/kymohq/kymo/hub/internal/nearest"
)

// Source is where a configuration comes from.
type Source struct {
	Path  string            // of the file; "" is none
	Named string            // what named the file, for errors: "--config", "KYMO_CONFIG"; "" if nothing did
	Vars  map[string]string // environment variables
	Flags map[string]string // by key, like "slow.target"
}

// reader is the reading of one configuration.
type reader struct {
	*config.Config
	path    string
	secrets *Secrets
	wrong   config.Errors
}

// Load reads a configuration and validates it. The error is config.Errors, or
// that the file cannot be read.
func Load(from Source, makers config.Makers) (*config.Config, error) {
	var content []byte
	if from.Path != "" {
		var err error
		if content, err = os.ReadFile(from.Path); err != nil {
			return nil, unreadable(from, err)
		}
	}
	return parse(from, content, makers)
}

// unreadable returns the error of a file that cannot be read, with the flag or variable
// that named the file.
func unreadable(from Source, err error) error {
	if path, ok := errors.AsType[*fs.PathError](err); ok {
		err = path.Err
	}
	err = fmt.Errorf("cannot read %s: %w", from.Path, err)
	if from.Named != "" {
		err = fmt.Errorf("%s: %w", from.Named, err)
	}
	return err
}

// parse is Load with the content of the file.
func parse(from Source, content []byte, makers config.Makers) (*config.Config, error) {
	r := &reader{Config: config.Default(), path: from.Path, secrets: NewSecrets(from.Vars)}
	r.Places = make(config.Places)
	if from.Path != "" {
		r.file(content)
		r.exposed()
	}
	for _, key := range settingKeys {
		if text := from.Vars[variable(key)]; text != "" {
			r.set(key, text, config.Place{Path: variable(key)})
		}
	}
	for _, key := range settingKeys {
		if text, ok := from.Flags[key]; ok {
			r.set(key, text, config.Place{Path: "--" + Flag(key)})
		}
	}
	r.variables(from.Vars)
	return r.verdict(makers)
}

// exposed warns of a file that contains a secret and that other users can read.
func (r *reader) exposed() {
	const others = 0o066 // the group and all others, to read and to write
	info, err := os.Stat(r.path)
	if err != nil || info.Mode().Perm()&others == 0 || !r.secrets.bare || runtime.GOOS == "windows" {
		return
	}
	r.Warnings = append(r.Warnings, fmt.Sprintf(
		"%s: contains a token or a password, and other users may read it (mode %#o); make it chmod 600, or write the secret as env:NAME or file:PATH",
		r.path, info.Mode().Perm()))
}

// verdict validates what was read. An entry that could not be read gets no further
// errors.
func (r *reader) verdict(makers config.Makers) (*config.Config, error) {
	unread := make(map[string]bool)
	for _, e := range r.wrong {
		unread[entryOf(e.Field)] = true
	}
	err := r.Config.Validate(makers)
	wrong, _ := errors.AsType[config.Errors](err)
	for _, e := range wrong {
		entry := entryOf(e.Field)
		// Whether a hub may be open to the network depends on its tokens.
		if !unread[""] && !unread[entry] && (entry != "listen" || !unread["tokens"]) {
			r.wrong = append(r.wrong, e)
		}
	}
	if len(r.wrong) == 0 {
		return r.Config, nil
	}
	r.wrong.Sort()
	return nil, r.wrong
}

// entryOf returns what a field belongs to: "checks[1]" for "checks[1].url".
func entryOf(field string) string {
	entry, _, _ := strings.Cut(field, ".")
	return entry
}

// add takes an error about the field at the place.
func (r *reader) add(at config.Place, e *config.Error) {
	e.Path, e.Line = at.Path, at.Line
	r.wrong = append(r.wrong, e)
}

// set takes the text of a single setting.
func (r *reader) set(key, text string, at config.Place) {
	if err := setters[key](r, text); err != nil {
		r.add(at, &config.Error{Field: key, Problem: err.Error()})
		return
	}
	r.Places[key] = at
}

// variable returns the environment variable of a key.
func variable(key string) string {
	return "KYMO_" + strings.ToUpper(strings.ReplaceAll(key, ".", "_"))
}

// Flag returns the name of a key's flag.
func Flag(key string) string {
	return strings.NewReplacer(".", "-", "_", "-").Replace(key)
}

// otherVariables are variables of Kymo that are not settings of the hub.
var otherVariables = []string{"KYMO_CONFIG", "KYMO_HUB", "KYMO_TOKEN"}

// misspelt returns the known variable that name is a misspelling of, or "". A false
// alarm would keep a hub from starting, so it has at most two letters wrong.
func misspelt(name string, known []string) string {
	var rest []string // without the prefix, which all have
	for _, k := range known {
		rest = append(rest, strings.TrimPrefix(k, "KYMO_"))
	}
	name = strings.TrimPrefix(name, "KYMO_")
	meant := nearest.Likely(name, rest)
	if meant == "" || nearest.Distance(name, meant) > 2 {
		return ""
	}
	return "KYMO_" + meant
}

// variables rejects an environment variable that looks like a misspelt setting. Others
// that begin with KYMO_ are left alone: a secret may be kept in one, and Kubernetes
// sets KYMO_SERVICE_HOST and the like for a service named kymo.
func (r *reader) variables(vars map[string]string) {
	known := slices.Clone(otherVariables)
	for _, key := range settingKeys {
		known = append(known, variable(key))
	}
	for _, name := range slices.Sorted(maps.Keys(vars)) {
		if !strings.HasPrefix(name, "KYMO_") || r.secrets.used[name] || slices.Contains(known, name) {
			continue
		}
		if i := slices.IndexFunc(listKeys, func(key string) bool { return name == variable(key) }); i >= 0 {
			if vars[name] != "" {
				r.add(config.Place{Path: name}, config.Errorf(listKeys[i], "%s can only be in the configuration file; see kymo serve --help", listKeys[i]))
			}
			continue
		}
		if meant := misspelt(name, known); meant != "" {
			r.add(config.Place{Path: name}, &config.Error{Field: name, Problem: "unknown environment variable", Nearest: meant})
		}
	}
}
