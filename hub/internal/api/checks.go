package api

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"reflect"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/kymohq/kymo/health"
	"github.com/kymohq/kymo/hub/internal/store"
)

// Checks runs checks, and keeps those that are added over the API.
type Checks interface {
	// Checks returns all checks, those that do not run included, ordered by name.
	Checks() []Check
	// AddCheck adds a check, an entry of the list "checks" of the configuration file as
	// JSON, durably. The error is ErrNoChecks, a *CheckError, a *TakenError or the store's.
	AddCheck(ctx context.Context, content []byte) (*Check, error)
	// RemoveCheck removes a check that was added, durably. The error is
	// health.ErrUnknownCheck, a *KeptError, a *NeededError or the store's.
	RemoveCheck(ctx context.Context, name string) error
	// RunCheck runs a check once, now. The errors are those of health.Registry.Run.
	RunCheck(ctx context.Context, name string) (health.Observation, error)
}

// Where checks come from.
const (
	FromFile    = "file"
	FromAPI     = "api"
	FromService = "service"
	BuiltIn     = "built-in"
)

// ErrNoChecks is the error of a hub to which no check can be added.
var ErrNoChecks = errors.New("this hub is embedded in a program, which configures its checks")

// CheckError is the error of a check that is not accepted as it is.
type CheckError struct {
	Fields  []CheckField
	Problem string // if it is not one of a field
}

// CheckField is what is wrong with a field of a check; the name is "" if it is the whole.
type CheckField struct{ Name, Problem string }

func (f CheckField) String() string {
	if f.Name == "" {
		return f.Problem
	}
	return f.Name + ": " + f.Problem
}

func (e *CheckError) Error() string {
	if len(e.Fields) == 0 {
		return e.Problem
	}
	lines := make([]string, len(e.Fields))
	for i, f := range e.Fields {
		lines[i] = f.String()
	}
	return strings.Join(lines, "; ")
}

// origins describes where another check comes from, and how to change it.
var origins = map[string]string{
	FromFile:    "of the configuration file; change the file",
	FromAPI:     "that was added over the API; remove that first, with DELETE",
	FromService: "of a service that sends heartbeats to this hub",
	BuiltIn:     "of the hub itself",
}

// TakenError is the error of a check whose name another one has.
type TakenError struct{ Name, Origin string }

func (e *TakenError) Error() string {
	text := "there is a check of that name " + origins[e.Origin]
	switch e.Origin {
	case FromAPI:
		return text
	case FromFile:
		return text + ", or give this one another name"
	}
	return text + "; give this one another name"
}

// KeptError is the error of a check that cannot be removed over the API.
type KeptError struct{ Name, Origin string }

func (e *KeptError) Error() string {
	return "only a check that was added over the API can be removed here; this is one " + origins[e.Origin]
}

// NeededError is the error of a check that cannot be removed, since others depend on it.
type NeededError struct {
	Name string
	By   []string // in order
}

func (e *NeededError) Error() string {
	return "it is in depends_on of " + strings.Join(e.By, ", ") + "; remove what depends on it first"
}

const (
	checksPath = "/api/v1/checks"
	checkPath  = checksPath + "/{name}"
)

type checksOutput struct{ Body []Check }

var checkExample = map[string]any{"name": "shop", "type": "tcp", "url": "tcp://shop.internal:8080", "interval": "30s", "critical": true}

