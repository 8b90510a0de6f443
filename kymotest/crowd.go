package kymotest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"
)

// A crowd is this many clients at once, each with this many requests.
const (
	crowdClients = 12
	crowdEach    = 30
)

// crowdRequest makes the nth request of a crowd: all are different, and so are the
// sizes of what they are answered with.
func (a *Adapter) crowdRequest(n int) testCase {
	id := strings.Repeat("x", n%97) + fmt.Sprintf("-%d", n)
	switch n % 5 {
	case 0:
		if a.Unsupported[Mounts] == "" {
			return testCase{method: "GET", target: "/teams/1/members/" + id, endpoint: "/teams/{team}/members/{member}", status: 200, user: id}
		}
	case 1:
		if a.Unsupported[Unmatched] == "" {
			return testCase{method: "GET", target: "/none/" + id, endpoint: unmatched, status: 404}
		}
	case 2:
		return testCase{method: "POST", target: "/users", body: id, endpoint: "/users", status: 201}
	case 3:
		return testCase{method: "GET", target: "/fails", endpoint: "/fails", status: 409}
	}
	return testCase{method: "GET", target: "/users/" + id, endpoint: "/users/{id}", status: 200, user: id}
}

// verifyCrowd makes many requests at once, and checks that each got its own answer
// and was recorded as itself.
func verifyCrowd(a Adapter, p protocol, limit time.Duration) error {
	sink := new(Sink)
	m := newMonitor(sink)
	s, stop := serve(a.New(Setup{Monitor: m}), p, newPause(), limit)
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()

	var mu sync.Mutex
	var want []string
	var problems []error
	var clients sync.WaitGroup
	for i := range crowdClients {
		clients.Go(func() {
			for n := i * crowdEach; n < (i+1)*crowdEach; n++ {
				c := a.crowdRequest(n)
				size, err := c.askAmong(ctx, s.Client(), s.URL)
				mu.Lock()
				if err != nil {
					problems = append(problems, err)
				}
				want = append(want, crowdLine(c.method, c.endpoint, c.status, c.user, size))
				mu.Unlock()
			}
		})
	}
	clients.Wait()
	if err := errors.Join(stop(), m.Close(context.Background())); err != nil {
		problems = append(problems, err)
	}
	var got []string
	for _, r := range sink.Requests() {
		got = append(got, crowdLine(r.Method, r.Endpoint, r.Status, r.User, r.Size))
	}
	slices.Sort(want)
	slices.Sort(got)
	problems = append(problems, firstDifference(got, want))
	return errors.Join(problems...)
}

// askAmong makes the request with a client that others use, and returns the size
// of the answer's body.
func (c *testCase) askAmong(ctx context.Context, client *http.Client, url string) (int64, error) {
	req, err := http.NewRequestWithContext(ctx, c.method, url+c.target, strings.NewReader(c.body))
	if err != nil {
		return 0, err
	}
	resp, err := client.Transport.RoundTrip(req)
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return 0, err
	}
	if own := c.user + c.body; resp.StatusCode != c.status || !strings.Contains(string(body), own) {
		return 0, fmt.Errorf("%s %s with body %q was answered with %d and %q", c.method, c.target, c.body, resp.StatusCode, body)
	}
	return int64(len(body)), nil
}

func crowdLine(method, endpoint string, status int, user string, size int64) string {
	return fmt.Sprintf("%s %s, %d, user %q, %d bytes", method, endpoint, status, user, size)
}

// firstDifference compares two sorted lists.
func firstDifference(got, want []string) error {
	if len(got) != len(want) {
		return fmt.Errorf("%d of %d requests were recorded", len(got), len(want))
	}
	for i := range want {
		if got[i] != want[i] {
			return fmt.Errorf("recorded %s; answered %s", got[i], want[i])
		}
	}
	return nil
}
