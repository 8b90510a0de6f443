package web

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/fstest"
)

var dist = fstest.MapFS{
	".gitkeep":             {},
	"index.html":           {Data: []byte("<p>the page")},
	"index.html.gz":        {Data: []byte("the page, compressed")},
	"assets/main-1a2b.js":  {Data: []byte("go()")},
	"assets/mark-3c4d.svg": {Data: []byte("<svg/>")},
}

func get(t *testing.T, handler http.HandlerFunc, header ...string) *httptest.ResponseRecorder {
	t.Helper()
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	handler(w, r)
	return w
}

func TestPage(t *testing.T) {
	d := New(dist)
	if !d.Present() {
		t.Fatal("there is no page")
	}
	plain := get(t, d.ServePage)
	if got := plain.Body.String(); got != "<p>the page" {
		t.Errorf("the page is %q", got)
	}
	for name, want := range map[string]string{
		"Content-Type": "text/html; charset=utf-8", "Cache-Control": "no-cache", "Vary": "Accept-Encoding",
		"Content-Security-Policy": policy, "Referrer-Policy": "no-referrer", "X-Content-Type-Options": "nosniff",
	} {
		if got := plain.Header().Get(name); got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
	for accept, want := range map[string]bool{
		"gzip": true, "br, GZIP;q=0.5": true, "": false, "br": false, "gzip;q=0": false, "gzip; q=0.000": false,
	} {
		w := get(t, d.ServePage, "Accept-Encoding", accept)
		if got := w.Header().Get("Content-Encoding") == "gzip"; got != want || got != strings.Contains(w.Body.String(), "compressed") {
			t.Errorf("with Accept-Encoding %q the page is %q", accept, w.Body)
		}
		if w.Header().Get("ETag") == plain.Header().Get("ETag") == want {
			t.Errorf("with Accept-Encoding %q the tag is %s", accept, w.Header().Get("ETag"))
		}
	}
	if w := get(t, d.ServePage, "If-None-Match", plain.Header().Get("ETag")); w.Code != http.StatusNotModified {
		t.Errorf("the page that is known already: %d", w.Code)
	}
}

func TestAssets(t *testing.T) {
	d := New(dist)
	for name, contentType := range map[string]string{
		"main-1a2b.js": "text/javascript; charset=utf-8", "mark-3c4d.svg": "image/svg+xml", "main-9f9f.js": "", "../index.html": "", "": "",
	} {
		var found bool
		w := get(t, func(w http.ResponseWriter, r *http.Request) { found = d.ServeAsset(w, r, name) }, "Accept-Encoding", "gzip")
		if found != (contentType != "") || w.Header().Get("Content-Type") != contentType {
			t.Errorf("%q: found is %t, of type %q", name, found, w.Header().Get("Content-Type"))
		}
		if found && !strings.Contains(w.Header().Get("Cache-Control"), "immutable") {
			t.Errorf("%q: Cache-Control is %q", name, w.Header().Get("Cache-Control"))
		}
	}
}

// A program can be built without the dashboard, so this looks at whichever it is.
func TestBuilt(t *testing.T) {
	w := get(t, Built().ServePage)
	if Built().Present() != strings.Contains(w.Body.String(), `<div id="app">`) {
		t.Errorf("the page is %q", w.Body)
	}
	if New(fstest.MapFS{}).Present() {
		t.Error("there is a page in nothing")
	}
}
