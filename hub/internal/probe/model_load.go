package probe

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"math"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/kymohq/kymo/health"
)

// modelLoad is how busy a server is. What it does not report is nil.
type modelLoad struct {
	queue *float64 // requests that wait
	cache *float64 // share of the KV cache that is in use
}

// The gauges of the servers that have them. vLLM had the second of its two names for the
// cache first. A server may have one for each of its models or engines.
var (
	queueGauges = []string{"vllm:num_requests_waiting", "sglang:num_queue_reqs", "tgi_queue_size", "llamacpp:requests_deferred",
		"nv_inference_pending_request_count"}
	cacheGauges = []string{"vllm:kv_cache_usage_perc", "vllm:gpu_cache_usage_perc", "sglang:token_usage", "llamacpp:kv_cache_usage_ratio"}
)

// checkLoad returns what is wrong with the limits of the load, which are read from
// metrics unless the server reports its load otherwise.
func (c *modelClient) checkLoad(remedy string) error {
	switch {
	case c.spec.MaxQueue < 0:
		return wrong("max_queue", "is %d; must not be negative", c.spec.MaxQueue)
	case !(c.spec.MaxCache >= 0 && c.spec.MaxCache <= 1): // not a number is neither
		return wrong("max_cache", "is %v; it is a share, from 0 to 1: 0.9 is nine tenths", c.spec.MaxCache)
	case remedy == "" || c.metrics != nil:
	case c.spec.MaxQueue > 0:
		return wrong("max_queue", "%s", remedy)
	case c.spec.MaxCache > 0:
		return wrong("max_cache", "%s", remedy)
	}
	return nil
}

// load reads the metrics. Its error, a text to show, is no verdict on the server.
func (c *modelClient) load(ctx context.Context) (l modelLoad, err error) {
	a, err := c.do(ctx, http.MethodGet, c.metrics, nil)
	if err == nil && a.status != http.StatusOK {
		err = fault(a.outcome())
	}
	if err != nil {
		return l, fault(fmt.Sprintf("a limit needs the metrics at %s%s: %s", c.metrics.Host, c.metrics.Path, explain(ctx, withoutURL(err), c.hide)))
	}
	l.queue = gauge(a.body, queueGauges, func(sum, v float64) float64 { return sum + v })
	l.cache = gauge(a.body, cacheGauges, math.Max)
	return l, nil
}

// gauge returns the values of all series of the first of these names that a text in
// Prometheus' format has, in one; nil if there is none.
func gauge(text []byte, names []string, join func(a, b float64) float64) *float64 {
	for _, name := range names {
		var all *float64
		lines := bufio.NewScanner(bytes.NewReader(text))
		lines.Buffer(nil, len(text)+1)
		for lines.Scan() {
			v, ok := sample(lines.Text(), name)
			switch {
			case !ok:
			case all == nil:
				all = &v
			default:
				*all = join(*all, v)
			}
		}
		if all != nil {
			return all
		}
	}
	return nil
}

// sample returns the value of a line if it is one of this name: name{labels} value time.
func sample(line, name string) (v float64, ok bool) {
	rest, ok := strings.CutPrefix(line, name)
	if !ok || rest == "" || !strings.ContainsRune("{ \t", rune(rest[0])) {
		return 0, false
	}
	if rest[0] == '{' { // the value of a label may have a brace
		rest = rest[strings.LastIndexByte(rest, '}')+1:]
	}
	fields := strings.Fields(rest)
	if len(fields) == 0 {
		return 0, false
	}
	v, err := strconv.ParseFloat(fields[0], 64)
	return v, err == nil && !math.IsNaN(v) && !math.IsInf(v, 0) && v >= 0
}

// judgeLoad adds how busy the server is to the details, and what is over a limit to all.
func (m *modelProbe) judgeLoad(ctx context.Context, details health.Details, all *verdicts) error {
	if m.maxQueue == 0 && m.maxCache == 0 {
		return nil
	}
	l, err := m.server.load(ctx)
	if err != nil && isOver(ctx) {
		return err
	}
	if err != nil {
		all.unsure(err.Error())
		return nil
	}
	if limit := m.maxQueue; limit > 0 && l.queue == nil {
		all.unsure("the server reports no number of waiting requests, which max_queue needs")
	} else if limit > 0 {
		details["queue"] = int64(*l.queue)
		if *l.queue >= float64(limit) {
			all.add("", health.Degradedf("%d requests are waiting, max_queue is %d", int64(*l.queue), limit))
		}
	}
	if limit := m.maxCache; limit > 0 && l.cache == nil {
		all.unsure("the server reports no use of its KV cache, which max_cache needs")
	} else if limit > 0 {
		details["cache"] = *l.cache
		if *l.cache >= limit {
			all.add("", health.Degradedf("%s of the KV cache is used, max_cache is %s", percent(*l.cache), percent(limit)))
		}
	}
	return nil
}

func percent(share float64) string { return fmt.Sprintf("%.3g %%", 100*share) }

// urlOption removes the option of this name, which is a URL, from the base.
func (c *modelClient) urlOption(name, example string) (*url.URL, error) {
	options := c.base.Query()
	raw := options.Get(name)
	if raw == "" {
		return nil, nil //nolint:nilnil // there is none
	}
	u, hide, err := parseURL("url", raw, example, "http", "https")
	if err != nil {
		return nil, wrong("url", "has a %s option that is not a URL; it must look like %s", name, example)
	}
	for _, secret := range hide {
		c.hide.add(secret)
	}
	options.Del(name)
	c.base.RawQuery = options.Encode()
	return u, nil
}
