// Package checks has the probes of the hub's configuration file, for programs that
// embed the hub:
//
//	p, err := checks.New(checks.Spec{Type: "postgres", URL: "postgres://app@db/app", MaxLag: 5 * time.Second})
//	if err != nil {
//		return err
//	}
//	h, err := hub.Open("./kymo-data", hub.Config{Checks: []hub.Check{
//		{Name: "database", Probe: p, Interval: 10 * time.Second, Critical: true},
//	}})
//
// A probe keeps its connection from run to run. Its results never contain a password,
// a key or the value of a header. Importing this package imports the drivers of all
// types; a program that needs none of them can use the probes of package health.
package checks
