// Package client is the command's HTTP client for a hub. A Client is made from the
// hub's URL and token; Get returns an answer as received, while Performance, Endpoints,
// Health and History decode theirs, Snapshot returns a stream, and Send delivers a batch. An error is an
// *UnreachableError, a *RefusalError, or states that the answer is not a hub's. Their texts are
// for users of the command, and mention its flags.
package client

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"
	"time"

	"github.com/kymohq/kymo/internal/printable"
)

// Client sends requests to one hub.
type Client struct {
	base  *url.URL
	token string
	http  *http.Client
}

const (
	// answerTime is the max time for one answer. A report over 168 h takes milliseconds;
	// an overloaded hub may take seconds.
	answerTime = 30 * time.Second
	// maxAnswer limits an answer: an endpoint's row is about 500 bytes, and a
	// service has at most some thousand endpoints.
	maxAnswer = 256 << 20
)

// New returns a client of the hub at a URL of http or https. The token, which may
// be empty, goes with each request.
func New(hub, token string) (*Client, error) {
	base, err := url.Parse(hub)
	if err != nil || (base.Scheme != "http" && base.Scheme != "https") || base.Host == "" {
		// Without the text: a URL can hold a password.
		return nil, errors.New("not a URL of http or https with a host; write it like http://127.0.0.1:5966")
	}
	return &Client{base: base, token: token, http: &http.Client{
		Timeout: answerTime,
		// A redirect does not lead to the hub that was named.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}, nil
}

// String returns the hub's URL without its password.
func (c *Client) String() string { return c.base.Redacted() }

// Get requests a path and returns the body and the header of a successful answer.
func (c *Client) Get(ctx context.Context, path string, query url.Values) ([]byte, http.Header, error) {
	u := c.base.JoinPath(path)
	u.RawQuery = query.Encode()
	return c.do(ctx, http.MethodGet, u, "", nil)
}

// do returns the body and the header of a successful answer, or an *UnreachableError or a
// *RefusalError.
func (c *Client) do(ctx context.Context, method string, u *url.URL, contentType string, body []byte) ([]byte, http.Header, error) {
	answer, resp, err := c.exchange(ctx, method, u, contentType, body) //nolint:bodyclose // exchange has closed it
	if err != nil {
		return nil, nil, err
	}
	if resp.StatusCode/100 != 2 {
		return nil, nil, newRefusal(resp, answer)
	}
	return answer, resp.Header, nil
}

// exchange returns the body and the rest of any answer, or an *UnreachableError.
func (c *Client) exchange(ctx context.Context, method string, u *url.URL, contentType string, body []byte) ([]byte, *http.Response, error) {
	req, err := c.request(ctx, method, u, bytes.NewReader(body))
	if err != nil {
		return nil, nil, err
	}
	req.Header.Set("Accept", "application/json")
	if body != nil {
		req.Header.Set("Content-Type", contentType)
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return nil, nil, &UnreachableError{c.String(), err}
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	answer = printable.JSON(answer) // It is for terminals, whatever the hub let pass.
	if err != nil {
		return nil, nil, &UnreachableError{c.String(), err}
	}
	return answer, resp, nil
}

// request returns a request with the client's token.
func (c *Client) request(ctx context.Context, method string, u *url.URL, body io.Reader) (*http.Request, error) {
	req, err := http.NewRequestWithContext(ctx, method, u.String(), body)
	if err == nil && c.token != "" {
		req.Header.Set("Authorization", "Bearer "+c.token)
	}
	return req, err
}
