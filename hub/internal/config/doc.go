// Package config has all settings of a hub, and one verdict on them.
//
//  1. A Config is filled in: by package settings from a file, the environment and
//     flags, or by Go code that embeds the hub (config.go, check.go).
//  2. Validate fills in the defaults and returns everything that is wrong, each as an
//     *Error with the setting and the place that it came from (validate.go,
//     validate_checks.go, error.go). It contacts nothing.
//
// The package knows the keys of every type of check (keys.go), but not how to make
// one: Validate is given the constructors, so that a program that does not need them
// does not link their drivers.
package config
