// Package checks measures what it costs to run many health checks, beside a
// peer that runs them in the background too. The peer runs a check that hangs
// in its own goroutine as well; it has no state machine.
package checks

import (
	"context"
	"fmt"
	"net/http"
	"time"

	peer "github.com/alexliesenfeld/health"

	"github.com/kymohq/kymo/health"
)

// look is what a check does.
type look func(ctx context.Context) error

// contender runs checks under their names, each as often as the interval says,
// until stop is called.
type contender struct {
	name  string
	start func(looks []look, interval time.Duration) (running, error)
}

// running are checks that run.
type running struct {
	handler http.Handler // answers with their statuses
	stop    func()
}

var contenders = []contender{
	{"Kymo", startKymo},
	{"alexliesenfeld/health", startPeer},
}

func startKymo(looks []look, interval time.Duration) (running, error) {
	r := new(health.Registry)
	for i, l := range looks {
		if err := r.Register(name(i), health.Func(l), health.Every(interval)); err != nil {
			return running{}, err
		}
	}
	// Close may still name a check as stuck that was let go a moment ago.
	return running{r.Handler(), func() { _ = r.Close(context.Background()) }}, nil
}

func startPeer(looks []look, interval time.Duration) (running, error) {
	var options []peer.CheckerOption
	for i, l := range looks {
		options = append(options, peer.WithPeriodicCheck(interval, 0, peer.Check{
			Name: name(i), Timeout: interval / 3, Check: l,
		}))
	}
	checker := peer.NewChecker(options...)
	return running{peer.NewHandler(checker), checker.Stop}, nil
}

func name(i int) string { return fmt.Sprintf("dependency-%04d", i) }
