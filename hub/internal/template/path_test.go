package template

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/kymohq/kymo/internal/wire"
)

func TestPath(t *testing.T) {
	for raw, want := range map[string]string{
		"/users/42":                            "/users/{id}",
		"/users/-42/+7":                        "/users/{id}/{id}",
		"/geo/52.52/13.40":                     "/geo/{id}/{id}",
		"/v1/users":                            "/v1/users",
		`/search?filter={"id":7}&token=secret`: "/search",
		"/files/{path?}":                       "/files/{path?}",
		"/x/{id}#part":                         "/x/{id}",
		"http://host/a/{b}?c={d}":              "/a/{b}",
		"/v1.2/users":                          "/v1.2/users",
		"/a/5.":                                "/a/5.",
		"/a/-":                                 "/a/-",
		"/users/42/orders/7/":                  "/users/{id}/orders/{id}/",
		"/o/9b2c7d1e-0a4f-4f6e-8a1b-2c3d4e5f6a7b": "/o/{id}",
		"/o/9B2C7D1E-0A4F-4F6E-8A1B-2C3D4E5F6A7B": "/o/{id}",
		"/c/deadbeef1":                     "/c/{id}",
		"/c/DEADBEE1":                      "/c/{id}",
		"/c/0x1f2e3d4c":                    "/c/{id}",
		"/c/deadbeef":                      "/c/deadbeef",
		"/c/abc123":                        "/c/abc123",
		"/c/507f1f77bcf86cd799439011":      "/c/{id}",
		"/d/2026-11-23":                    "/d/{id}",
		"/d/2026-11":                       "/d/{id}",
		"/d/2026.11.23":                    "/d/{id}",
		"/d/23-11-2026":                    "/d/{id}",
		"/d/2026-11-23T10:15:30Z":          "/d/{id}",
		"/d/2026-11-23%2010:15":            "/d/{id}",
		"/d/20261123":                      "/d/{id}",
		"/d/2026-11-23Tx1":                 "/d/2026-11-23Tx1",
		"/d/2026-11-23T":                   "/d/2026-11-23T",
		"/d/2026-q1":                       "/d/2026-q1",
		"/d/a1 b2":                         "/d/a1 b2",
		"/e/bo@example.com":                "/e/{id}",
		"/e/bo%40example.com":              "/e/{id}",
		"/e/@bo":                           "/e/@bo",
		"/e/bo@host":                       "/e/bo@host",
		"/e/a@b.":                          "/e/a@b.",
		"/t/" + strings.Repeat("ab3-", 17): "/t/{id}",
		"/users/42?page=7#top":             "/users/{id}",
		"/users#/42":                       "/users",
		"https://shop.example/users/42":    "/users/{id}",
		"https://shop.example":             "/",
		"https://shop.example?x=1":         "/",
		"/go/https://shop.example/7":       "/go/https:/shop.example/{id}",
		"":                                 "/",
		"?x=1":                             "/",
		"/":                                "/",
		"//":                               "/",
		"//a///7//":                        "/a/{id}/",
		"*":                                "*",
		"users/42":                         "users/{id}",
		"/caf%C3%A9/men%75":                "/café/menu",
		"/a%2Fb/7":                         "/a%2Fb/{id}",
		"/a%zz/7":                          "/a%zz/{id}",
		"/a%00b":                           "/a%00b",
		"/a%7Bb%7D":                        "/a%7Bb%7D",
		"/users/{id}/orders":               "/users/{id}/orders",
		"/files/{path...}":                 "/files/{path...}",
		"/files/{*path}/{id:[0-9]+}/{_x?}": "/files/{*path}/{id:[0-9]+}/{_x?}",
		"/{$}":                             "/{$}", "/x/{id:[0-9]{4}}/7": "/x/{id:[0-9]{4}}/7", "/x/{age:range(18,120)}": "/x/{age:range(18,120)}",
		"/s/{a?token=secret":     "/s/{a",
		"/{}/7":                  "/{}/{id}",
		"/a{b/7":                 "/a{b/{id}",
		"/a}b{c}/7":              "/a}b{c}/{id}",
		`/s/{"q":"x","n":1}/7`:   `/s/{"q":"x","n":1}/{id}`,
		"/{7}/7":                 "/{7}/{id}",
		wire.Unmatched:           wire.Unmatched,
		wire.Other:               wire.Other,
		strings.Repeat("/a", 30): strings.Repeat("/a", 15) + "/{rest}",
	} {
		got, cut := Path(raw)
		if got != want || cut {
			t.Errorf("Path(%q) = %q, %v; want %q", raw, got, cut, want)
		}
		if again, _ := Path(got); again != got {
			t.Errorf("Path(%q) = %q, which is %q in turn", raw, got, again)
		}
	}
}

func TestPathCutsWhatIsTooLong(t *testing.T) {
	long := strings.Repeat("é", 60)
	for _, raw := range []string{
		"/" + strings.Repeat("z", 300),
		"/api" + strings.Repeat("/"+long, 10),
		strings.Repeat("z", 300),
		"/{id}" + strings.Repeat("z", 300),
	} {
		got, cut := Path(raw)
		if !cut || len(got) > wire.MaxEndpoint || !utf8.ValidString(got) {
			t.Errorf("Path of %d bytes = %q (%d bytes), %v", len(raw), got, len(got), cut)
		}
	}
	if got, _ := Path("/api" + strings.Repeat("/"+long, 10)); got != "/api/"+long+"/"+long+"/{rest}" {
		t.Errorf("Path cuts between segments: %q", got)
	}
}

func FuzzPath(f *testing.F) {
	for _, s := range []string{"/users/42", "//a%2f?x", "http://a/b", "/\xff\x00/{id}", "/a@b.c/2026-11-23", "/2026-WT1", "/2026-W48-4T1/-/+/(/:/.gz", "/a:b/1:c.tar.gz/::", "/K7-_-JN68L/0x/{$}/{a{b}}"} {
		f.Add(s)
	}
	forest := NewForest()
	forest.siblings = 4
	tree := forest.Plant()
	f.Fuzz(func(t *testing.T, raw string) {
		for _, got := range []string{first(Path(raw)), tree.Endpoint(raw)} {
			if got != wire.Clean(got, wire.MaxEndpoint) || got == "" && raw != "" {
				t.Errorf("endpoint of %q is %q, which no batch may have", raw, got)
			}
		}
	})
}

func first(s string, _ bool) string { return s }
