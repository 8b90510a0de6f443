package checks

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/kymohq/kymo/health"
	"github.com/kymohq/kymo/hub/internal/config"
)

func TestNew(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = w.Write([]byte(`{"status": "` + r.Header.Get("X-Want") + `"}`))
	}))
	defer server.Close()
	p, err := New(Spec{Type: "http", URL: server.URL, Headers: map[string]string{"X-Want": "ok"}, JSON: map[string]any{"status": "ok"}})
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	if _, err := p.Run(t.Context()); err != nil {
		t.Error(err)
	}
	server.Close()
	if _, err := p.Run(t.Context()); health.StatusOf(err) != health.Down || strings.Contains(err.Error(), server.URL) {
		t.Errorf("closed: %v", err)
	}
}

func TestNewNamesTheField(t *testing.T) {
	for want, s := range map[string]Spec{
		"checks: Spec.Type: is missing; must be one of clickhouse, ":                                                              {},
		"checks: Spec.Models: a check of type postgres has no such key; those of type kserve, openai, tfserving, torchserve have": {Type: "postgres", Models: []string{"m"}},
		"checks: Spec.URL: names no host":           {Type: "postgres", URL: "postgres://app:secret@"},
		"checks: Spec.Canary.Shape: has -2":         {Type: "kserve", URL: "http://a", Canary: &Canary{Model: "m", Shape: []int{-2}}},
		"checks: Spec.MinFree: is 2; it is a share": {Type: "disk", Path: "/", MinFree: 2},
	} {
		_, err := New(s)
		f, ok := errors.AsType[*health.FieldError](err)
		if !ok || !strings.HasPrefix(err.Error(), want) || strings.Contains(f.Err.Error(), "secret") {
			t.Errorf("got %v, want %s", err, want)
		}
	}
}

// What the comment of Spec says of fields that are required and of those that must be zero.
func TestRequiredAndForbiddenFields(t *testing.T) {
	for _, typ := range config.Types() {
		if typ == "disk" {
			if _, err := New(Spec{Type: typ, Path: "/"}); err != nil {
				t.Errorf("%s without a URL: %v", typ, err)
			}
		} else if _, err := New(Spec{Type: typ}); !isFieldError(err, "URL") {
			t.Errorf("%s without a URL: got %v, want an error of URL", typ, err)
		}
		for i := range reflect.TypeFor[Spec]().NumField() {
			field := reflect.TypeFor[Spec]().Field(i)
			if slices.Contains(config.CheckKeys(typ), config.Key(field.Name)) {
				continue
			}
			s := Spec{Type: typ}
			set(reflect.ValueOf(&s).Elem().Field(i))
			if _, err := New(s); !isFieldError(err, field.Name) {
				t.Errorf("%s with %s: got %v, want an error of %s", typ, field.Name, err, field.Name)
			}
		}
	}
}

func TestService(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write([]byte(`{"status": "DOWN", "components": {"db": {"status": "DOWN"}}}`))
	}))
	defer server.Close()
	p, err := Service(Endpoint{URL: server.URL})
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	if _, err := p.Run(t.Context()); err == nil || !strings.HasSuffix(err.Error(), ": db is down; see its own checks") {
		t.Error(err)
	}
	if _, err := Service(Endpoint{URL: "ftp://host"}); !isFieldError(err, "URL") {
		t.Errorf("%T", err)
	}
	if _, err := Service(Endpoint{URL: "ftp://user:secret@host"}); err == nil || !strings.HasPrefix(err.Error(), "checks: Endpoint.URL: must begin with http:// or https://") || strings.Contains(err.Error(), "secret") {
		t.Error(err)
	}
}

// Each field of a Spec reaches the probe, and the hub's Spec has no other fields.
func TestEachFieldIsPassedOn(t *testing.T) {
	from := reflect.TypeFor[Spec]()
	to := config.Fields(reflect.TypeFor[config.Spec]())
	for key, field := range to {
		if _, ok := from.FieldByName(field.Name); !ok {
			t.Errorf("config.Spec has %s (key %s), and Spec does not", field.Name, key)
		}
	}
	for i := range from.NumField() {
		if _, ok := to[config.Key(from.Field(i).Name)]; !ok {
			t.Errorf("Spec has %s, and config.Spec does not", from.Field(i).Name)
			continue
		}
		var s Spec
		set(reflect.ValueOf(&s).Elem().Field(i))
		inner := reflect.ValueOf(s.internal()).Elem().FieldByName(from.Field(i).Name)
		if !inner.IsValid() || inner.IsZero() {
			t.Errorf("%s is not passed on", from.Field(i).Name)
		}
	}
}

// set sets a field of a Spec to a value other than zero.
func set(v reflect.Value) {
	switch v.Kind() {
	case reflect.String:
		v.SetString("x")
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Float64:
		v.SetFloat(0.5)
	case reflect.Int, reflect.Int64:
		v.SetInt(1)
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 1, 1))
	case reflect.Map:
		v.Set(reflect.MakeMap(v.Type()))
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		set(v.Elem().Field(0))
	}
}

// isFieldError reports whether err wraps a *health.FieldError of the field.
func isFieldError(err error, field string) bool {
	e, ok := errors.AsType[*health.FieldError](err)
	return ok && e.Field == field
}
