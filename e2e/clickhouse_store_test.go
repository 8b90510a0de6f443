package e2e

import (
	"fmt"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/kymohq/kymo/internal/serverstest"
)

// Two hubs on one ClickHouse have every request that either acknowledged, once,
// though hubs are killed in the middle of a write and the server is restarted.
func TestClickHouseStore(t *testing.T) {
	const password = "of-the-default-user"
	server := serverstest.ClickHouse(t, password)
	url := server.URL("default", password, "kymo")
	r := random(t)
	hubs := []*hub{startHub(t, url), startHub(t, url)}
	o := new(oracle)

	var acknowledged atomic.Int64
	var clients sync.WaitGroup
	stop := make(chan struct{})
	for i, h := range hubs {
		mine := split(r)
		batches := &sender{t, h, mine, batchMaker(mine, "batches", fmt.Sprintf("sender-%d", i), 600), &acknowledged, o}
		clients.Go(func() { batches.run(20*time.Millisecond, stop) })
		mine = split(r)
		posts := &sender{t, h, mine, arrayMaker(mine, "arrays", fmt.Sprintf("poster-%d", i), 40), &acknowledged, o}
		clients.Go(func() { posts.run(20*time.Millisecond, stop) })
	}
	t.Cleanup(clients.Wait)

	for round := range 4 {
		// What a killed hub had announced is left alone for 25 s, and then sent again.
		target := acknowledged.Load() + 4 + r.Int64N(8)
		eventually(t, 2*time.Minute, "senders go on", func() bool { return acknowledged.Load() >= target || t.Failed() })
		switch round % 3 {
		case 0, 1:
			hubs[round%3].kill()
			hubs[round%3].start()
		case 2:
			server.Stop()
			server.Start()
		}
	}
	target := acknowledged.Load() + 8
	eventually(t, 2*time.Minute, "senders go on", func() bool { return acknowledged.Load() >= target || t.Failed() })
	close(stop)
	clients.Wait()
	for _, h := range hubs {
		o.checkAll(t, h, 168)
		log, err := os.ReadFile(h.logFile())
		if err != nil || strings.Contains(string(log), password) {
			t.Errorf("the log holds the password, or %v", err)
		}
	}
	keepsMaintenance(t, url)
}