func (a *API) routeChecks() {
	register(a, huma.Operation{
		OperationID: "checks", Method: http.MethodGet, Path: checksPath, Tags: []string{tagHealth},
		Summary:     "All checks, with where they come from",
		Description: "The checks of the configuration file, those that were added over the API, the services, and the hub's own checks. What is contacted is shown without user, password, path and options.",
		Security:    needs(forRead),
	}, func(context.Context, *struct{}) (*checksOutput, error) {
		if a.Checks == nil {
			return &checksOutput{[]Check{}}, nil
		}
		return &checksOutput{a.Checks.Checks()}, nil
	})
	one := a.schema(reflect.TypeFor[Check]())
	a.handle(huma.Operation{
		OperationID: "add-check", Method: http.MethodPost, Path: checksPath, Tags: []string{tagHealth},
		Summary:     "Add a check",
		Description: "The body is an entry of checks of the configuration file, as JSON: the same keys, defaults and limits, durations as text. The check is kept in the store, as it was sent, before this is answered. It survives restarts, and hubs with the same store in PostgreSQL or ClickHouse run it within a minute. It may not use what is on the hub's own machine: env: and file:, files of TLS, Unix sockets and the type disk, which only the file may. " + adminNeed,
		RequestBody: &huma.RequestBody{Required: true, Content: map[string]*huma.MediaType{
			"application/json": {Schema: &huma.Schema{Type: huma.TypeObject, Description: "An entry of checks."}, Example: checkExample},
		}},
		Responses: map[string]*huma.Response{"201": {
			Description: "The check, which has not run yet.", Content: map[string]*huma.MediaType{"application/json": {Schema: one}},
			Headers: map[string]*huma.Header{"Location": {Description: "The path of the check.", Schema: &huma.Schema{Type: huma.TypeString}}},
		}},
		Security: needs(forAdmin),
		Errors: []int{
			http.StatusConflict, http.StatusRequestTimeout, http.StatusRequestEntityTooLarge, http.StatusUnsupportedMediaType,
			http.StatusUnprocessableEntity, http.StatusInternalServerError, http.StatusNotImplemented, http.StatusServiceUnavailable,
		},
	}, a.addCheck)
	name := &huma.Param{Name: "name", In: "path", Required: true, Description: "The name of the check.", Schema: &huma.Schema{Type: huma.TypeString}, Example: "database"}
	a.handle(huma.Operation{
		OperationID: "remove-check", Method: http.MethodDelete, Path: checkPath, Tags: []string{tagHealth},
		Summary:     "Remove a check that was added over the API",
		Description: "The check ends, here at once and in other hubs with the same store within a minute. Its history stays. " + adminNeed,
		Parameters:  []*huma.Param{name},
		Responses:   map[string]*huma.Response{"204": {Description: "The check is removed."}},
		Security:    needs(forAdmin),
		Errors:      []int{http.StatusNotFound, http.StatusConflict, http.StatusInternalServerError, http.StatusServiceUnavailable},
	}, a.removeCheck)
	a.handle(huma.Operation{
		OperationID: "run-check", Method: http.MethodPost, Path: checkPath + "/run", Tags: []string{tagHealth},
		Summary:     "Run a check now",
		Description: "Runs a check once, of whatever origin, and answers when it has run: at the latest after its timeout, or twice that if a run is under way. The run counts like any other, for the status and in the history. At most one a second of each check is run on demand; others are answered with 429. " + adminNeed,
		Parameters:  []*huma.Param{name},
		Responses: map[string]*huma.Response{"200": {
			Description: "What the run found, and the status that followed.",
			Content:     map[string]*huma.MediaType{"application/json": {Schema: a.schema(reflect.TypeFor[CheckRun]())}},
		}},
		Security: needs(forAdmin),
		Errors:   []int{http.StatusNotFound, http.StatusTooManyRequests, http.StatusServiceUnavailable},
	}, a.runCheck)
}

func (a *API) addCheck(w http.ResponseWriter, r *http.Request) {
	if a.Checks == nil {
		a.checkFailed(w, r, ErrNoChecks)
		return
	}
	if !a.accepts(w, r, "application/json", "") {
		return
	}
	b, err := a.readBody(w, r, store.MaxDocument)
	if err != nil {
		a.refuse(w, err)
		return
	}
	content := append([]byte(nil), b.data...) // which is kept
	b.free()
	c, err := a.Checks.AddCheck(r.Context(), content)
	if err != nil {
		a.checkFailed(w, r, err)
		return
	}
	w.Header().Set("Location", checksPath+"/"+url.PathEscape(c.Name))
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(http.StatusCreated)
	_ = json.NewEncoder(w).Encode(c) // The client may have left.
}

