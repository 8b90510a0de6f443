// Package probe makes the hub's own checks from its configuration.
//
// A Spec (spec.go) is one entry of the list "checks". Settle refuses what is
// wrong in it, naming the field; New turns it into a health.Probe that holds one
// client for all its runs. Which types there are, and which keys each takes, is
// the table in kinds.go. Of each type there is a file.
package probe
