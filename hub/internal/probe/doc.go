// Package probe makes the hub's own checks from its configuration.
//
// New turns a config.Spec into a health.Probe that holds one client for all its
// runs, or names the field that is wrong. The types are listed in types.go, and
// each has a file.
package probe
