package stacks

import (
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
)

// The crowd is clients that ask at the same time, each request by another user
// and with another body.
const (
	crowdClients = 8
	crowdEach    = 25
	crowdSize    = crowdClients * crowdEach
)

// member is one request of the crowd.
type member struct {
	request
	answer string
}

func crowdMember(client, i int) member {
	user := fmt.Sprintf("crowd %d.%d", client, i)
	mb := member{request: request{name: user, header: []string{caseHeader, "crowd", userHeader, user}}}
	switch i % 4 {
	case 0:
		mb.method, mb.path, mb.want.endpoint = "GET", fmt.Sprintf("/users/%d", client*crowdEach+i), "/users/{id}"
		mb.answer = fmt.Sprintf(`{"id":"%d","user":%q,"form":""}`, client*crowdEach+i, user)
	case 1:
		mb.method, mb.path, mb.want.endpoint = "POST", "/echo", "/echo"
		mb.body = strings.Repeat(user+" ", 40*i)
		mb.answer = user + ":" + mb.body
	case 2:
		mb.method, mb.path, mb.want.endpoint, mb.want.stream = "GET", "/stream", "/stream", true
		mb.answer = strings.Replace("data: 0 for U\n\ndata: 1 for U\n\ndata: 2 for U\n\n", "U", user, 3)
	case 3:
		mb.method, mb.path, mb.want.endpoint = "GET", "/text", "/text"
		mb.answer = long
	}
	if i%3 == 0 {
		mb.header = append(mb.header, "Accept-Encoding", "gzip")
	}
	return mb
}

// crowd asks v by many clients at once and returns how many requests that were.
func (s *stack) crowd(t *testing.T, v *server) int {
	var wg sync.WaitGroup
	for c := range crowdClients {
		wg.Go(func() {
			for i := range crowdEach {
				mb := crowdMember(c, i)
				if err := mb.try(v.client); err != nil {
					t.Errorf("%s: %v", mb.name, err)
					return
				}
			}
		})
	}
	wg.Wait()
	return crowdSize
}

func (mb *member) try(c *client) error {
	ctx, cancel := contextOf(patience)
	defer cancel()
	resp, err := c.shared.Do(c.new(ctx, &mb.request))
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	var body io.Reader = resp.Body
	if resp.Header.Get("Content-Encoding") == "gzip" {
		if body, err = gzip.NewReader(body); err != nil {
			return err
		}
	}
	b, err := io.ReadAll(body)
	if err != nil {
		return err
	}
	if resp.StatusCode != http.StatusOK || string(b) != mb.answer {
		return fmt.Errorf("got %d %q, want %q", resp.StatusCode, cut(string(b)), cut(mb.answer))
	}
	return context.Cause(ctx)
}

// checkCrowd looks for one record of each member.
func (s *stack) checkCrowd(t *testing.T, rs []record) {
	byUser := make(map[string]record, len(rs))
	for _, r := range rs {
		byUser[r.User] = r
	}
	for c := range crowdClients {
		for i := range crowdEach {
			mb := crowdMember(c, i)
			want := mb.want
			if s.unrouted {
				want.endpoint = unmatched
			} else if s.endpoint != "" {
				want.endpoint = s.endpoint
			}
			r, ok := byUser[mb.name]
			if !ok || r.Endpoint != want.endpoint || r.Status != 200 || r.Method != mb.method || r.Lifetime != 0 != want.stream {
				t.Fatalf("of %+v is recorded %+v", mb.request, r)
			}
		}
	}
}
