package main

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"testing"
	"time"
)

// answering returns the URL of a server that answers everything alike.
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

func TestCause(t *testing.T) {
	tests := []struct {
		err  error
		want string
	}{
		{&url.Error{Err: &net.DNSError{Err: "no such host", Name: "hub"}}, "no such host: hub"},
		{&url.Error{Err: context.DeadlineExceeded}, "it takes too long"},
		{&url.Error{Err: &net.OpError{Err: os.NewSyscallError("connect", errors.New("connection refused"))}}, "connection refused"},
		{&url.Error{Err: &net.OpError{Err: errors.New("broken pipe")}}, "broken pipe"},
		{&url.Error{Err: errors.New("unsupported protocol")}, "unsupported protocol"},
		{errors.New("odd"), "odd"},
	}
	for _, test := range tests {
		if got := cause(test.err); got != test.want {
			t.Errorf("got %q, want %q", got, test.want)
		}
	}
}

func TestRetryAfterIsBounded(t *testing.T) {
	for header, want := range map[string]time.Duration{"": 0, "2": 2 * time.Second, "3600": maxRetryAfter, "soon": 0} {
		r := newRefusal(&http.Response{StatusCode: 503, Header: http.Header{"Retry-After": {header}}}, nil)
		if r.retryAfter != want {
			t.Errorf("%q: got %s, want %s", header, r.retryAfter, want)
		}
	}
}

// TestReceipts takes only an answer that says what became of every row.
func TestReceipts(t *testing.T) {
	for answer, want := range map[string]bool{
		`{"accepted":5,"duplicate":false}`:             true,
		`{"accepted":3,"duplicate":true,"dropped":2}`:  true,
		`{"accepted":4,"duplicate":false}`:             false,
		`{"accepted":5}`:                               false,
		`{"duplicate":false,"dropped":5}`:              false,
		`{}`:                                           false,
		`<html>`:                                       false,
		`{"accepted":"5","duplicate":false}`:           false,
		`{"accepted":9,"duplicate":false,"dropped":2}`: false,
	} {
		if _, ok := readReceipt([]byte(answer), 5); ok != want {
			t.Errorf("%s: %v, want %v", answer, ok, want)
		}
	}
}
