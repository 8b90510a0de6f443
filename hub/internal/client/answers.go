package client

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/kymohq/kymo/health"
	"github.com/kymohq/kymo/hub/internal/report"
)

// Paths of the answers that are decoded here, for Get.
const (
	PerformancePath = "/metrics/performance"
	EndpointsPath   = "/metrics/endpoints"
	HistoryPath     = "/api/v1/health/history"
	healthPath      = "/health"
	retentionPath   = "/api/v1/retention"
)

// MaxHours is the longest window that a hub reports on.
const MaxHours = 168

// Performance asks for the report of a window. The query is the API's: hours,
// service, endpoint, method.
func (c *Client) Performance(ctx context.Context, query url.Values) (*report.Performance, error) {
	body, _, err := c.Get(ctx, PerformancePath, query)
	if err != nil {
		return nil, err
	}
	p := new(report.Performance)
	return p, c.decode(body, p)
}

// Endpoints is the rows of a window, and what the answer's headers add.
type Endpoints struct {
	Rows   []report.Endpoint
	Total  int // of all rows; those beyond the query's limit are not in Rows
	Window report.Window
	Trust  report.Trust // Dropped and Overflowed only
}

// Endpoints asks for the numbers of each endpoint. The query is the API's: that of
// Performance, sort and limit.
func (c *Client) Endpoints(ctx context.Context, query url.Values) (*Endpoints, error) {
	body, header, err := c.Get(ctx, EndpointsPath, query)
	if err != nil {
		return nil, err
	}
	e := new(Endpoints)
	if err := c.decode(body, &e.Rows); err != nil {
		return nil, err
	}
	e.Total, _ = strconv.Atoi(header.Get("X-Total-Count"))
	e.Window.From, _ = time.Parse(time.RFC3339Nano, header.Get("Kymo-Window-From"))
	e.Window.To, _ = time.Parse(time.RFC3339Nano, header.Get("Kymo-Window-To"))
	e.Window.Hours = e.Window.To.Sub(e.Window.From).Hours()
	e.Trust.Dropped, _ = strconv.ParseUint(header.Get("Kymo-Dropped"), 10, 64)
	e.Trust.Overflowed, _ = strconv.ParseUint(header.Get("Kymo-Overflowed"), 10, 64)
	return e, nil
}

// Health requests the status of all checks, and returns it with the body as received.
// 503 is an answer like 200: the overall status is down.
func (c *Client) Health(ctx context.Context) (*health.Answer, []byte, error) {
	body, resp, err := c.exchange(ctx, http.MethodGet, c.base.JoinPath(healthPath), "", nil) //nolint:bodyclose // exchange has closed it
	if err != nil {
		return nil, nil, err
	}
	answer := new(health.Answer)
	err = json.Unmarshal(body, answer)
	if err == nil && answer.Checks == nil {
		err = errors.New("the answer has no checks")
	}
	switch {
	case resp.StatusCode != http.StatusOK && (resp.StatusCode != http.StatusServiceUnavailable || err != nil):
		return nil, nil, newRefusal(resp, body)
	case err != nil:
		return nil, nil, c.notAHub(err)
	}
	return answer, body, nil
}

// History requests the results of one check, and returns them with the body as
// received. The query is the API's: name, hours.
func (c *Client) History(ctx context.Context, query url.Values) (*report.History, []byte, error) {
	body, _, err := c.Get(ctx, HistoryPath, query)
	if err != nil {
		return nil, nil, err
	}
	h := new(report.History)
	return h, body, c.decode(body, h)
}

func (c *Client) decode(body []byte, into any) error {
	if err := json.Unmarshal(body, into); err != nil {
		return c.notAHub(err)
	}
	return nil
}

// notAHub is the error of an answer that cannot be decoded.
func (c *Client) notAHub(err error) error {
	return fmt.Errorf("the server at %s is not a Kymo hub of this version: %w", c, err)
}

// Retention asks since when requests are kept, and returns that with the body as received.
func (c *Client) Retention(ctx context.Context) (*report.Retention, []byte, error) {
	body, _, err := c.Get(ctx, retentionPath, nil)
	return c.retention(body, err)
}

// LowerFloor asks the hub to move the floor of its store back to an instant, and returns
// the retention from then on with the body as received.
func (c *Client) LowerFloor(ctx context.Context, to time.Time) (*report.Retention, []byte, error) {
	request, err := json.Marshal(map[string]time.Time{"floor": to})
	if err != nil {
		return nil, nil, err
	}
	body, _, err := c.do(ctx, http.MethodPost, c.base.JoinPath(retentionPath), "application/json", request)
	return c.retention(body, err)
}

func (c *Client) retention(body []byte, err error) (*report.Retention, []byte, error) {
	if err != nil {
		return nil, nil, err
	}
	r := new(report.Retention)
	return r, body, c.decode(body, r)
}
