package main

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/kymohq/kymo/health"
)

// hubFlags say which hub a command speaks to.
type hubFlags struct {
	Hub   string `placeholder:"URL" help:"The hub's URL; or KYMO_HUB. Default: http://127.0.0.1:5966."`
	Token string `placeholder:"TOKEN" help:"The token the hub asks for: itself, env:NAME or file:PATH; or KYMO_TOKEN."`
}

// hubClient speaks to a hub.
type hubClient struct {
	base  *url.URL
	token string
	http  *http.Client
}

const (
	defaultHub = "http://" + defaultListen

	// answerTime bounds how long one answer may take. A report over 168 h takes
	// milliseconds; a hub that is short of everything may take seconds.
	answerTime = 30 * time.Second
	// maxAnswer bounds an answer: an endpoint's row is about 500 bytes, and a
	// service has at most some thousand endpoints.
	maxAnswer = 256 << 20
	// maxRetryAfter bounds for how long a hub can make its clients wait.
	maxRetryAfter = 30 * time.Second
)

func (f *hubFlags) client(env *environment) (*hubClient, error) {
	where, text := "--hub", f.Hub
	if text == "" {
		where, text = "KYMO_HUB", cmp.Or(env.vars["KYMO_HUB"], defaultHub)
	}
	base, err := url.Parse(text)
	if err != nil || (base.Scheme != "http" && base.Scheme != "https") || base.Host == "" {
		// Without the text: a URL can hold a password.
		return nil, fmt.Errorf("%s: not a URL of http or https with a host; write it like %s", where, defaultHub)
	}
	c := &hubClient{base: base, http: &http.Client{
		Timeout: answerTime,
		// What a redirect leads to is not the hub that was named.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
	where, text = "--token", f.Token
	if text == "" {
		where, text = "KYMO_TOKEN", env.vars["KYMO_TOKEN"]
	}
	if text != "" {
		r := &resolver{vars: env.vars, used: make(map[string]bool)}
		if c.token, err = r.token(text); err != nil {
			return nil, fmt.Errorf("%s: %w", where, err)
		}
	}
	return c, nil
}

// unreachable is the error of a hub that did not answer.
type unreachable struct {
	base string
	err  error
}

func (e *unreachable) Error() string {
	return fmt.Sprintf("no hub answers at %s (%s); start one with kymo serve, or name another with --hub URL",
		e.base, cause(e.err))
}

func (e *unreachable) Unwrap() error { return e.err }

// cause is the part of a network error that says something to a user.
func cause(err error) string {
	var timeout interface{ Timeout() bool }
	var dns *net.DNSError
	var op *net.OpError
	var request *url.Error
	switch {
	case errors.As(err, &dns):
		return dns.Err + ": " + dns.Name
	case errors.As(err, &timeout) && timeout.Timeout():
		return "it takes too long"
	case errors.As(err, &op):
		text := op.Err.Error() // connect: connection refused
		return text[strings.LastIndex(": "+text, ": "):]
	case errors.As(err, &request):
		return request.Err.Error()
	}
	return err.Error()
}

// refusal is an answer that is not a success.
type refusal struct {
	status     int
	problem    string        // one line
	retryAfter time.Duration // what the hub asked for, 0 if it did not
}

func (e *refusal) Error() string { return "the hub answered: " + e.problem }

// get asks for path and returns the answer's body as it came.
func (c *hubClient) get(ctx context.Context, path string, query url.Values) ([]byte, http.Header, error) {
	u := c.base.JoinPath(path)
	u.RawQuery = query.Encode()
	return c.do(ctx, http.MethodGet, u, "", nil)
}

// post sends body to path and returns the answer's body.
func (c *hubClient) post(ctx context.Context, path, contentType string, body []byte) ([]byte, error) {
	answer, _, err := c.do(ctx, http.MethodPost, c.base.JoinPath(path), contentType, body)
	return answer, err
}

// health asks how everything stands, for which 503 is an answer like another:
// it says that all is down. The body is as it came.
func (c *hubClient) health(ctx context.Context) ([]byte, *health.Answer, error) {
	body, resp, err := c.exchange(ctx, http.MethodGet, c.base.JoinPath("/health"), "", nil)
	if err != nil {
		return nil, nil, err
	}
	var answer health.Answer
	err = json.Unmarshal(body, &answer)
	if err == nil && answer.Checks == nil {
		err = errors.New("its answer has no checks")
	}
	switch {
	case resp.StatusCode != http.StatusOK && (resp.StatusCode != http.StatusServiceUnavailable || err != nil):
		return nil, nil, newRefusal(resp, body)
	case err != nil:
		return nil, nil, notAReport(c, err)
	}
	return body, &answer, nil
}

// do returns the body and the header of an answer that is a success, or else an
// *unreachable or a *refusal.
func (c *hubClient) do(ctx context.Context, method string, u *url.URL, contentType string, body []byte) ([]byte, http.Header, error) {
	answer, resp, err := c.exchange(ctx, method, u, contentType, body)
	if err != nil {
		return nil, nil, err
	}
	if resp.StatusCode/100 != 2 {
		return nil, nil, newRefusal(resp, answer)
	}
	return answer, resp.Header, nil
}

// exchange returns the body and the rest of whatever is answered, or else an *unreachable.
func (c *hubClient) exchange(ctx context.Context, method string, u *url.URL, contentType string, body []byte) ([]byte, *http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, method, u.String(), bytes.NewReader(body))
	if err != nil {
		return nil, nil, err
	}
	req.Header.Set("Accept", "application/json")
	if body != nil {
		req.Header.Set("Content-Type", contentType)
	}
	if c.token != "" {
		req.Header.Set("Authorization", "Bearer "+c.token)
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return nil, nil, &unreachable{c.base.Redacted(), err}
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if err != nil {
		return nil, nil, &unreachable{c.base.Redacted(), err}
	}
	return answer, resp, nil
}

// newRefusal reads a problem document (RFC 9457), and makes do with any other body.
func newRefusal(resp *http.Response, body []byte) *refusal {
	r := &refusal{status: resp.StatusCode}
	if d, err := time.ParseDuration(resp.Header.Get("Retry-After") + "s"); err == nil {
		r.retryAfter = min(d, maxRetryAfter)
	}
	var problem struct {
		Title  string
		Detail string
		Errors []struct{ Location, Message string }
	}
	json.Unmarshal(body, &problem) // what is not a problem document leaves it empty
	var wrong []string
	for _, e := range problem.Errors {
		// A parameter of the query is a flag here, of the same name.
		if name, ok := strings.CutPrefix(e.Location, "query."); ok {
			wrong = append(wrong, "--"+name+": "+e.Message)
		}
	}
	status := fmt.Sprintf("%d %s", resp.StatusCode, http.StatusText(resp.StatusCode))
	r.problem = cmp.Or(strings.Join(wrong, "; "), problem.Detail, problem.Title, status)
	if resp.StatusCode == http.StatusUnauthorized || resp.StatusCode == http.StatusForbidden {
		r.problem += "; give it with --token or KYMO_TOKEN"
	}
	return r
}
