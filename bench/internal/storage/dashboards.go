package storage

import (
	"context"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/kymohq/kymo/bench/internal/measure"
	"github.com/kymohq/kymo/bench/internal/table"
)

const (
	dashboards = 200
	pollEvery  = 5 * time.Second // as the dashboard does for an hour

	overview = "Overview"
	endpoint = "one endpoint"
)

// call is a question that the dashboard asks.
type call struct {
	screen, path string
	query        url.Values
}

// calls are those of its screens Overview and of one endpoint.
func calls(busiest string) []call {
	one := url.Values{"service": {"bench"}, "endpoint": {busiest}, "method": {"GET"}}
	with := func(query url.Values, pairs ...string) url.Values {
		more := url.Values{}
		maps.Copy(more, query)
		for i := 0; i < len(pairs); i += 2 {
			more.Set(pairs[i], pairs[i+1])
		}
		return more
	}
	return []call{
		{overview, "/api/v1/timeseries", with(nil, "previous", "true")},
		{overview, "/metrics/endpoints", with(nil, "sort", "p95", "limit", "40")},
		{overview, "/metrics/endpoints", with(nil, "sort", "error_rate", "limit", "40")},
		{overview, "/metrics/endpoints", with(nil, "sort", "requests", "limit", "500")},
		{overview, "/health", nil},
		{endpoint, "/api/v1/timeseries", with(one, "previous", "true")},
		{endpoint, "/api/v1/heatmap", one},
		{endpoint, "/metrics/endpoints", one},
		{endpoint, "/api/v1/users", with(one, "limit", "8")},
		{endpoint, "/api/v1/requests", with(one, "order", "slowest", "limit", "8")},
		{endpoint, "/api/v1/requests", with(one, "status", "error", "limit", "8")},
	}
}

// over is the address of a call about a window.
func (c *call) over(window url.Values) string {
	if c.path == "/health" {
		return c.path
	}
	query := url.Values{}
	for _, from := range []url.Values{c.query, window} {
		maps.Copy(query, from)
	}
	return c.path + "?" + query.Encode()
}

// Dashboards measures what looking at a hub costs that holds the most requests.
func Dashboards(ctx context.Context, c Config) (calling, open *table.Table, err error) {
	n := slices.Max(c.Sizes)
	h, err := newHub(ctx, c.Program, c.Connections, inDirectory)
	if err != nil {
		return nil, nil, err
	}
	defer h.kill()
	if err := h.load(ctx, spread(n)); err != nil {
		return nil, nil, err
	}
	body, err := h.get(ctx, "/metrics/endpoints?hours=168&limit=1&sort=requests")
	if err != nil {
		return nil, nil, err
	}
	rows, err := endpointRows(body)
	if err != nil || len(rows) == 0 {
		return nil, nil, fmt.Errorf("there is no endpoint: %w", err)
	}
	all := calls(rows[0].Endpoint)
	if calling, err = c.call(ctx, h, all, n); err != nil {
		return nil, nil, err
	}
	open, err = c.watch(ctx, h, all, n)
	return calling, open, err
}

// call asks each question alone, and then those of a screen together, as a browser
// does that opens it: over another window each time, so that no answer is one that
// was given before.
func (c Config) call(ctx context.Context, h *hub, all []call, n int) (*table.Table, error) {
	t := &table.Table{
		Title: "Dashboard: its questions over 168 hours",
		Intro: fmt.Sprintf("Over %s requests; the endpoint is the one with most of them. Alone, each answer is worked out anew; together, all questions of a screen are asked at the same instant. Medians and slowest.",
			table.Number(float64(n), 0)),
		Left: 2,
		Head: []string{"screen", "question", "alone (ms)", "slowest (ms)", "together (ms)", "slowest (ms)", "answer (kB)"},
	}
	alone, together := make([][]float64, len(all)), make([][]float64, len(all))
	sizes := make([]int, len(all))
	end, asked := time.Now(), 0
	another := func() url.Values {
		asked++
		to := end.Add(-time.Duration(asked) * time.Second)
		return url.Values{"from": {strconv.FormatInt(to.Add(-window).UnixMilli(), 10)}, "to": {strconv.FormatInt(to.UnixMilli(), 10)}}
	}
	ask := func(ctx context.Context, i int, over url.Values, taken [][]float64) error {
		start := time.Now()
		body, err := h.get(ctx, all[i].over(over))
		taken[i] = append(taken[i], time.Since(start).Seconds()*1e3)
		sizes[i] = len(body)
		return err
	}
	err := measure.Rounds(c.Rounds+1, len(all), func(_, i int) error { return ask(ctx, i, another(), alone) })
	if err != nil {
		return nil, err
	}
	for range c.Rounds + 1 {
		for _, screen := range []string{overview, endpoint} {
			over := another()
			group, groupCtx := errgroup.WithContext(ctx)
			for i := range all {
				if all[i].screen == screen {
					group.Go(func() error { return ask(groupCtx, i, over, together) })
				}
			}
			if err := group.Wait(); err != nil {
				return nil, err
			}
		}
	}
	for i, question := range all {
		row := []string{question.screen, question.over(nil)}
		for _, taken := range [][]float64{alone[i][1:], together[i][1:]} { // the first one warms
			row = append(row, table.Number(measure.Median(taken), 1), table.Number(slices.Max(taken), 1))
		}
		t.Add(append(row, table.Number(float64(sizes[i])/1e3, 1))...)
	}
	return t, nil
}

