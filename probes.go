package kymo

import (
	"net/http"
	"strings"
)

// isProbe reports whether a request only asks whether the service is alive: it comes from
// Kubernetes, or its route is one that has this purpose by convention. Probes are not
// part of the service's traffic.
func isProbe(r *http.Request, pattern string) bool {
	if agent := r.Header["User-Agent"]; len(agent) != 0 && strings.HasPrefix(agent[0], "kube-probe/") {
		return true
	}
	return isHealthRoute(pattern)
}

func isHealthRoute(pattern string) bool {
	if pattern == "" {
		return false
	}
	switch pattern[len(pattern)-1] { // rules out nearly all patterns
	case 'h', '/', 'z', 'e', 'y', 'd', '}':
	default:
		return false
	}
	i := strings.IndexByte(pattern, '/')
	if i < 0 || len(pattern)-i > len("/health/started") {
		return false
	}
	switch strings.TrimSuffix(pattern[i:], "{$}") {
	case "/health", "/health/", "/healthz", "/livez", "/readyz", "/startupz",
		"/health/live", "/health/ready", "/health/started":
		return true
	}
	return false
}
