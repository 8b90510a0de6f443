package main

import (
	"net/http"
	"net/http/httptest"
	"testing"
)

// answering returns the URL of a server that gives the same answer to every request.
func answering(t *testing.T, status int, body string) string {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(status)
		w.Write([]byte(body))
	}))
	t.Cleanup(server.Close)
	return server.URL
}

func TestRefusals(t *testing.T) {
	tests := []struct {
		name   string
		status int
		body   string
		want   string
	}{
		{"a problem document", 422, `{"title": "Unprocessable Entity", "detail": "validation failed",
			"errors": [{"location": "query.hours", "message": "must be a number"}, {"location": "query.sort", "message": "no"}]}`,
			"kymo: the hub answered: --hours: must be a number; --sort: no\n"},
		{"one about no parameter", 503, `{"title": "Service Unavailable", "detail": "the hub is\tshutting down\n\ntry again"}`,
			"kymo: the hub answered: the hub is shutting down; try again\n"},
		{"one with a title", 404, `{"title": "Not Found"}`, "kymo: the hub answered: Not Found\n"},
		{"something else", 502, `<html>`, "kymo: the hub answered: 502 Bad Gateway\n"},
		{"a token is missing", 401, `{}`, "kymo: the hub answered: 401 Unauthorized; give it with --token or KYMO_TOKEN\n"},
		{"not a report", 200, `<html>`, " is not a Kymo hub of this version: invalid character '<' looking for beginning of value\n"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			hub := answering(t, test.status, test.body)
			for _, command := range []string{"report", "endpoints"} {
				runKymo(t, nil, command, "--hub", hub).expect(t, exitFailed, test.want)
			}
		})
	}
}

func TestAnswerThatBreaksOff(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "100")
		w.Write([]byte("{"))
	}))
	defer server.Close()
	runKymo(t, nil, "report", "--hub", server.URL).expect(t, exitFailed, "(unexpected EOF); start one")
}
