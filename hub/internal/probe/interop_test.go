//go:build interop

package probe

import (
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/kymohq/kymo/health"
)

// mlServer is a real model server. tools/interop.sh installs it and makes its models.
type mlServer struct {
	t       *testing.T
	program string // KYMO_INTEROP_MLSERVER
	models  string // KYMO_INTEROP_MODELS, a directory
	ports   [3]int // HTTP, gRPC, metrics
	process *exec.Cmd
}

func newMLServer(t *testing.T) *mlServer {
	m := &mlServer{t: t, program: os.Getenv("KYMO_INTEROP_MLSERVER"), models: os.Getenv("KYMO_INTEROP_MODELS")}
	if m.program == "" || m.models == "" {
		t.Fatal("KYMO_INTEROP_MLSERVER and KYMO_INTEROP_MODELS are not set; run make interop")
	}
	for i := range m.ports {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close() // when all three are known
		m.ports[i] = l.Addr().(*net.TCPAddr).Port
	}
	t.Cleanup(func() {
		if m.process != nil {
			_ = m.process.Process.Kill()
			_ = m.process.Wait()
		}
	})
	return m
}

// start starts it, and does not wait.
func (m *mlServer) start() {
	m.process = exec.Command(m.program, "start", m.models)
	m.process.Env = append(os.Environ(), "MLSERVER_HOST=127.0.0.1", "MLSERVER_PARALLEL_WORKERS=0", "MLSERVER_DEBUG=false")
	for i, name := range []string{"HTTP", "GRPC", "METRICS"} {
		m.process.Env = append(m.process.Env, "MLSERVER_"+name+"_PORT="+strconv.Itoa(m.ports[i]))
	}
	m.process.Dir = m.t.TempDir()
	if err := m.process.Start(); err != nil {
		m.t.Fatal(err)
	}
}

func (m *mlServer) stop() {
	if err := m.process.Process.Signal(syscall.SIGTERM); err != nil {
		m.t.Fatal(err)
	}
	_ = m.process.Wait()
	m.process = nil
}

func (m *mlServer) url() string { return fmt.Sprintf("http://127.0.0.1:%d", m.ports[0]) }

// repository loads or unloads a model.
func (m *mlServer) repository(model, action string) {
	m.t.Helper()
	resp, err := http.Post(m.url()+"/v2/repository/models/"+model+"/"+action, "application/json", nil)
	if err != nil {
		m.t.Fatal(err)
	}
	_ = resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		m.t.Fatalf("%s %s: %s", action, model, resp.Status)
	}
}

// gate lets the model late be loaded, or keeps it waiting.
func (m *mlServer) gate(open bool) {
	path := filepath.Join(m.models, "late", "gate")
	err := os.Remove(path)
	if open {
		err = os.WriteFile(path, nil, 0o666)
	}
	if err != nil {
		m.t.Fatal(err)
	}
}

// spec is a check of iris with a canary.
func (m *mlServer) spec(models ...string) Spec {
	return Spec{Type: "kserve", URL: m.url(), Models: models, Canary: &Canary{Model: "iris", Shape: []int{-1, 3}, Body: map[string]any{
		"inputs": []any{map[string]any{
			"name": "predict", "shape": []int{1, 4}, "datatype": "FP32", "data": []float64{5.1, 3.5, 1.4, 0.2},
		}},
		"outputs": []any{map[string]any{"name": "predict_proba"}},
	}}}
}

// waitFor waits until a run sees this, and shows what runs saw on the way.
func waitFor(t *testing.T, p health.Probe, want health.Status) {
	t.Helper()
	seen := ""
	eventually(t, want.String(), func() bool {
		details, err := runProbe(t, p, enough)
		if now := fmt.Sprint(health.StatusOf(err), ": ", err, " ", details); now != seen {
			seen = now
			t.Log(now)
		}
		return health.StatusOf(err) == want
	})
}

func TestInterop(t *testing.T) {
	m := newMLServer(t)
	p := openProbe(t, m.spec("iris", "late"))
	wantProblem(t, p, enough, health.Down, "connection refused")
	m.start()
	waitFor(t, p, health.Healthy)

	t.Run("canary", func(t *testing.T) {
		t.Log(wantHealthy(t, p))
		wrong := m.spec("iris")
		wrong.Canary.Shape = []int{1, 4}
		wantProblem(t, openProbe(t, wrong), enough, health.Down, "iris: output shape is [1,3], not [1,4]")
		slow := m.spec("iris")
		slow.Canary.Budget = time.Nanosecond
		wantProblem(t, openProbe(t, slow), enough, health.Degraded, "iris: inference took")
		refused := m.spec("iris")
		refused.Canary.Body = map[string]any{"inputs": []any{}}
		wantProblem(t, openProbe(t, refused), enough, health.Down, "iris: inference answered 400 Bad Request: There was an error")
		misread := m.spec("iris")
		misread.Canary.Body = map[string]any{"inputs": 3}
		wantProblem(t, openProbe(t, misread), enough, health.Down, "422 Unprocessable Entity: Input should be a valid list")
	})
	t.Run("no such model", func(t *testing.T) {
		wantProblem(t, openProbe(t, m.spec("iris", "other")), enough, health.Down, "other: the server has no such model")
	})
	t.Run("unloaded and loaded", func(t *testing.T) {
		m.repository("iris", "unload")
		wantProblem(t, p, enough, health.Down, "iris: the server has no such model")
		m.repository("iris", "load")
		wantHealthy(t, p)
	})
	t.Run("loading", func(t *testing.T) {
		m.repository("late", "unload")
		m.gate(false)
		loaded := make(chan struct{})
		go func() { defer close(loaded); m.repository("late", "load") }()
		waitFor(t, p, health.Degraded)
		details := wantProblem(t, p, enough, health.Degraded, "late: loading")
		if late := fmt.Sprint(details["late"]); late != "map[ready:false status:degraded]" {
			t.Errorf("late is %s", late)
		}
		m.gate(true)
		<-loaded
		wantHealthy(t, p)
	})
	t.Run("stopped and started", func(t *testing.T) {
		m.stop()
		wantProblem(t, p, enough, health.Down, "connection refused")
		m.gate(false)
		m.start()
		waitFor(t, p, health.Degraded)
		m.gate(true)
		waitFor(t, p, health.Healthy)
		m.stop()
	})
}