// watch opens many dashboards for a while and sees what the hub takes for them.
func (c Config) watch(ctx context.Context, h *hub, all []call, n int) (*table.Table, error) {
	t := &table.Table{
		Title: "Dashboard: many at once",
		Intro: fmt.Sprintf("%d open dashboards, half of them on Overview, half on one endpoint, over %s requests. Each asks all its questions every %v.",
			dashboards, table.Number(float64(n), 0), pollEvery),
		Head: []string{"window", "answers/s", "hub (cores)", "slowest answer (ms)"},
	}
	for _, minutes := range []string{"60", "1440", "10080"} {
		const rounds = 6
		before, err := h.process.used()
		if err != nil {
			return nil, err
		}
		start := time.Now()
		slowest := make([]time.Duration, dashboards)
		answers := make([]int, dashboards)
		group, groupCtx := errgroup.WithContext(ctx)
		for d := range dashboards {
			group.Go(func() error {
				// They are not all opened at the same instant.
				next := start.Add(time.Duration(d) * pollEvery / dashboards)
				for range rounds {
					time.Sleep(time.Until(next))
					next = next.Add(pollEvery)
					for _, question := range all {
						if (question.screen == overview) != (d%2 == 0) {
							continue
						}
						asked := time.Now()
						if err := h.poll(groupCtx, question.over(url.Values{"minutes": {minutes}})); err != nil {
							return err
						}
						slowest[d] = max(slowest[d], time.Since(asked))
						answers[d]++
					}
				}
				return nil
			})
		}
		if err := group.Wait(); err != nil {
			return nil, err
		}
		elapsed := time.Since(start).Seconds()
		after, err := h.process.used()
		if err != nil {
			return nil, err
		}
		sum := 0
		for _, n := range answers {
			sum += n
		}
		t.Add(minutes+" min", table.Number(float64(sum)/elapsed, 0), table.Number((after-before).Seconds()/elapsed, 2),
			table.Number(slices.Max(slowest).Seconds()*1e3, 0))
	}
	return t, nil
}

// poll asks and throws the answer away, as it comes over the wire.
func (h *hub) poll(ctx context.Context, path string) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, h.url+path, nil)
	if err != nil {
		return err
	}
	r.Header.Set("Accept-Encoding", "gzip") // as browsers do
	answer, err := h.client.Do(r)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	if _, err := io.Copy(io.Discard, answer.Body); err != nil {
		return err
	}
	if answer.StatusCode != http.StatusOK {
		return fmt.Errorf("GET %s: %s", path, answer.Status)
	}
	return nil
}

// used is the processor time that a process took so far.
func (p *process) used() (time.Duration, error) {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", p.cmd.Process.Pid))
	if err != nil {
		return 0, err
	}
	return usedOf(string(stat))
}

// usedOf adds user and system time in the text of /proc/PID/stat, which counts in
// hundredths of a second (proc(5)).
func usedOf(stat string) (time.Duration, error) {
	_, rest, ok := strings.Cut(stat, ") ") // the name may hold spaces
	fields := strings.Fields(rest)
	if !ok || len(fields) < 13 {
		return 0, fmt.Errorf("no times in %q", stat)
	}
	user, err := strconv.ParseInt(fields[11], 10, 64)
	if err != nil {
		return 0, err
	}
	system, err := strconv.ParseInt(fields[12], 10, 64)
	return time.Duration(user+system) * 10 * time.Millisecond, err
}
