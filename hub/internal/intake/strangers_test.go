package intake

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/kymohq/kymo/hub/internal/ingest"
	"github.com/kymohq/kymo/internal/wire"
)

// What a stranger may have chosen is cut and cleaned, whatever it is.
func TestStrangersCostNoBatch(t *testing.T) {
	text := func(s string) []byte { return []byte(s) }
	long := "/" + strings.Repeat("u/", 200)
	for name, c := range map[string]struct {
		change func(*ingest.Request)
		want   func(*wire.Request)
	}{
		"endpoint too long": {func(r *ingest.Request) { r.Endpoint = text("/" + strings.Repeat("z", 255)) }, func(r *wire.Request) { r.Endpoint = "/{rest}" }},
		"template too long": {func(r *ingest.Request) { r.Endpoint = text("/{id}" + strings.Repeat("a", 255)) }, func(r *wire.Request) { r.Endpoint = "/{id}" + strings.Repeat("a", 250) }},
		"path beyond all":   {func(r *ingest.Request) { r.Endpoint = text("/" + strings.Repeat("1", 9000)) }, func(r *wire.Request) { r.Endpoint = "/{id}" }},
		"method beyond all": {func(r *ingest.Request) { r.Method = text(strings.Repeat("GET", 9000)) }, func(r *wire.Request) { r.Method = wire.MethodOther }},
		"user too long":     {func(r *ingest.Request) { r.User = text(strings.Repeat("u", 256)) }, func(r *wire.Request) { r.User = strings.Repeat("u", 255) }},
		"a letter is cut":   {func(r *ingest.Request) { r.User = text("u" + strings.Repeat("é", 200)) }, func(r *wire.Request) { r.User = "u" + strings.Repeat("é", 127) }},
		"user as endpoint": {func(r *ingest.Request) { r.Endpoint, r.User = text(long), text(long) }, func(r *wire.Request) {
			r.Endpoint, r.User = strings.Repeat("/u", 15)+"/{rest}", long[:255]
		}},
		"error too long": {func(r *ingest.Request) { r.Error = text(strings.Repeat("e", 101)) }, func(r *wire.Request) { r.Error = strings.Repeat("e", 100) }},
		"not UTF-8": {func(r *ingest.Request) { r.Endpoint, r.User = text("/caf\xe9"), text("\xff\r\n\u009b\u2067") }, func(r *wire.Request) {
			r.Endpoint, r.User = "/caf\uFFFD", "\uFFFD\uFFFD\uFFFD\uFFFD\uFFFD"
		}},
		"braces":          {func(r *ingest.Request) { r.Endpoint = text(`/s/{"q":1}/7`) }, func(r *wire.Request) { r.Endpoint = `/s/{"q":1}/{id}` }},
		"route":           {func(r *ingest.Request) { r.Endpoint, r.Route = nil, text("/docs/17") }, func(r *wire.Request) { r.Endpoint = "/docs/17" }},
		"route, endpoint": {func(r *ingest.Request) { r.Route = text("/u/{name}") }, func(r *wire.Request) { r.Endpoint = "/u/{name}" }},
		"route too long":  {func(r *ingest.Request) { r.Route = text("/" + strings.Repeat("z", 300)) }, func(r *wire.Request) { r.Endpoint = "/" + strings.Repeat("z", 254) }},
		"deceiving route": {func(r *ingest.Request) { r.Route = text("/a\u202e") }, func(r *wire.Request) { r.Endpoint = "/a\uFFFD" }},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := gathered(t, &steps{good(), changed(c.change), good()})
			if err != nil || len(got) != 3 {
				t.Fatalf("%d are kept: %v", len(got), err)
			}
			want := got[0]
			c.want(&want)
			if got[1] != want || got[2] != got[0] {
				t.Errorf("%+v; want\n%+v", got[1], want)
			}
		})
	}
}

// TestCutsOfOneTextAreApart: the same text in fields with other limits.
func TestCutsOfOneTextAreApart(t *testing.T) {
	long := []byte(strings.Repeat("u", 150))
	both := changed(func(r *ingest.Request) { r.User, r.Error = long, long })
	got, err := gathered(t, &steps{both, both})
	if err != nil || got[0] != got[1] || got[0].User != string(long) || len(got[0].Error) != wire.MaxError {
		t.Errorf("%+v, %v", got, err)
	}
	_, err = gathered(t, &steps{changed(func(r *ingest.Request) { r.User = []byte("a\x00") }), changed(func(r *ingest.Request) { r.Service = []byte("a\x00") })})
	if e, ok := errors.AsType[*wire.FieldError](err); !ok || e.Field != "service" {
		t.Errorf("a service that was cleaned as a user: %v", err)
	}
}

// TestDictionariesAreBounded: what is cleaned can be three times as long.
func TestDictionariesAreBounded(t *testing.T) {
	c := newBatcher()
	c.reset(newRegistry(Limits{}), "", noon, always)
	var body strings.Builder
	for i := range 40_000 {
		fmt.Fprintf(&body, `{"endpoint":"/a","method":"GET","response_time_ms":1,"status_code":200,"user_id":"%d%s"}`, i, strings.Repeat("\x7f", 80))
	}
	if err := c.gather(ingest.JSON([]byte(body.String())), false, new(losses)); err != nil {
		t.Fatal(err)
	}
	for _, b := range c.batches("a") {
		if size := len(b.AppendBinary(nil)); size > wire.MaxBytes {
			t.Errorf("a batch has %d bytes; at most %d", size, wire.MaxBytes)
		}
	}
}
