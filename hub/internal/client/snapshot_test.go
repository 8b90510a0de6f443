package client

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/kymohq/kymo/hub/internal/snapshot"
)

func TestSnapshot(t *testing.T) {
	for size, want := range map[string]int64{"7": 7, "": 0, "-1": 0, "many": 0} {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if got := r.Method + " " + r.URL.Path + " " + r.Header.Get("Authorization"); got != "POST /hub/api/v1/snapshot Bearer secret" {
				t.Errorf("asked %s", got)
			}
			w.Header().Set("Content-Type", snapshot.ContentType)
			w.Header().Set(snapshot.SizeHeader, size)
			io.WriteString(w, "stream")
		}))
		defer server.Close()
		c, err := New(server.URL+"/hub", "secret")
		if err != nil {
			t.Fatal(err)
		}
		stream, bytes, err := c.Snapshot(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(stream)
		if err := errors.Join(err, stream.Close()); string(got) != "stream" || bytes != want || err != nil {
			t.Errorf("got %q of %d bytes, %v", got, bytes, err)
		}
	}
}

// silent answers a request when it is over, and sends the beginning of the answer before
// that if it has one.
type silent struct {
	begin  string
	answer bool
}

func (s silent) RoundTrip(r *http.Request) (*http.Response, error) {
	if !s.answer {
		<-r.Context().Done()
		return nil, context.Cause(r.Context())
	}
	return &http.Response{
		StatusCode: http.StatusOK, Header: http.Header{"Content-Type": {snapshot.ContentType}},
		Body: io.NopCloser(io.MultiReader(strings.NewReader(s.begin), untilDone{r.Context()})),
	}, nil
}

type untilDone struct{ ctx context.Context }

func (u untilDone) Read([]byte) (int, error) {
	<-u.ctx.Done()
	return 0, u.ctx.Err()
}

// A hub that sends nothing is given up after a while; it may send for as long as it likes.
func TestSnapshotOfASilentHub(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, err := New("http://hub", "")
		if err != nil {
			t.Fatal(err)
		}
		c.http.Transport = silent{}
		if _, _, err := c.Snapshot(t.Context()); !errors.Is(err, errStalled) || !strings.Contains(err.Error(), "(nothing arrived for 2 minutes)") {
			t.Errorf("without an answer: %v", err)
		}
		c.http.Transport = silent{"stream", true}
		stream, _, err := c.Snapshot(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if got, err := io.ReadAll(stream); string(got) != "stream" || !errors.Is(err, errStalled) {
			t.Errorf("got %q, %v", got, err)
		}
		if err := stream.Close(); err != nil {
			t.Error(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		c.http.Transport = silent{}
		if _, _, err := c.Snapshot(ctx); !errors.Is(err, context.Canceled) {
			t.Errorf("canceled: %v", err)
		}
	})
}
