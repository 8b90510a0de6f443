package main

import (
	"fmt"
	"math"
	"net"
	"os"
	"strconv"
	"strings"
	"time"
)

func parseAddress(text string) (string, error) {
	_, port, err := net.SplitHostPort(text)
	if err == nil {
		_, err = strconv.ParseUint(port, 10, 16)
	}
	if err != nil {
		return "", fmt.Errorf("%q is not an address; write host:port, like %s", text, defaultListen)
	}
	return text, nil
}

func parseBool(text string) (bool, error) {
	v, err := strconv.ParseBool(text)
	if err != nil {
		return false, fmt.Errorf("%q is neither true nor false", text)
	}
	return v, nil
}

func parseDuration(text string) (time.Duration, error) {
	d, err := time.ParseDuration(text)
	if err != nil || d <= 0 {
		return 0, fmt.Errorf("%q is not a duration; write one above 0 with its unit, like 168h, 30m or 500ms", text)
	}
	return d, nil
}

// sizeUnits are in the order in which parseSize tries them.
var sizeUnits = []struct {
	suffix string
	bytes  float64
}{
	{"KiB", 1 << 10}, {"MiB", 1 << 20}, {"GiB", 1 << 30}, {"TiB", 1 << 40},
	{"kB", 1e3}, {"KB", 1e3}, {"MB", 1e6}, {"GB", 1e9}, {"TB", 1e12},
	{"B", 1},
}

func parseSize(text string) (int64, error) {
	for _, unit := range sizeUnits {
		number, ok := strings.CutSuffix(text, unit.suffix)
		if !ok {
			continue
		}
		n, err := strconv.ParseFloat(strings.TrimSpace(number), 64)
		if size := n * unit.bytes; err == nil && size >= 1 && size < math.MaxInt64 {
			return int64(size), nil
		}
		break
	}
	return 0, fmt.Errorf("%q is not a size; write a number above 0 with its unit, like 20GiB or 500MB", text)
}

// parseRoutes reads "endpoint=target,endpoint=target".
func parseRoutes(text string) ([]slowRoute, error) {
	var routes []slowRoute
	for part := range strings.SplitSeq(text, ",") {
		i := strings.LastIndexByte(part, '=')
		if i < 0 {
			return nil, fmt.Errorf("%q has no target; write endpoint=target, like /reports/{id}=5s", part)
		}
		route, err := newSlowRoute(strings.TrimSpace(part[:i]), strings.TrimSpace(part[i+1:]))
		if err != nil {
			return nil, err
		}
		routes = append(routes, route)
	}
	return routes, nil
}

func newSlowRoute(endpoint, target string) (slowRoute, error) {
	if endpoint == "" {
		return slowRoute{}, fmt.Errorf("endpoint is missing; write a route template, like /reports/{id}")
	}
	d, err := parseDuration(target)
	if err != nil {
		return slowRoute{}, fmt.Errorf("target of %s: %w", endpoint, err)
	}
	return slowRoute{endpoint, d}, nil
}

// secret reads a secret that is written as env:NAME, file:PATH or itself. Its
// errors never show the value.
func (r *resolver) secret(text string) (string, error) {
	value := text
	if name, ok := strings.CutPrefix(text, "env:"); ok {
		r.used[name] = true
		if value = r.vars[name]; value == "" {
			return "", fmt.Errorf("the environment variable %s, which should hold the token, is not set", name)
		}
	} else if path, ok := strings.CutPrefix(text, "file:"); ok {
		content, err := os.ReadFile(path)
		if err != nil {
			return "", fmt.Errorf("cannot read the token: %w", err)
		}
		if value = strings.TrimSpace(string(content)); value == "" {
			return "", fmt.Errorf("the file %s, which should hold the token, is empty", path)
		}
	}
	if !isToken(value) {
		return "", fmt.Errorf("the token must be of visible ASCII characters without spaces, or it cannot be sent in a header")
	}
	return value, nil
}

// isToken says whether s can stand in an Authorization header.
func isToken(s string) bool {
	for i := range len(s) {
		if s[i] <= ' ' || s[i] > '~' {
			return false
		}
	}
	return s != ""
}
