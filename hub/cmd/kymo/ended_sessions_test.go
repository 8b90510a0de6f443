package main

import (
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"

	"github.com/kymohq/kymo/hub/internal/config"
)

// TestSignedOutAfterARestart: a hub over a directory still refuses the cookies of
// sessions that were ended before it was restarted.
func TestSignedOutAfterARestart(t *testing.T) {
	conf := config.Default()
	conf.Store = filepath.Join(t.TempDir(), "data")
	conf.Tokens.Read = "sesame"
	if err := conf.Validate(makers); err != nil {
		t.Fatal(err)
	}
	ask := func(h http.Handler, method, path, body, cookie string) *httptest.ResponseRecorder {
		r := httptest.NewRequestWithContext(t.Context(), method, "http://localhost"+path, strings.NewReader(body))
		r.Header.Set("Content-Type", "application/json")
		r.Header.Set("Cookie", cookie)
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		return w
	}
	cookies := make(map[string]string)
	for _, life := range []string{"first", "second", "third"} {
		h, err := openHub(conf, quiet)
		if err != nil {
			t.Fatal(err)
		}
		for name, cookie := range cookies {
			want := http.StatusOK
			if strings.HasSuffix(name, "ended") {
				want = http.StatusUnauthorized
			}
			if got := ask(h, http.MethodGet, "/metrics", "", cookie).Code; got != want {
				t.Errorf("%s life, %s session: %d, want %d", life, name, got, want)
			}
		}
		for _, name := range []string{life + " open", life + " ended"} {
			signedIn := ask(h, http.MethodPost, "/api/v1/session", `{"token":"sesame"}`, "")
			cookie, _, found := strings.Cut(signedIn.Header().Get("Set-Cookie"), ";")
			if !found {
				t.Fatal(signedIn)
			}
			cookies[name] = cookie
		}
		if got := ask(h, http.MethodDelete, "/api/v1/session", "", cookies[life+" ended"]).Code; got != http.StatusNoContent {
			t.Fatal(got)
		}
		if err := closeHub(h); err != nil {
			t.Fatal(err)
		}
	}
}
