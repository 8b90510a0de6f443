package kymo

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/kymohq/kymo/internal/wire"
)

// How the hub takes batches:
//
//	POST /api/v1/batches
//	Content-Type: application/vnd.kymo.batch
//	Authorization: Bearer <token>
//
//	202 {"accepted": <requests>, "duplicate": <bool>}
//
// Only this answer, complete, means that the batch is durable: a proxy on the way may
// well answer 200 to anything.
const (
	batchesPath   = "/api/v1/batches"
	maxAnswer     = 4 << 10
	maxRetryAfter = 30 * time.Second
)

// httpSink ships to a hub over HTTP.
type httpSink struct {
	url    string
	token  string
	client *http.Client
}

func newHTTPSink(hub, token string) (*httpSink, error) {
	u, err := url.Parse(hub)
	if err != nil {
		// The error of url.Parse contains the address, which may have a password.
		return nil, errors.New("the hub's address cannot be parsed; it should look like " + DefaultHub)
	}
	if u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return nil, fmt.Errorf("the hub's address %q should look like %s", u.Redacted(), DefaultHub)
	}
	for _, c := range []byte(token) {
		if c <= ' ' || c >= 0x7f {
			return nil, errors.New("the token contains a space or a character that is not ASCII")
		}
	}
	// Not http.DefaultTransport: if the service has instrumented that, shipping would be
	// recorded as its traffic.
	transport := &http.Transport{
		Proxy:               http.ProxyFromEnvironment,
		DialContext:         (&net.Dialer{Timeout: 5 * time.Second}).DialContext,
		TLSHandshakeTimeout: 5 * time.Second,
		MaxIdleConns:        1,
		IdleConnTimeout:     90 * time.Second,
		DisableCompression:  true,
	}
	return &httpSink{
		url:   u.JoinPath(batchesPath).String(),
		token: token,
		client: &http.Client{
			Transport: transport,
			// A redirect would turn the POST into a GET, whose answer would mean nothing.
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
	}, nil
}

func (s *httpSink) Ship(ctx context.Context, batch []byte) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, s.url, bytes.NewReader(batch))
	if err != nil {
		return fmt.Errorf("asking the hub: %w", err)
	}
	req.Header.Set("Content-Type", wire.ContentType)
	if s.token != "" {
		req.Header.Set("Authorization", "Bearer "+s.token)
	}
	resp, err := s.client.Do(req)
	if err != nil {
		return fmt.Errorf("asking the hub: %w", err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer+1))
	if err != nil && resp.StatusCode == http.StatusAccepted {
		return fmt.Errorf("reading the hub's answer: %w", err)
	}
	return judge(resp, body)
}

// judge returns nil if the hub's answer means that the batch is durable, and otherwise
// an error: one that wraps ErrRejected, or a *hubError, after which it is sent again.
func judge(resp *http.Response, body []byte) error {
	switch resp.StatusCode {
	case http.StatusAccepted:
		if acknowledges(body) {
			return nil
		}
		return &hubError{status: resp.StatusCode, text: "its body is not a hub's acknowledgement"}
	case http.StatusBadRequest, http.StatusRequestEntityTooLarge,
		http.StatusUnsupportedMediaType, http.StatusUnprocessableEntity:
		return fmt.Errorf("the hub answered %s: %s: %w", resp.Status, excerpt(body), ErrRejected)
	case http.StatusUnauthorized, http.StatusForbidden:
		return &hubError{status: resp.StatusCode, text: "the token is missing or wrong (WithToken, KYMO_TOKEN)"}
	case http.StatusTooManyRequests:
		// From a hub after too many wrong tokens, or from a proxy that is busy.
		return &hubError{status: resp.StatusCode, text: "it is busy, or the token is wrong (WithToken, KYMO_TOKEN)", after: retryAfter(resp.Header.Get("Retry-After"))}
	case http.StatusServiceUnavailable:
		return &hubError{status: resp.StatusCode, text: "it is busy", after: retryAfter(resp.Header.Get("Retry-After"))}
	}
	return &hubError{status: resp.StatusCode, text: excerpt(body)}
}

func acknowledges(body []byte) bool {
	var answer struct {
		Accepted  *uint64 `json:"accepted"`
		Duplicate *bool   `json:"duplicate"`
	}
	return len(body) <= maxAnswer && json.Unmarshal(body, &answer) == nil &&
		answer.Accepted != nil && answer.Duplicate != nil
}

// excerpt returns the part of an answer that fits into a log line.
func excerpt(body []byte) string {
	return wire.Clean(string(body[:min(len(body), 200)]), 200)
}

// retryAfter reads the header's seconds or date (RFC 9110, 10.2.3).
func retryAfter(value string) time.Duration {
	var d time.Duration
	if seconds, err := strconv.ParseUint(value, 10, 31); err == nil {
		d = time.Duration(seconds) * time.Second
	} else if at, err := http.ParseTime(value); err == nil {
		d = time.Until(at)
	}
	return max(0, min(d, maxRetryAfter))
}

// hubError is an answer of the hub after which the batch is sent again.
type hubError struct {
	status int
	text   string
	after  time.Duration // the minimum wait before the next attempt
}

func (e *hubError) Error() string {
	return fmt.Sprintf("the hub answered %d: %s", e.status, e.text)
}

func (s *httpSink) close() { s.client.CloseIdleConnections() }

// unusable replaces a sink with an invalid configuration: requests must not be sent to
// another place than the configured one.
type unusable struct{ err error }

func (s unusable) Ship(context.Context, []byte) error { return s.err }
