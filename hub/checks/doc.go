// Package checks makes the probes that the hub's configuration file can name, for
// programs that embed the hub:
//
//	p, err := checks.New(checks.Spec{Type: "postgres", URL: "postgres://app@db/app", MaxLag: 5 * time.Second})
//	if err != nil {
//		return err
//	}
//	h, err := hub.Open("./kymo-data", hub.Config{Checks: []hub.Check{
//		{Name: "database", Probe: p, Interval: 10 * time.Second, Critical: true},
//	}})
//
// A probe keeps its connection from run to run, and what it reports never holds a
// password, a key or the value of a header. Importing this package brings the
// drivers of all types along; a program that needs none of them can use the
// probes of package health.
package checks
