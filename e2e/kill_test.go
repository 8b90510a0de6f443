package e2e

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// A hub that is killed at any moment has every request that it acknowledged,
// and each of them once, however often a sender that got no answer repeats it.
func TestKill(t *testing.T) {
	const importRows = 100_000
	rounds := 24
	if testing.Short() {
		rounds = 8
	}
	r := random(t)
	h := startHub(t, t.TempDir())
	o := new(oracle)

	var acknowledged atomic.Int64
	var clients sync.WaitGroup
	stop := make(chan struct{})
	for i := range 3 {
		mine := split(r)
		s := &sender{t, h, mine, batchMaker(mine, "batches", fmt.Sprintf("sender-%d", i), 600), &acknowledged, o}
		clients.Go(func() { s.run(10*time.Millisecond, stop) })
	}
	mine := split(r)
	posts := &sender{t, h, mine, arrayMaker(mine, "arrays", "sender", 40), &acknowledged, o}
	clients.Go(func() { posts.run(10*time.Millisecond, stop) })
	var services []*service
	for _, name := range []string{"orders", "orders", "stock"} {
		s := newService(t, name, h.url)
		services = append(services, s)
		mine := split(r)
		clients.Go(func() { s.use(mine, 3*time.Millisecond, stop) })
	}

	t.Cleanup(clients.Wait) // Before the services go, if the test fails.

	kills, inImport := 0, 0
	kill := func() { h.kill(); kills++ }
	var finish []func()
	for round := range rounds {
		target := acknowledged.Load() + r.Int64N(150)
		eventually(t, time.Minute, "senders go on", func() bool { return acknowledged.Load() >= target || t.Failed() })
		switch round % 4 {
		case 1: // in the middle of an import
			fromFile, importerToo := round%8 == 1, round%16 == 1
			events := makeEvents(r, fmt.Sprintf("import-%d", round), importRows, time.Now())
			i := startImport(t, h, events, fromFile)
			kill()
			if i.underWay() {
				inImport++
			}
			if importerToo {
				i.kill()
			}
			o.add(events...)
			finish = append(finish, func() { i.finish(importerToo) })
		case 3: // and again while it starts
			kill()
			h.launch()
			<-time.After(time.Duration(r.Int64N(int64(50 * time.Millisecond))))
			kill()
		default:
			kill()
		}
		h.start()
	}
	for _, f := range finish {
		f()
	}
	close(stop)
	clients.Wait()
	counts := []map[series]int{o.counts()}
	for _, s := range services {
		s.mustClose()
		counts = append(counts, s.counts())
	}

	if kills < rounds || inImport < rounds/8 {
		t.Errorf("%d kills, %d of them in an import: too few to tell anything", kills, inImport)
	}
	t.Logf("%d kills, %d of them in an import; %d bodies and %d requests", kills, inImport, acknowledged.Load(), len(o.events))
	check := func(when string) {
		checkCounts(t, h, when, counts...)
		o.checkServices(t, h, 168)
	}
	check("at the end")
	for _, restart := range restarts {
		restart.end(h)
		h.start()
		check("after it was " + restart.name)
	}
}
