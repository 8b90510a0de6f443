package health

import (
	"encoding/json"
	"net/http"
	"path"
	"strconv"
	"strings"
)

// Info describes the service in a health+json answer. All of it is optional.
type Info struct {
	ServiceID   string            // a stable name of this service
	Version     string            // of its public interface
	ReleaseID   string            // of what is deployed
	Description string            // for people
	Notes       []string          // on its state, for people
	Links       map[string]string // where to read more, by relation
}

// Handler answers with a report, from memory. Under a path that ends in
// /live, /ready or /started it is one of Kubernetes' three probes; under any
// other it gives the whole report (contract.go, healthjson.go).
type Handler struct {
	Report func() Report
	Info   Info
	// Details reports whether a caller may see more than statuses; nil is always.
	Details func(*http.Request) bool
}

// ServeHTTP answers GET and HEAD.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD")
		http.Error(w, r.Method+" is not allowed here; allowed: GET, HEAD", http.StatusMethodNotAllowed)
		return
	}
	report := h.Report()
	details := h.Details == nil || h.Details(r)
	switch path.Base(r.URL.Path) {
	case "live":
		ok, failing := report.Live()
		answerProbe(w, ok, failing, details)
	case "ready":
		ok, failing := report.Ready()
		answerProbe(w, ok, failing, details)
	case "started":
		ok, failing := report.Started()
		answerProbe(w, ok, failing, details)
	default:
		h.answer(w, r, &report, details)
	}
}

func (h *Handler) answer(w http.ResponseWriter, r *http.Request, report *Report, details bool) {
	status := http.StatusOK
	if report.Status == Down {
		status = http.StatusServiceUnavailable
	}
	w.Header().Add("Vary", "Accept")
	if accepts(r.Header.Values("Accept"), HealthJSON) {
		write(w, status, HealthJSON, healthJSON(report, &h.Info, details))
		return
	}
	write(w, status, "application/json", Plain(report, details))
}

// probeAnswer is the answer to one of Kubernetes' probes, which judge by the
// status code alone; the rest is for people.
type probeAnswer struct {
	Status string   `json:"status"`
	Checks []string `json:"checks,omitempty"` // that failed, or are awaited
}

func answerProbe(w http.ResponseWriter, ok bool, failing []string, details bool) {
	answer, status := probeAnswer{Status: Healthy.String()}, http.StatusOK
	if !ok {
		answer.Status, status = Down.String(), http.StatusServiceUnavailable
		if details {
			answer.Checks = failing
		}
	}
	write(w, status, "application/json", answer)
}

func write(w http.ResponseWriter, status int, contentType string, v any) {
	body, err := json.Marshal(v)
	if err != nil {
		panic(err) // All of its fields can be encoded.
	}
	h := w.Header()
	h.Set("Content-Type", contentType)
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Content-Length", strconv.Itoa(len(body)+1))
	w.WriteHeader(status)
	_, _ = w.Write(append(body, '\n')) // A caller that left asks again.
}

// accepts reports whether the values of Accept name the media type: a caller that
// accepts anything gets the plain answer. A quality of 0 excludes it (RFC 9110,
// 12.5.1).
func accepts(values []string, mediaType string) bool {
	for _, value := range values {
		for part := range strings.SplitSeq(value, ",") {
			name, params, _ := strings.Cut(part, ";")
			if !strings.EqualFold(strings.TrimSpace(name), mediaType) {
				continue
			}
			for param := range strings.SplitSeq(params, ";") {
				if q, ok := strings.CutPrefix(strings.ToLower(strings.TrimSpace(param)), "q="); ok {
					quality, err := strconv.ParseFloat(q, 64)
					return err == nil && quality > 0
				}
			}
			return true
		}
	}
	return false
}
