package probe

import (
	"math"
	"strings"
	"testing"

	"github.com/kymohq/kymo/health"
)

// What servers write of their load, as far as it is asked for.
const (
	vllmMetrics = `# HELP vllm:num_requests_waiting Number of requests waiting to be processed.
# TYPE vllm:num_requests_waiting gauge
vllm:num_requests_waiting{engine="0",model_name="org/m"} 7.0
vllm:num_requests_waiting{engine="1",model_name="org/m"} 5.0
vllm:num_requests_waiting_by_reason{reason="capacity"} 99.0
# HELP vllm:kv_cache_usage_perc KV-cache usage. 1 means 100 percent usage.
# TYPE vllm:kv_cache_usage_perc gauge
vllm:kv_cache_usage_perc{engine="0",model_name="org/m"} 0.31
vllm:kv_cache_usage_perc{engine="1",model_name="org/m"} 0.925
`
	oldVLLMMetrics = "vllm:num_requests_waiting{model_name=\"m\"} 12.0\nvllm:gpu_cache_usage_perc{model_name=\"m\"} 0.925\n"
	sglangMetrics  = "sglang:num_queue_reqs{model_name=\"m\"} 12.0\nsglang:token_usage{model_name=\"m\"} 0.925\n"
	llamaMetrics   = "llamacpp:requests_deferred 12\nllamacpp:kv_cache_usage_ratio 0.925\n"
	tgiMetrics     = "# TYPE tgi_queue_size gauge\ntgi_queue_size 12\n"
	tritonMetrics  = `# TYPE nv_inference_pending_request_count gauge
nv_inference_pending_request_count{model="fraud",version="1"} 9
nv_inference_pending_request_count{model="{odd} \"name\"",version="1"} 3
nv_inference_queue_duration_us{model="fraud",version="1"} 8123
`
)

// Each server that says so is degraded when too many requests wait, or its cache is full.
func TestModelLoad(t *testing.T) {
	const list, metrics = "GET /v1/models", "GET /metrics"
	openai := func(text string) script {
		return script{list: on(200, `{"data": []}`), metrics: on(200, text)}
	}
	const waiting, used = "12 requests are waiting, max_queue is 12", "92.5 % of the KV cache is used, max_cache is 90 %"
	queue, cache := Spec{MaxQueue: 12}, Spec{MaxCache: 0.9}
	for name, text := range map[string]string{"vLLM": vllmMetrics, "old vLLM": oldVLLMMetrics, "SGLang": sglangMetrics, "llama.cpp": llamaMetrics} {
		testModels(t, "openai", []modelCase{
			{name + " queue", openai(text), queue, health.Degraded, waiting},
			{name + " cache", openai(text), cache, health.Degraded, used},
			{name + " both", openai(text), Spec{MaxQueue: 1, MaxCache: 0.5}, health.Degraded, "12 requests are waiting, max_queue is 1; 92.5 % of the KV cache is used, max_cache is 50 %"},
			{name + " well", openai(text), Spec{MaxQueue: 13, MaxCache: 0.93}, health.Healthy, ""},
			{name + " without a limit", openai(text), Spec{}, health.Healthy, ""},
		})
	}
	testModels(t, "openai", []modelCase{
		{"TGI queue", openai(tgiMetrics), queue, health.Degraded, waiting},
		{"TGI has no cache", openai(tgiMetrics), cache, health.Unknown, "the server reports no use of its KV cache, which max_cache needs"},
		{"no metrics", script{list: on(200, `{"data": []}`)}, queue, health.Unknown, "/metrics: answered 404 Not Found; turn them on"},
		{"other metrics", openai("up 1\nvllm:num_requests_waiting{} x\nvllm:num_requests_waiting\n"), queue, health.Unknown, "the server reports no number of waiting requests"},
		{"what is worse counts", openai("").with(metrics, on(500, "")), Spec{MaxQueue: 1, Models: []string{"m"}}, health.Down, "m: the server has no such model; a limit needs the metrics at "},
	})
	kserve := script{"GET /v2/health/ready": on(200, "")}
	triton := web(t, script{metrics: on(200, tritonMetrics)}.ServeHTTP)
	ported := func(s Spec, at string) Spec { s.URL = "?metrics=" + at + "/metrics"; return s }
	testModels(t, "kserve", []modelCase{
		{"Triton queue", kserve, ported(queue, triton.URL), health.Degraded, waiting},
		{"Triton well", kserve, ported(Spec{MaxQueue: 13}, triton.URL), health.Healthy, ""},
		{"Triton has no cache", kserve, ported(cache, triton.URL), health.Unknown, "the server reports no use of its KV cache"},
		{"no port of metrics", kserve, ported(queue, "http://"+closedTCP(t)), health.Unknown, "/metrics: connection refused; turn them on"},
	})
}

// The numbers are among the details.
func TestModelLoadDetails(t *testing.T) {
	s := web(t, script{"GET /v1/models": on(200, `{"data": []}`), "GET /metrics": on(200, vllmMetrics)}.ServeHTTP)
	details := wantHealthy(t, openProbe(t, Spec{Type: "openai", URL: s.URL + "/v1", MaxQueue: 100, MaxCache: 1}))
	if details["queue"] != int64(12) || details["cache"] != 0.925 {
		t.Errorf("got %v", details)
	}
}

func TestModelLoadLimits(t *testing.T) {
	for problem, s := range map[string]Spec{
		"max_queue: is -1; must not be negative":                                                       {Type: "openai", MaxQueue: -1},
		"max_cache: is 1.5; it is a share, from 0 to 1":                                                {Type: "openai", MaxCache: 1.5},
		"max_cache: is NaN; it is a share":                                                             {Type: "openai", MaxCache: math.NaN()},
		"max_queue: needs the server's metrics, which are on another port: url must look like http://": {Type: "kserve", MaxQueue: 1},
		"max_cache: needs the server's metrics":                                                        {Type: "kserve", MaxCache: 0.5},
		"max_queue: needs models, whose queues the management API knows":                               {Type: "torchserve", MaxQueue: 1},
		"max_cache: a check of type torchserve has no such key":                                        {Type: "torchserve", MaxCache: 0.5},
		"max_queue: a check of type tfserving has no such key":                                         {Type: "tfserving", MaxQueue: 1},
		"url: has a metrics option that is not a URL; it must look like http://host:8000?metrics=":     {Type: "openai", URL: "http://a?metrics=geheim"},
	} {
		if s.URL == "" {
			s.URL = "http://a"
		}
		_, err := New(&s)
		wantFieldError(t, s.Type, err, problem)
	}
}

func TestGauge(t *testing.T) {
	sum := func(a, b float64) float64 { return a + b }
	for text, want := range map[string]float64{
		"a 1":                                  1,
		"a{} 2 1700000000":                     2,
		"a\t3\n":                               3,
		"a{b=\"}\"} 4\na{b=\"c d\"} 1e1\n":     14,
		"# TYPE a gauge\nab 7\na 5\na_b 9":     5,
		"a NaN\na +Inf\na -1\na x\na\na{\na 6": 6,
		strings.Repeat("b 1\n", 1e4) + "a 8":   8,
	} {
		if got := gauge([]byte(text), []string{"none", "a"}, sum); got == nil || *got != want {
			t.Errorf("%.40q is %v, not %g", text, got, want)
		}
	}
	if got := gauge([]byte("ab 1\n"), []string{"a"}, sum); got != nil {
		t.Errorf("got %g from another name", *got)
	}
}
