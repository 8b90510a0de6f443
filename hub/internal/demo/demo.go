// Package demo runs a small shop under load, watched by a hub. The shop (shop.go)
// is a service with the SDK in it; its PostgreSQL and its Redis are stand-ins
// (standin.go, database.go, redis.go) that speak their protocols, so that the hub's
// checks and the shop's clients (clients.go) are real. Customers (load.go) use the
// shop over HTTP at a steady rate. Meanwhile the live view (live.go) shows what the
// hub answers, and keys (controls.go) make trouble. At the end Run returns what was
// sent and what the hub counted.
package demo

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/kymohq/kymo"
	"github.com/kymohq/kymo/health"
	"github.com/kymohq/kymo/hub/internal/client"
	"github.com/kymohq/kymo/hub/internal/report"
	"github.com/kymohq/kymo/hub/internal/term"
	"github.com/kymohq/kymo/hub/internal/webserver"
)

// Config is what a demo needs.
type Config struct {
	Hub      *client.Client // gets the shop's numbers, and checks the backends
	Backends *Backends      // that were started
	Rate     int            // requests a second
	Length   time.Duration  // after which it ends by itself; 0 is never
	Stdin    io.Reader      // keys; may be nil
	Stdout   io.Writer      // the live view
	Screen   term.Screen    // what Stdout is
	Logger   *slog.Logger
}

// demo is a running demo. Its parts stop in the order load, shop, monitor, so that
// each still has everything it needs to finish.
type demo struct {
	Config
	service  string
	shopURL  string
	load     *load
	begun    time.Time
	controls *controls
}

// Run runs the shop and its customers for a while, or until ctx is done or a key
// ends it.
func Run(ctx context.Context, c Config) (*Result, error) {
	d := &demo{Config: c, begun: time.Now()}
	var err error
	if d.service, err = d.freeService(ctx); err != nil {
		return nil, err
	}
	database, err := newDatabaseClient(c.Backends.databaseURL())
	if err != nil {
		return nil, err
	}
	defer database.close()
	cache, err := newCacheClient(c.Backends.redisURL())
	if err != nil {
		return nil, err
	}
	defer cache.Close()
	shop := newShop(database, cache)
	monitor := kymo.New(d.service, kymo.WithHub(c.Hub.String()), kymo.WithLogger(c.Logger))
	monitor.Check("stock", health.Func(shop.stock), health.Every(2*time.Second))
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	server := webserver.Start(l, monitor.Middleware(shop.handler()), c.Logger)
	d.shopURL = server.URL()

	d.customers(ctx)
	// The shop has answered, but a handler returns, and is recorded, a little
	// after its answer is out: wait for it.
	if err := server.Stop(webserver.StopTime); err != nil {
		c.Logger.Error("demo", "error", err)
	}
	closing, cancel := context.WithTimeout(context.Background(), webserver.StopTime)
	defer cancel()
	if err := monitor.Close(closing); err != nil {
		c.Logger.Error("demo", "error", err)
	}
	return d.result(monitor)
}

// customers sends requests and shows what comes of them, until the demo ends.
func (d *demo) customers(ctx context.Context) {
	ctx, quit := context.WithCancel(ctx)
	defer quit()
	if d.Length > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, d.Length)
		defer cancel()
	}
	d.controls = newControls(d.Backends, quit)
	d.load = newLoad(d.shopURL, d.Rate)
	loaded := make(chan struct{})
	go func() {
		defer close(loaded)
		d.load.run(ctx)
	}()
	restore := d.controls.read(d.Stdin, d.Screen)
	defer restore() // after a panic too: a terminal that stays raw is unusable
	d.show(ctx)
	<-loaded
}

// freeService returns a name that no request in the store has, so that the
// numbers are this demo's alone.
func (d *demo) freeService(ctx context.Context) (string, error) {
	for n := 1; ; n++ {
		name := "shop"
		if n > 1 {
			name += "-" + strconv.Itoa(n)
		}
		p, err := d.performance(ctx, name)
		if err != nil || p.TotalRequests == 0 {
			return name, err
		}
	}
}

// performance is the hub's report on a service over the longest window: all of a
// demo is in it. A service that the hub does not know has had no requests.
func (d *demo) performance(ctx context.Context, service string) (*report.Performance, error) {
	p, err := d.Hub.Performance(ctx, url.Values{"hours": {strconv.Itoa(client.MaxHours)}, "service": {service}})
	if unknownService(err) {
		return new(report.Performance), nil
	}
	return p, err
}

// unknownService reports whether the hub answered that there is no such service.
func unknownService(err error) bool {
	refusal, ok := errors.AsType[*client.RefusalError](err)
	return ok && refusal.Status == http.StatusNotFound
}

func (d *demo) result(monitor *kymo.Monitor) (*Result, error) {
	// The context of the demo is done by now.
	p, err := d.performance(context.Background(), d.service)
	if err != nil {
		return nil, err
	}
	return &Result{
		Service: d.service, Report: p,
		Sent: d.load.sent.Load(), Failed: d.load.failed.Load(), Stats: monitor.Stats(),
	}, nil
}
