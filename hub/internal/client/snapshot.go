package client

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"time"

	"github.com/kymohq/kymo/hub/internal/snapshot"
	"github.com/kymohq/kymo/internal/printable"
)

// SnapshotPath is where a hub sends all that it keeps.
const SnapshotPath = "/api/v1/snapshot"

// stallTime is for how long a hub may send nothing of a snapshot, whose size is not
// limited: before the first byte it links, or copies, all of its files.
const stallTime = 2 * time.Minute

var errStalled = errors.New("nothing arrived for 2 minutes")

// Snapshot requests all that the hub keeps, as a stream for snapshot.Draft, which the
// caller closes. bytes is the size of the files, 0 if it is not known.
func (c *Client) Snapshot(ctx context.Context) (stream io.ReadCloser, bytes int64, err error) {
	ctx, cancel := context.WithCancelCause(ctx)
	s := &watchedBody{ctx: ctx, cancel: cancel, timer: time.AfterFunc(stallTime, func() { cancel(errStalled) })}
	resp, err := c.requestSnapshot(ctx) //nolint:bodyclose // watchedBody closes it
	if err != nil {
		err = s.because(err)
		s.end()
		return nil, 0, &UnreachableError{c.String(), err}
	}
	s.body = resp.Body
	if err := c.notASnapshot(resp, s); err != nil {
		_ = s.Close()
		return nil, 0, err
	}
	bytes, _ = strconv.ParseInt(resp.Header.Get(snapshot.SizeHeader), 10, 64)
	return s, max(bytes, 0), nil
}

func (c *Client) requestSnapshot(ctx context.Context) (*http.Response, error) {
	req, err := c.request(ctx, http.MethodPost, c.base.JoinPath(SnapshotPath), http.NoBody)
	if err != nil {
		return nil, err
	}
	unlimited := *c.http
	unlimited.Timeout = 0
	return unlimited.Do(req)
}

// notASnapshot returns the error of an answer that is no snapshot, or nil.
func (c *Client) notASnapshot(resp *http.Response, body io.Reader) error {
	media := resp.Header.Get("Content-Type")
	switch {
	case resp.StatusCode == http.StatusOK && media == snapshot.ContentType:
		return nil
	case resp.StatusCode == http.StatusOK:
		return c.notAHub(fmt.Errorf("its answer is of the type %q", printable.Clean(media)))
	}
	answer, _ := io.ReadAll(io.LimitReader(body, 64<<10)) // of what cannot be read, the status remains
	refused := newRefusal(resp, printable.JSON(answer))
	if resp.StatusCode == http.StatusNotFound || resp.StatusCode == http.StatusMethodNotAllowed {
		return fmt.Errorf("the hub at %s is too old to make snapshots (%w); stop it and copy its directory", c, refused)
	}
	return refused
}

// watchedBody is the body of an answer that may take any time while something of it
// arrives.
type watchedBody struct {
	body   io.ReadCloser
	ctx    context.Context //nolint:containedctx // that of the request
	cancel context.CancelCauseFunc
	timer  *time.Timer
}

func (s *watchedBody) Read(b []byte) (int, error) {
	n, err := s.body.Read(b)
	if n > 0 {
		s.timer.Reset(stallTime)
	}
	if err != nil && !errors.Is(err, io.EOF) {
		err = s.because(err)
	}
	return n, err
}

// because returns why the request was canceled, or else the error.
func (s *watchedBody) because(err error) error {
	if cause := context.Cause(s.ctx); cause != nil {
		return cause
	}
	return err
}

func (s *watchedBody) end() {
	s.timer.Stop()
	s.cancel(nil)
}

// Close implements io.Closer.
func (s *watchedBody) Close() error {
	s.end()
	return s.body.Close()
}
