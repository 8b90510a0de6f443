package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/kymohq/kymo/internal/serverstest"
)

// Two hubs on one PostgreSQL have every request that either acknowledged, once,
// though one of them is killed and the database ends connections and restarts.
// While it is away, the hub reports that, and nothing else.
func TestPostgresStore(t *testing.T) {
	const rounds = 9
	server := serverstest.Postgres(t)
	server.SQL("CREATE DATABASE kymo")
	url := server.URL("postgres", serverstest.PostgresPassword, "kymo")
	r := random(t)
	hubs := []*hub{startHub(t, url), startHub(t, url)}
	o := new(oracle)

	var acknowledged atomic.Int64
	var clients sync.WaitGroup
	stop := make(chan struct{})
	for i, h := range []*hub{hubs[0], hubs[0], hubs[1]} {
		mine := split(r)
		s := &sender{t, h, mine, batchMaker(mine, "batches", fmt.Sprintf("sender-%d", i), 600), &acknowledged, o}
		clients.Go(func() { s.run(20*time.Millisecond, stop) })
	}
	mine := split(r)
	posts := &sender{t, hubs[1], mine, arrayMaker(mine, "arrays", "sender", 40), &acknowledged, o}
	clients.Go(func() { posts.run(20*time.Millisecond, stop) })
	t.Cleanup(clients.Wait)

	for round := range rounds {
		target := acknowledged.Load() + r.Int64N(60)
		eventually(t, 60*time.Second, "senders go on", func() bool { return acknowledged.Load() >= target || t.Failed() })
		switch round % 3 {
		case 0:
			hubs[0].kill()
			hubs[0].start()
		case 1:
			server.SQL(`SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'kymo'`)
		case 2:
			server.Stop()
			server.Start()
		}
	}
	close(stop)
	clients.Wait()
	for _, h := range hubs {
		o.checkAll(t, h, 168)
	}

	refused(t, hubs[0].url, filepath.Join(t.TempDir(), "copy"), `^kymo: the hub answered: this hub keeps its data in a database server; copy it with that server's tools, such as pg_dump `)

	// One that saw none of the restarts: to the other the store may seem to flap.
	hubs[1].stop()
	hubs[1].start()
	server.Stop()
	var found struct {
		Status string
		Checks map[string]struct{ Status, Reason string }
	}
	eventually(t, 60*time.Second, "the hub says that its store is away", func() bool {
		hubs[1].get("/health", &found)
		return found.Checks["store"].Status == "down"
	})
	if found.Status != "degraded" || len(found.Checks) != 1 || strings.Contains(found.Checks["store"].Reason, serverstest.PostgresPassword) {
		t.Errorf("without its store the hub says %+v", found)
	}
	server.Start()
	eventually(t, 60*time.Second, "the hub has its store again", func() bool {
		hubs[1].get("/health", &found)
		return found.Status == "healthy"
	})
	for _, h := range hubs {
		h.stop()
		h.start()
		o.checkAll(t, h, 168)
		log, err := os.ReadFile(h.logFile())
		if err != nil || strings.Contains(string(log), serverstest.PostgresPassword) {
			t.Errorf("the log holds the password, or %v", err)
		}
	}
	keepsMaintenance(t, url)
}
