package checks_test

import (
	"context"
	"fmt"
	"net"
	"time"

	"github.com/kymohq/kymo/health"
	"github.com/kymohq/kymo/hub/checks"
)

// The probe of a TCP server, run once.
func ExampleNew() {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer l.Close()
	p, err := checks.New(checks.Spec{Type: "tcp", URL: "tcp://" + l.Addr().String()})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer p.Close()
	r, err := health.Run(context.Background(), p, health.Timeout(time.Second))
	fmt.Println(r.Status, err)
	// Output: healthy <nil>
}

// A field that the type does not take is refused, as the configuration file would.
func ExampleNew_wrong() {
	_, err := checks.New(checks.Spec{Type: "redis", URL: "redis://cache:6379/0", Query: "SELECT 1"})
	fmt.Println(err)
	// Output: checks: Spec.Query: a check of type redis has no such key; those of type clickhouse, mysql, postgres have
}
