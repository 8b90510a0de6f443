package core

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/kymohq/kymo/health"
	"github.com/kymohq/kymo/hub/internal/maintenance"
	"github.com/kymohq/kymo/hub/internal/report"
	"github.com/kymohq/kymo/hub/internal/rollup"
	"github.com/kymohq/kymo/hub/internal/store"
	"github.com/kymohq/kymo/internal/hist"
)

const (
	// memoryAge is how old a result may be to count after a restart.
	memoryAge = 24 * time.Hour
	// memorySpan is how much of the time before the last result is read of all checks at
	// once. It has their thresholds' runs; since when they are in their state may need more.
	memorySpan = 10 * time.Minute
	// memoryTimeout is how long the start waits for it.
	memoryTimeout = 10 * time.Second
	// maxRecent bounds the runs that count for thresholds, which are at most as many.
	maxRecent = 100
)

// memory is what the store has of the checks from before the hub started, by their names.
type memory map[string]*remembered

// remembered is what the store has of one check.
type remembered struct {
	results []*store.HealthRecord // ordered by the beginning of their span; without histograms
	runs    []runs                // of each result
	from    int64                 // they are all that there are since then
	since   int64                 // since when the check is in its last state, as far as they show
}

// runs are those of one result.
type runs struct {
	count uint64
	found health.Status // by all of them; Unknown if they differ
}

// isOwn reports whether a result is one that a hub keeps of the check, and not one of a
// service's check whose name is the same when it is joined with that of its service, or a
// maintenance window.
func isOwn(r *store.HealthRecord) bool {
	return (r.Service == "" || r.Check == "") && r.Name() != maintenance.Series
}

func (m memory) add(r *store.HealthRecord, from int64) {
	of := m[r.Name()]
	if of == nil {
		of = &remembered{from: from}
		m[r.Name()] = of
	}
	bare := *r
	bare.Latency = hist.Histogram{}
	of.results = append(of.results, &bare)
	of.runs = append(of.runs, runs{r.Latency.Count(), r.RunStatus()})
}

// remember reads what the store has of the checks. If there was a hub some minutes before
// the present one, it reads no more than those minutes, besides checks that had no result
// in them.
func remember(ctx context.Context, st store.Store, now time.Time) (memory, error) {
	// The clock may have been set back since.
	begin, end := max(now.Add(-memoryAge).UnixMilli(), 0), now.Add(memoryAge).UnixMilli()
	last, err := lastResult(ctx, st, begin, end)
	if err != nil || last == 0 {
		return nil, err
	}
	m, known := make(memory), make(map[string]bool)
	w := rollup.Window{From: max(begin, last-memorySpan.Milliseconds()), To: end}
	for r, err := range st.Health(ctx, store.HealthQuery{Window: w}) {
		if err != nil {
			return nil, err
		}
		if known[r.Name()] = true; isOwn(r) {
			m.add(r, w.From)
		}
	}
	var others []string
	w.From = begin
	for name, err := range st.HealthNames(ctx, w) {
		if err != nil {
			return nil, err
		}
		if !known[name] {
			others = append(others, name)
		}
	}
	for _, name := range others {
		results, err := ownResults(ctx, st, name, w)
		if err != nil {
			return nil, err
		}
		for i := range results {
			m.add(results[i], begin)
		}
	}
	w.From = begin
	for name, of := range m {
		if of.from > begin && of.undecided() {
			// The runs in a row may have begun before a pause.
			results, err := ownResults(ctx, st, name, w)
			if err != nil {
				return nil, err
			}
			delete(m, name)
			for _, r := range results {
				m.add(r, begin)
			}
			of = m[name]
		}
		_, of.since = report.Latest(of.results, rollup.Window{From: of.from, To: end})
		if of.since == 0 {
			delete(m, name)
		}
	}
	return m, nil
}

// lastResult returns when the last result of a check in the window ends, or 0.
func lastResult(ctx context.Context, st store.Store, begin, end int64) (last int64, err error) {
	part := memorySpan
	for to := end; to > begin && last == 0; part = time.Hour {
		w := rollup.Window{From: max(begin, to-part.Milliseconds()), To: to}
		for r, err := range st.Health(ctx, store.HealthQuery{Window: w}) {
			if err != nil {
				return 0, err
			}
			if isOwn(r) {
				last = max(last, r.To)
			}
		}
		to = w.From
	}
	return last, nil
}

// ownResults returns the results of a check of the hub in a window.
func ownResults(ctx context.Context, st store.Store, name string, w rollup.Window) ([]*store.HealthRecord, error) {
	var results []*store.HealthRecord
	for r, err := range st.Health(ctx, store.HealthQuery{Window: w, Name: name}) {
		if err != nil {
			return nil, err
		}
		if isOwn(r) {
			results = append(results, r)
		}
	}
	return results, nil
}

// newest returns the last of the results.
func (of *remembered) newest() *store.HealthRecord {
	return slices.MaxFunc(of.results, func(a, b *store.HealthRecord) int { return cmp.Compare(a.To, b.To) })
}

// undecided reports whether the last runs found another status than the check's.
func (of *remembered) undecided() bool {
	r := of.newest()
	for i := range of.results {
		if of.results[i] == r {
			found := of.runs[i].found
			return found != health.Unknown && found != r.Status
		}
	}
	return false
}

