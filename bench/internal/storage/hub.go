package storage

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/kymohq/kymo/bench/internal/dataset"
	"github.com/kymohq/kymo/internal/wire"
	"golang.org/x/sync/errgroup"
)

// BuildHub compiles the command kymo from the module's sources into dir and
// returns the program's path.
func BuildHub(ctx context.Context, source, dir string) (string, error) {
	program := filepath.Join(dir, "kymo")
	build := exec.CommandContext(ctx, "go", "build", "-o", program, "./cmd/kymo")
	build.Dir = source
	build.Env = append(os.Environ(), "GOFLAGS=-buildvcs=false")
	if out, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build kymo: %w: %s", err, out)
	}
	return program, nil
}

// hub is the command `kymo serve` with a store of its own.
type hub struct {
	name    string
	dir     string
	data    data
	url     string
	process *process
	client  *http.Client

	connections int
	busy        atomic.Int64 // answers that asked to come again later
}

func newHub(ctx context.Context, program string, connections int, on place) (*hub, error) {
	if program == "" {
		return nil, fmt.Errorf("kymo is %w", errAbsent)
	}
	dir, err := os.MkdirTemp("", "bench-kymo-")
	if err != nil {
		return nil, err
	}
	h := &hub{name: on.name, dir: dir, connections: connections, client: &http.Client{
		Transport: &http.Transport{MaxIdleConnsPerHost: 1024, DisableCompression: true},
		Timeout:   time.Minute,
	}}
	if err := h.start(ctx, program, on); err != nil {
		h.kill()
		return nil, err
	}
	return h, nil
}

func (h *hub) start(ctx context.Context, program string, on place) error {
	made, err := on.make(ctx, h.dir)
	if err != nil {
		return err // made may hold a nil pointer, which kill would call
	}
	h.data = made
	ready := filepath.Join(h.dir, "ready")
	serve := exec.Command(program, "serve", "--listen", "127.0.0.1:0", "--store", h.data.store(), "--ready-file", ready)
	serve.Dir = h.dir
	if h.process, err = start(serve, filepath.Join(h.dir, "log")); err != nil {
		return wrap("start kymo", err)
	}
	return h.process.ready(ctx, func(context.Context) error {
		url, err := os.ReadFile(ready)
		h.url = strings.TrimSpace(string(url))
		return err
	})
}

// encode makes the bodies that an SDK would send: batches of size requests, the
// i-th from instance i modulo instances.
func encode(c dataset.Config, size, instances int) ([][]byte, error) {
	var bodies [][]byte
	b := wire.NewBuilder()
	for events := range c.Batches(size) {
		b.Reset()
		for i := range events {
			e := &events[i]
			b.Add(&wire.Request{
				Key:  wire.Key{Service: "bench", Endpoint: e.Endpoint, Method: e.Method, Status: e.Status},
				User: e.User, Start: e.Start, Duration: time.Duration(e.Duration),
			})
		}
		instance := fmt.Sprintf("bench-%d", len(bodies)%instances)
		batch := b.Batch(instance, uint64(len(bodies)/instances)+1)
		if err := batch.Validate(); err != nil {
			return nil, wrap("make a batch", err)
		}
		bodies = append(bodies, bytes.Clone(batch.AppendBinary(nil)))
	}
	return bodies, nil
}

// restamp moves the requests' starts by so much.
func restamp(bodies [][]byte, by time.Duration) error {
	var b wire.Batch
	for i := range bodies {
		if err := wire.Decode(bodies[i], &b); err != nil {
			return wrap("read a batch back", err)
		}
		for k := range b.Start {
			b.Start[k] += by.Milliseconds()
		}
		bodies[i] = b.AppendBinary(bodies[i][:0])
	}
	return nil
}

// send posts body i on connection i modulo instances: each instance
// sends its own batches in order.
func (h *hub) send(ctx context.Context, bodies [][]byte, instances int) error {
	group, ctx := errgroup.WithContext(ctx)
	for first := range instances {
		group.Go(func() error {
			for i := first; i < len(bodies); i += instances {
				if err := h.post(ctx, bodies[i]); err != nil {
					return err
				}
			}
			return nil
		})
	}
	return group.Wait()
}