func (a *API) removeCheck(w http.ResponseWriter, r *http.Request) {
	err := health.ErrUnknownCheck
	if a.Checks != nil {
		err = a.Checks.RemoveCheck(r.Context(), r.PathValue("name"))
	}
	if err != nil {
		a.checkFailed(w, r, err)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

func (a *API) runCheck(w http.ResponseWriter, r *http.Request) {
	var o health.Observation
	err := health.ErrUnknownCheck
	if a.Checks != nil {
		o, err = a.Checks.RunCheck(r.Context(), r.PathValue("name"))
	}
	if err != nil {
		a.checkFailed(w, r, err)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(newCheckRun(&o)) // The client may have left.
}

// checkFailed answers an error of Checks.
func (a *API) checkFailed(w http.ResponseWriter, r *http.Request, err error) {
	var wrong *CheckError
	var taken *TakenError
	var kept *KeptError
	var needed *NeededError
	switch {
	case errors.As(err, &wrong):
		var fields []*huma.ErrorDetail
		for _, f := range wrong.Fields {
			location := "body"
			if f.Name != "" {
				location += "." + f.Name
			}
			fields = append(fields, &huma.ErrorDetail{Location: location, Message: f.Problem})
		}
		writeProblem(w, http.StatusUnprocessableEntity, "nothing was added: "+err.Error(), fields...)
	case errors.As(err, &taken):
		writeProblem(w, http.StatusConflict, "nothing was added: "+err.Error(), &huma.ErrorDetail{Location: "body.name", Message: err.Error(), Value: taken.Name})
	case errors.As(err, &kept):
		writeProblem(w, http.StatusConflict, err.Error(), &huma.ErrorDetail{Location: "path.name", Message: err.Error(), Value: kept.Name})
	case errors.As(err, &needed):
		writeProblem(w, http.StatusConflict, err.Error(), &huma.ErrorDetail{Location: "path.name", Message: err.Error(), Value: needed.Name})
	case errors.Is(err, ErrNoChecks):
		writeProblem(w, http.StatusNotImplemented, err.Error())
	case errors.Is(err, health.ErrUnknownCheck):
		writeProblem(w, http.StatusNotFound, "there is no such check; GET "+checksPath+" lists all", &huma.ErrorDetail{Location: "path.name", Message: "is not the name of a check"})
	case errors.Is(err, health.ErrTooSoon):
		w.Header().Set("Retry-After", retryAfter)
		writeProblem(w, http.StatusTooManyRequests, health.ErrTooSoon.Error()+"; try again in a second")
	case errors.Is(err, health.ErrClosed):
		a.Unavailable(w, "the check ended meanwhile; try again")
	default:
		a.failed(w, r, err)
	}
}

// Check describes a check.
type Check struct {
	Name           string     `json:"name" doc:"Its name, the key in GET /health." example:"database"`
	Origin         string     `json:"origin" enum:"file,api,service,built-in" doc:"Where it comes from: the configuration file, this API, a service that sends heartbeats, or the hub itself." example:"api"`
	Type           string     `json:"type,omitempty" doc:"What it probes." example:"postgres"`
	Target         string     `json:"target,omitempty" doc:"What it contacts, without what may be secret." example:"postgres://10.0.0.5"`
	IntervalMS     int64      `json:"interval_ms,omitempty" doc:"From the start of one run to the start of the next." example:"10000"`
	TimeoutMS      int64      `json:"timeout_ms,omitempty" doc:"How long a run may take." example:"2000"`
	Critical       bool       `json:"critical,omitempty" doc:"Whether everything is down when this check is." example:"true"`
	Status         string     `json:"status" enum:"healthy,degraded,down" doc:"The status. Unknown counts as degraded." example:"healthy"`
	State          string     `json:"state" enum:"healthy,degraded,down,unknown" doc:"The status, or unknown." example:"healthy"`
	Since          *time.Time `json:"since,omitempty" doc:"When the state last changed." example:"2026-11-23T10:10:00Z"`
	CheckedAt      *time.Time `json:"checked_at,omitempty" doc:"When the last run ended." example:"2026-11-23T10:15:28Z"`
	ResponseTimeMS int64      `json:"response_time_ms" doc:"How long the last run took." example:"3"`
	Reason         string     `json:"reason,omitempty" doc:"Why the last run was not healthy." example:"connection refused"`
	CreatedAt      *time.Time `json:"created_at,omitempty" doc:"When it was added over the API." example:"2026-11-23T10:09:58Z"`
	Problem        string     `json:"problem,omitempty" doc:"Why a check that was added over the API does not run." example:"is not run: the configuration file has a check or a service of that name"`
}

// CheckRun is the result of a run on demand.
type CheckRun struct {
	Name           string         `json:"name" doc:"The name of the check." example:"database"`
	Result         string         `json:"result" enum:"healthy,degraded,down,unknown" doc:"What this run found." example:"down"`
	Status         string         `json:"status" enum:"healthy,degraded,down" doc:"The status of the check after it. Unknown counts as degraded." example:"healthy"`
	State          string         `json:"state" enum:"healthy,degraded,down,unknown" doc:"The status of the check after it, or unknown: several runs in a row change it." example:"healthy"`
	Since          *time.Time     `json:"since,omitempty" doc:"When the state last changed." example:"2026-11-23T10:10:00Z"`
	CheckedAt      *time.Time     `json:"checked_at,omitempty" doc:"When the run ended." example:"2026-11-23T10:15:28Z"`
	ResponseTimeMS int64          `json:"response_time_ms" doc:"How long it took." example:"3"`
	Reason         string         `json:"reason,omitempty" doc:"Why it was not healthy." example:"connection refused"`
	Details        map[string]any `json:"details" doc:"What it measured."`
}

// Running describes a check that runs, except for its origin.
func Running(r *health.CheckReport) Check {
	return Check{
		Name: r.Name, Type: r.Kind, IntervalMS: r.Interval.Milliseconds(), TimeoutMS: r.Timeout.Milliseconds(), Critical: r.Critical,
		Status: r.Status.Reported().String(), State: r.Status.String(), Since: when(r.Since), CheckedAt: when(r.CheckedAt),
		ResponseTimeMS: r.Latency.Milliseconds(), Reason: r.Reason,
	}
}

// NotRunning describes a check that was added over the API and does not run.
func NotRunning(name string, created *time.Time, problem string) Check {
	return Check{
		Name: name, Origin: FromAPI, Status: health.Unknown.Reported().String(), State: health.Unknown.String(), CreatedAt: created, Problem: problem,
	}
}

// CompareChecks orders checks by name.
func CompareChecks(a, b Check) int { return strings.Compare(a.Name, b.Name) }

func newCheckRun(o *health.Observation) *CheckRun {
	details := make(map[string]any)
	if json.Unmarshal(o.Details, &details) != nil || details == nil {
		details = make(map[string]any) // There are none.
	}
	return &CheckRun{
		Name: o.Name, Result: o.Status.String(), Status: o.State.Status.Reported().String(), State: o.State.Status.String(),
		Since: when(o.State.Since), CheckedAt: when(o.At), ResponseTimeMS: o.Latency.Milliseconds(), Reason: o.Reason, Details: details,
	}
}

// when returns an instant as answers have it, or nil if it is none.
func when(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	t = t.UTC()
	return &t
}
