package client

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// UnreachableError is the error of a hub that did not answer.
type UnreachableError struct {
	Hub string // its URL without the password
	Err error
}

func (e *UnreachableError) Error() string {
	return fmt.Sprintf("no hub answers at %s (%s); start one with kymo serve, or name another with --hub URL", e.Hub, e.Cause())
}

func (e *UnreachableError) Unwrap() error { return e.Err }

// Cause returns the part of the network's error that helps a user.
func (e *UnreachableError) Cause() string {
	var timeout interface{ Timeout() bool }
	var dns *net.DNSError
	var op *net.OpError
	var request *url.Error
	switch {
	case errors.As(e.Err, &dns):
		return dns.Err + ": " + dns.Name
	case errors.As(e.Err, &timeout) && timeout.Timeout():
		return "timed out"
	case errors.As(e.Err, &op):
		text := op.Err.Error() // connect: connection refused
		return text[strings.LastIndex(": "+text, ": "):]
	case errors.As(e.Err, &request):
		return request.Err.Error()
	}
	return e.Err.Error()
}

// RefusalError is the error of an answer that is not a success.
type RefusalError struct {
	Status  int    // of HTTP
	Problem string // may have several lines
	// Wrong is what is wrong with the parameters of the query, by their names.
	Wrong      map[string]string
	RetryAfter time.Duration // what the hub asked for, at most maxRetryAfter; 0 if it did not
}

func (e *RefusalError) Error() string { return "the hub answered: " + e.Problem }

// temporary reports whether the same request may succeed later.
func (e *RefusalError) temporary() bool {
	return e.Status == http.StatusTooManyRequests || e.Status/100 == 5
}

// maxRetryAfter limits how long a hub can make its clients wait.
const maxRetryAfter = 30 * time.Second

// newRefusal reads a problem document (RFC 9457). Of any other body only the
// status remains.
func newRefusal(resp *http.Response, body []byte) *RefusalError {
	r := &RefusalError{Status: resp.StatusCode, Wrong: make(map[string]string)}
	if d, err := time.ParseDuration(resp.Header.Get("Retry-After") + "s"); err == nil {
		r.RetryAfter = min(d, maxRetryAfter)
	}
	var problem struct {
		Title  string `json:"title"`
		Detail string `json:"detail"`
		Errors []struct {
			Location string `json:"location"`
			Message  string `json:"message"`
		} `json:"errors"`
	}
	_ = json.Unmarshal(body, &problem) // a body of another kind leaves it empty
	var wrong []string
	for _, e := range problem.Errors {
		// A parameter of the query is a flag of the command, of the same name.
		if name, ok := strings.CutPrefix(e.Location, "query."); ok {
			wrong = append(wrong, "--"+name+": "+e.Message)
			r.Wrong[name] = e.Message
		}
	}
	status := fmt.Sprintf("%d %s", resp.StatusCode, http.StatusText(resp.StatusCode))
	r.Problem = cmp.Or(strings.Join(wrong, "; "), problem.Detail, problem.Title, status)
	if resp.StatusCode == http.StatusUnauthorized || resp.StatusCode == http.StatusForbidden {
		r.Problem += "; give it with --token or KYMO_TOKEN"
	}
	return r
}
