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
// errors never show the value; what is its name for them: "token", "URL".
func (r *resolver) secret(text, what string) (string, error) {
	if name, ok := strings.CutPrefix(text, "env:"); ok {
		r.used[name] = true
		value := r.vars[name]
		if value == "" {
			return "", fmt.Errorf("the environment variable %s, which should hold the %s, is not set", name, what)
		}
		return value, nil
	}
	if path, ok := strings.CutPrefix(text, "file:"); ok {
		content, err := os.ReadFile(path)
		if err != nil {
			return "", fmt.Errorf("cannot read the %s: %w", what, err)
		}
		value := strings.TrimSpace(string(content))
		if value == "" {
			return "", fmt.Errorf("the file %s, which should hold the %s, is empty", path, what)
		}
		return value, nil
	}
	return text, nil
}

// token reads a secret that a header carries.
func (r *resolver) token(text string) (string, error) {
	value, err := r.secret(text, "token")
	if err == nil && !isToken(value) {
		err = fmt.Errorf("the token must be of visible ASCII characters without spaces, or it cannot be sent in a header")
	}
	if err != nil {
		return "", err
	}
	return value, nil
}

// parseShare reads a share of 1, also as a percentage.
func parseShare(text string) (float64, error) {
	number, isPercent := strings.CutSuffix(text, "%")
	share, err := strconv.ParseFloat(strings.TrimSpace(number), 64)
	if isPercent {
		share /= 100
	}
	if err != nil || !(share >= 0 && share <= 1) { // what is not a number is neither
		return 0, fmt.Errorf("%q is not a share; write one from 0 to 1, like 0.8 or 80%%", text)
	}
	return share, nil
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
