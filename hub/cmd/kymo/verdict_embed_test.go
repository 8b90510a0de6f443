package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/goccy/go-yaml"

	"github.com/kymohq/kymo/health"
	"github.com/kymohq/kymo/hub"
	"github.com/kymohq/kymo/hub/checks"
	"github.com/kymohq/kymo/hub/internal/config"
	"github.com/kymohq/kymo/hub/internal/config/settings"
)

// served are the settings that an embedded hub does not have; the one without a name is
// the file as a whole.
var served = []string{"listen", "insecure_listen", "store", "log_level", ""}

var onLine = regexp.MustCompile(`, on line \d+`)

// embedded fails the test unless a program that embeds a hub with the configuration of the
// file gets the same errors: the same fields and problems. What cannot be written in Go,
// for lack of such a field or value, must be wrong.
func (j *judge) embedded(t *testing.T, file string, wrong config.Errors) {
	t.Helper()
	content, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	e := &embedding{secrets: settings.NewSecrets(j.vars)}
	if err := e.read(content); err != nil {
		if wrong == nil {
			t.Errorf("%s is right, and no Go program can say it: %v", file, err)
		}
		return
	}
	want := []string{}
	for _, one := range wrong {
		if !slices.Contains(served, one.Field) {
			want = append(want, config.GoName(one.Field)+": "+onLine.ReplaceAllString(one.Text(), ""))
		}
	}
	got := e.verdict(t)
	slices.Sort(want)
	slices.Sort(got)
	if !slices.Equal(got, want) {
		t.Errorf("%s: embedded\n%s\nwant\n%s", file, strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// embedding is a configuration file as a Go program would write it.
type embedding struct {
	secrets *settings.Secrets
	config  hub.Config
	specs   []checks.Spec
	health  []string // URLs of services
}

// read reads a file without the package that the commands read it with.
func (e *embedding) read(content []byte) error {
	var file map[string]any
	if err := yaml.Unmarshal(content, &file); err != nil {
		return err
	}
	for key, value := range file {
		var err error
		switch key {
		case "checks":
			err = each(value, func(entry map[string]any) error {
				var c hub.Check
				var s checks.Spec
				err := e.fill(entry, &c, &s)
				e.config.Checks, e.specs = append(e.config.Checks, c), append(e.specs, s)
				return err
			})
		case "services":
			err = each(value, func(entry map[string]any) error {
				var s hub.Service
				var polled struct{ Health string }
				err := e.fill(entry, &s, &polled)
				e.config.Services, e.health = append(e.config.Services, s), append(e.health, polled.Health)
				return err
			})
		default:
			if !slices.Contains(served, key) {
				err = e.fill(map[string]any{key: value}, &e.config)
			}
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func each(list any, f func(map[string]any) error) error {
	all, ok := list.([]any)
	if !ok {
		return fmt.Errorf("%v is no list", list)
	}
	for _, item := range all {
		entry, ok := item.(map[string]any)
		if !ok {
			return fmt.Errorf("%v is no struct", item)
		}
		if err := f(entry); err != nil {
			return err
		}
	}
	return nil
}

// fill sets the fields of the structs by their keys; each is a field of one of them.
func (e *embedding) fill(entry map[string]any, structs ...any) error {
	for key, value := range entry {
		found := false
		for _, s := range structs {
			v := reflect.ValueOf(s).Elem()
			field, ok := config.Fields(v.Type())[key]
			if !ok || !field.IsExported() || field.Type == reflect.TypeFor[health.Probe]() {
				continue
			}
			found = true
			if err := e.set(key, value, v.FieldByIndex(field.Index)); err != nil {
				return fmt.Errorf("%s: %w", key, err)
			}
		}
		if !found {
			return fmt.Errorf("there is no field %s", key)
		}
	}
	return nil
}

// set sets one field.
func (e *embedding) set(key string, value any, into reflect.Value) error {
	text := strings.TrimSpace(fmt.Sprint(value))
	switch {
	case into.Kind() == reflect.Pointer:
		into.Set(reflect.New(into.Type().Elem()))
		return e.set(key, value, into.Elem())
	case into.Kind() == reflect.Struct:
		entry, ok := value.(map[string]any)
		if !ok {
			return fmt.Errorf("%v is no struct", value)
		}
		return e.fill(entry, into.Addr().Interface())
	case into.Kind() == reflect.Slice:
		list, ok := value.([]any)
		if !ok {
			return fmt.Errorf("%v is no slice", value)
		}
		into.Set(reflect.MakeSlice(into.Type(), len(list), len(list)))
		for i := range list {
			if err := e.set(key, list[i], into.Index(i)); err != nil {
				return err
			}
		}
		return nil
	case into.Kind() == reflect.Map:
		return e.entries(key, value, into)
	case reflect.ValueOf(value).Kind() == reflect.Map || reflect.ValueOf(value).Kind() == reflect.Slice:
		return fmt.Errorf("%v is no single value", value)
	case into.Kind() == reflect.String:
		text, err := e.secret(key, text)
		into.SetString(text)
		return err
	}
	v, err := parsed(text, into.Interface())
	if err == nil {
		into.Set(reflect.ValueOf(v))
	}
	return err
}

// entries sets a map with keys of the user's own.
func (e *embedding) entries(key string, value any, into reflect.Value) error {
	entries, ok := value.(map[string]any)
	if !ok {
		return fmt.Errorf("%v is no map", value)
	}
	into.Set(reflect.MakeMap(into.Type()))
	for name, item := range entries {
		v := reflect.ValueOf(&item).Elem()
		if into.Type().Elem().Kind() == reflect.String {
			text, err := e.secret(key, fmt.Sprint(item))
			if err != nil {
				return err
			}
			v = reflect.ValueOf(text)
		}
		into.SetMapIndex(reflect.ValueOf(name), v)
	}
	return nil
}

// secret returns what a Go program would have read from a variable or a file.
func (e *embedding) secret(key, text string) (string, error) {
	if slices.Contains([]string{"url", "health", "key", "headers", "ingest", "read"}, key) {
		return e.secrets.Resolve(text, key)
	}
	return text, nil
}

// parsed returns the value of the type that like has.
func parsed(text string, like any) (any, error) {
	switch like.(type) {
	case time.Duration:
		d, err := time.ParseDuration(text)
		if d <= 0 && err == nil {
			err = errors.New("0 means the default to a Go program")
		}
		return d, err
	case bool:
		return strconv.ParseBool(text)
	case int:
		return strconv.Atoi(text)
	case int64:
		number := strings.TrimRight(text, "GiBkM")
		n, err := strconv.ParseInt(number, 10, 64)
		return n * map[string]int64{"GiB": 1 << 30, "MiB": 1 << 20, "kB": 1000}[strings.TrimPrefix(text, number)], err
	case float64:
		number, percent := strings.CutSuffix(text, "%")
		f, err := strconv.ParseFloat(number, 64)
		if percent {
			f /= 100
		}
		if f < 0 || f > 1 {
			err = errors.New("is no share")
		}
		return f, err
	}
	return nil, fmt.Errorf("a field of type %T cannot be set", like)
}

// verdict returns the errors of package checks and of hub.Open. Valid probes are replaced
// by a stand-in, so that nothing is contacted.
func (e *embedding) verdict(t *testing.T) []string {
	t.Helper()
	all := []string{}
	use := func(p health.Probe, err error, field func(string) string) health.Probe {
		if f, ok := errors.AsType[*health.FieldError](err); ok {
			all = append(all, field(f.Field)+": "+f.Err.Error())
		} else if err != nil {
			t.Error(err)
		}
		if p.Close != nil {
			p.Close()
		}
		return health.Func(func(context.Context) error { return nil })
	}
	for i, s := range e.specs {
		p, err := checks.New(s)
		e.config.Checks[i].Probe = use(p, err, func(field string) string { return fmt.Sprintf("Checks[%d].%s", i, field) })
	}
	for i, url := range e.health {
		if url != "" {
			p, err := checks.Service(checks.Endpoint{URL: url})
			e.config.Services[i].Probe = use(p, err, func(string) string { return fmt.Sprintf("Services[%d].Health", i) })
		}
	}
	e.config.Logger = slog.New(slog.DiscardHandler)
	h, err := hub.Open(filepath.Join(t.TempDir(), "data"), e.config)
	if err == nil {
		err = h.Close(context.Background())
	}
	if err == nil {
		return all
	}
	list, ok := err.(interface{ Unwrap() []error })
	if !ok {
		t.Fatal(err)
	}
	for _, one := range list.Unwrap() {
		f, ok := errors.AsType[*health.FieldError](one)
		if !ok {
			t.Fatal(err)
		}
		all = append(all, f.Error())
	}
	return all
}
