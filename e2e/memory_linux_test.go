package e2e

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/kymohq/kymo/internal/wire"
)

// mostMemory is the maximum memory of a hub, whatever it is sent.
const mostMemory = 300 << 20

// memory returns a size in bytes from the hub's /proc/PID/status.
func (h *hub) memory(t *testing.T, name string) int64 {
	t.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", h.command.Process.Pid))
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(status), "\n"+name+":")
	value, _, _ := strings.Cut(strings.TrimSpace(rest), " kB")
	kb, err := strconv.ParseInt(value, 10, 64)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return kb << 10
}

// Any number of raw paths, such as a scanner's, become a bounded number of endpoints and
// take a bounded amount of memory. Every request counts.
func TestManyPaths(t *testing.T) {
	const (
		paths         = 200_000
		perBody       = 10_000
		mostEndpoints = 1000 + 1 // what a service may have, and what is over
		side          = 60       // cubed, it is more than half of the paths
	)
	r := random(t)
	h := startHub(t, t.TempDir())
	// One service has all its values in one place. The other has them in three,
	// few enough in each that no place is plainly for values.
	flat := func(i int) string { return fmt.Sprintf("/wp-content/plugin-x%dy/readme.txt", i) }
	grid := func(i int) string {
		return fmt.Sprintf("/a%dx/b%dx/c%dx", i%side, i/side%side, i/side/side)
	}
	post := func(order []int) {
		var body bytes.Buffer
		for _, i := range order {
			service, path := "flat", flat(i)
			if i%2 == 0 {
				service, path = "grid", grid(i/2)
			}
			fmt.Fprintf(&body, `{"service":%q,"endpoint":%q,"method":"GET","response_time_ms":%d,"status_code":404}`+"\n",
				service, path, 1+i%7)
		}
		h.mustPost(requestsPath, body.Bytes(), len(order), asLines...)
	}
	check := func(when string, want int) {
		t.Helper()
		endpoints, sum, other := make(map[string]int), 0, 0
		rows, _ := h.rows(1)
		for _, row := range rows {
			endpoints[row.Service]++
			sum += row.TotalRequests
			if row.Endpoint == wire.Other {
				other += row.TotalRequests
			}
		}
		for service, n := range endpoints {
			if n > mostEndpoints {
				t.Errorf("%s: service %s has %d endpoints", when, service, n)
			}
		}
		p := h.report(1, nil)
		if len(endpoints) != 2 || sum != want || p.TotalRequests != want || p.Trust.Overflowed != uint64(other) || other == 0 {
			t.Errorf("%s: %d requests of %v, %d in all, of which %d are under (other), which the report says of %d; want %d",
				when, sum, endpoints, p.TotalRequests, other, p.Trust.Overflowed, want)
		}
		if size := h.memory(t, "VmRSS"); size > mostMemory {
			t.Errorf("%s: the hub takes %d MB", when, size>>20)
		}
	}
	order := r.Perm(paths)
	for from := 0; from < paths; from += perBody {
		post(order[from : from+perBody])
	}
	check("at first", paths)
	h.kill()
	h.start()
	check("after another start", paths)
	post(shifted(r, paths, perBody))
	check("with new paths", paths+perBody)
}

// shifted returns n consecutive numbers from first on, in any order.
func shifted(r *rand.Rand, first, n int) []int {
	order := r.Perm(n)
	for i := range order {
		order[i] += first
	}
	return order
}
