package middleware

import (
	"net/http"
	"net/http/httptest"
	"testing"
)

// Every contender leaves the answer as it is.
func TestContendersAnswer(t *testing.T) {
	for _, c := range contenders {
		t.Run(c.name, func(t *testing.T) {
			watched := c.watch()
			for range 3 {
				w := httptest.NewRecorder()
				watched.handler.ServeHTTP(w, httptest.NewRequest("GET", "/users/4711", nil))
				if w.Code != http.StatusOK || w.Body.String() != "hello, user\n" {
					t.Errorf("answer %d %q", w.Code, w.Body)
				}
			}
			kept, lost := watched.stop()
			if lost != 0 || c.name == "Kymo" && kept != 3 {
				t.Errorf("kept %d, lost %d of 3", kept, lost)
			}
		})
	}
}
