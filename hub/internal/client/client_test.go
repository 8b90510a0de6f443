package client

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/url"
	"os"
	"testing"
	"time"
)

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
		if got := (&Unreachable{Err: test.err}).Cause(); got != test.want {
			t.Errorf("got %q, want %q", got, test.want)
		}
	}
}

func TestRetryAfterIsBounded(t *testing.T) {
	for header, want := range map[string]time.Duration{"": 0, "2": 2 * time.Second, "3600": maxRetryAfter, "soon": 0} {
		r := newRefusal(&http.Response{StatusCode: 503, Header: http.Header{"Retry-After": {header}}}, nil)
		if r.RetryAfter != want {
			t.Errorf("%q: got %s, want %s", header, r.RetryAfter, want)
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