// past returns what a check begins with.
func (of *remembered) past(now time.Time) health.Past {
	r := of.newest()
	at := time.UnixMilli(min(r.To, now.UnixMilli()))
	status, since := report.Latest(of.results, rollup.Window{From: of.from, To: r.To + 1})
	since = min(since, at.UnixMilli())
	p := health.Past{
		State:  health.State{Status: status, Flapping: r.Flapping && r.Status == status, Since: time.UnixMilli(since)},
		Last:   health.Result{At: at, Status: r.Status},
		Recent: of.recent(),
		Until:  at.Add(report.Bridge),
	}
	if r.Status != health.Healthy {
		p.Last.Reason = r.Reason
	}
	if r.Details != "" {
		p.Last.Details = json.RawMessage(r.Details)
	}
	return p
}

// recent returns what the last runs saw, as far as the results tell: those whose runs
// differ do not tell their order. Runs of several hubs at the same time are not added up.
func (of *remembered) recent() []health.Status {
	order := make([]int, len(of.results))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(i, j int) int { return store.CompareSpans(of.results[i], of.results[j]) })
	var recent []health.Status
	before := of.newest().To
	for _, i := range slices.Backward(order) {
		r, runs := of.results[i], of.runs[i]
		if runs.count == 0 || r.To > before {
			continue
		}
		if runs.found == health.Unknown || len(recent) == maxRecent {
			break
		}
		for range min(runs.count, uint64(maxRecent-len(recent))) {
			recent = append(recent, runs.found)
		}
		before = r.From
	}
	slices.Reverse(recent)
	return recent
}

// left reports whether the check is that of a service that is not there any more, or when
// its last heartbeat came.
func (of *remembered) left(now time.Time) (last time.Time, left bool) {
	r := of.newest()
	last = time.UnixMilli(min(r.To, now.UnixMilli()))
	var details struct {
		LastHeartbeat time.Time `json:"last_heartbeat"`
	}
	if json.Unmarshal([]byte(r.Details), &details) == nil && !details.LastHeartbeat.IsZero() {
		last = details.LastHeartbeat
	}
	return last, r.HasLeft()
}

// recall reads what the store has of the checks from before the hub started. Without it,
// the checks begin anew.
func (c *checks) recall(st store.Store) {
	ctx, cancel := context.WithTimeout(context.Background(), memoryTimeout)
	defer cancel()
	m, err := remember(ctx, st, c.Now())
	if err != nil {
		c.Logger.Warn("the checks begin without what was known before the hub started", "error", err)
	}
	c.memory = m
}

// last returns up to when a hub ran before this one started, while it starts; otherwise,
// and if there was none, it is now.
func (c *checks) last() time.Time {
	if len(c.memory) == 0 {
		return time.Now()
	}
	var last int64
	for _, of := range c.memory {
		last = max(last, of.newest().To)
	}
	return time.UnixMilli(min(last, time.Now().UnixMilli()))
}

// resume returns the option with which a check begins where it was before the hub
// started, if it was there.
func (c *checks) resume(name string) health.Option {
	of := c.memory[name]
	if of == nil || of.newest().HasLeft() {
		return nil
	}
	return health.Resume(of.past(c.Now()))
}

// resumeServices makes the services known that were discovered before the hub started,
// have not left, and sent a heartbeat within the last day.
func (c *checks) resumeServices() {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := c.Now()
	for _, name := range slices.Sorted(maps.Keys(c.memory)) {
		service, ok := c.serviceOf(name, c.memory[name].newest())
		if !ok {
			continue
		}
		if last, left := c.memory[name].left(now); !left {
			c.fleet.Resume(service, last)
			c.followLocked(service)
		}
	}
}

// serviceOf returns the service of a check that was judged by heartbeats.
func (c *checks) serviceOf(name string, r *store.HealthRecord) (service string, ok bool) {
	if r.Service == name {
		return name, true
	}
	// Its name was taken by another check.
	service, ok = strings.CutPrefix(name, servicePrefix)
	return service, ok && c.taken(service)
}

// deepen finds out, in the background, since when the checks are in their states where
// that is longer than what was read at the start.
func (c *checks) deepen(st store.Store) {
	c.mu.Lock()
	m := c.memory
	c.memory = nil // what starts from now on is new
	c.mu.Unlock()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	c.stopDeepening = func() { cancel(); <-done }
	go func() {
		defer close(done)
		for _, name := range slices.Sorted(maps.Keys(m)) {
			of := m[name]
			since, err := earlier(ctx, st, name, of)
			if err != nil {
				if ctx.Err() == nil && !errors.Is(err, store.ErrClosed) {
					c.Logger.Warn("since when a check is in its state is not known beyond some minutes", "check", name, "error", err)
				}
				return
			}
			if since < of.since {
				c.registry.Recall(name, time.UnixMilli(of.since), time.UnixMilli(since))
			}
		}
	}()
}

// earlier returns since when a check is in its last state, by the results from before
// those that were read at the start.
func earlier(ctx context.Context, st store.Store, name string, of *remembered) (since int64, err error) {
	status, since := report.Latest(of.results, rollup.Window{From: of.from, To: of.newest().To + 1})
	for from := of.from; since <= from+report.Bridge.Milliseconds() && from > 0; {
		w := rollup.Window{From: max(since-memoryAge.Milliseconds(), 0), To: since}
		results, err := ownResults(ctx, st, name, w)
		if err != nil {
			return 0, err
		}
		// What begins with the state itself has been considered.
		results = slices.DeleteFunc(results, func(r *store.HealthRecord) bool { return r.From >= since })
		was, before := report.Latest(results, w)
		if was != status || lastEnd(results, since) < since-report.Bridge.Milliseconds() {
			break
		}
		since, from = before, w.From
	}
	return since, nil
}

// lastEnd returns when the last of the results ends, at most the given instant.
func lastEnd(results []*store.HealthRecord, most int64) (end int64) {
	for _, r := range results {
		end = max(end, min(r.To, most))
	}
	return end
}