func (h *hub) post(ctx context.Context, body []byte) error {
	for try := 0; ; try++ {
		r, err := http.NewRequestWithContext(ctx, http.MethodPost, h.url+"/api/v1/batches", bytes.NewReader(body))
		if err != nil {
			return err
		}
		r.Header.Set("Content-Type", wire.ContentType)
		answer, err := h.client.Do(r)
		if err != nil {
			return wrap("send a batch", err)
		}
		text, err := io.ReadAll(answer.Body)
		answer.Body.Close()
		switch {
		case err != nil:
			return wrap("read the hub's answer", err)
		case answer.StatusCode == http.StatusAccepted:
			return nil
		case try < 1000 && (answer.StatusCode == http.StatusServiceUnavailable || answer.StatusCode == http.StatusTooManyRequests):
			h.busy.Add(1)
			time.Sleep(5 * time.Millisecond)
		default:
			return fmt.Errorf("send a batch: %s: %s", answer.Status, text)
		}
	}
}

func (h *hub) get(ctx context.Context, path string) ([]byte, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, h.url+path, nil)
	if err != nil {
		return nil, err
	}
	answer, err := h.client.Do(r)
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err == nil && answer.StatusCode != http.StatusOK {
		err = fmt.Errorf("GET %s: %s: %s", path, answer.Status, body)
	}
	return body, err
}

// total is how many requests the hub says it keeps of the report's hours.
func (h *hub) total(ctx context.Context) (int64, error) {
	body, err := h.get(ctx, fmt.Sprintf("/metrics/performance?hours=%d", reportHours))
	if err != nil {
		return 0, err
	}
	var answer struct {
		Total int64 `json:"total_requests"`
	}
	err = json.Unmarshal(body, &answer)
	return answer.Total, err
}

func (h *hub) load(ctx context.Context, c dataset.Config) error {
	bodies, err := encode(c, batchSize, h.connections)
	if err != nil {
		return err
	}
	if err := h.send(ctx, bodies, h.connections); err != nil {
		return err
	}
	return h.data.settle(ctx)
}

const endpointsPath = "/metrics/endpoints?hours=168"

func (h *hub) reports() []report {
	return []report{{h.name + ", GET " + endpointsPath, func(ctx context.Context) ([]row, error) {
		body, err := h.get(ctx, endpointsPath)
		if err != nil {
			return nil, err
		}
		return endpointRows(body)
	}}}
}

// endpointRows reads the answer of GET /metrics/endpoints.
func endpointRows(body []byte) ([]row, error) {
	var elements []struct {
		Endpoint string  `json:"endpoint"`
		Method   string  `json:"method"`
		Total    int64   `json:"total_requests"`
		P50      float64 `json:"p50_response_time"`
		P95      float64 `json:"p95_response_time"`
		P99      float64 `json:"p99_response_time"`
	}
	if err := json.Unmarshal(body, &elements); err != nil {
		return nil, wrap("read the hub's report", err)
	}
	rows := make([]row, len(elements))
	for i, e := range elements {
		rows[i] = row{dataset.Series{Endpoint: e.Endpoint, Method: e.Method}, e.Total, e.P50, e.P95, e.P99}
	}
	return rows, nil
}

func (h *hub) memory() (int64, error) { return h.process.peak() }

func (h *hub) finish(ctx context.Context) (int64, error) {
	if err := h.process.stop(syscall.SIGTERM); err != nil {
		log, _ := os.ReadFile(filepath.Join(h.dir, "log"))
		return 0, fmt.Errorf("stop kymo: %w: %s", err, log)
	}
	size, err := h.data.size(ctx)
	h.kill()
	return size, err
}

func (h *hub) kill() {
	if h.process != nil {
		h.process.kill()
	}
	if h.data != nil {
		h.data.kill()
	}
	_ = os.RemoveAll(h.dir)
}
