//go:build interop

package probe

import (
	"bytes"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync"
	"syscall"
	"testing"

	"github.com/kymohq/kymo/health"
	"github.com/kymohq/kymo/internal/serverstest"
)

// torchServeServer is a real TorchServe: its server in Java, and its workers in Python.
type torchServeServer struct {
	t           *testing.T
	bin         string // KYMO_INTEROP_TORCHSERVE, where its programs are
	dir         string
	environment []string
	inference   string // URLs
	management  string
}

func newTorchServeServer(t *testing.T) *torchServeServer {
	s := &torchServeServer{t: t, bin: os.Getenv("KYMO_INTEROP_TORCHSERVE"), dir: t.TempDir()}
	if s.bin == "" {
		t.Fatal("KYMO_INTEROP_TORCHSERVE is not set; run make interop")
	}
	sources, err := filepath.Abs("testdata/interop/torchserve")
	if err != nil {
		t.Fatal(err)
	}
	s.environment = append(os.Environ(), "PYTHONPATH="+sources, "KYMO_INTEROP_GATES="+s.dir, "PATH="+s.bin+":"+os.Getenv("PATH"))
	s.gate("load", true)
	s.gate("answer", true)
	s.command("torch-model-archiver", "--model-name", "gated", "--version", "1.0",
		"--handler", filepath.Join(sources, "gated.py"), "--export-path", s.dir)
	var ports []any
	for range 5 {
		ports = append(ports, strconv.Itoa(serverstest.FreePort(t)))
	}
	s.inference, s.management = fmt.Sprintf("http://127.0.0.1:%s", ports[0]), fmt.Sprintf("http://127.0.0.1:%s", ports[1])
	properties := fmt.Sprintf("inference_address=http://127.0.0.1:%s\nmanagement_address=http://127.0.0.1:%s\n"+
		"metrics_address=http://127.0.0.1:%s\ngrpc_inference_port=%s\ngrpc_management_port=%s\n"+
		"default_workers_per_model=1\njob_queue_size=10\nvmargs=-Xmx256m -XX:+UseSerialGC\n", ports...)
	if err := os.WriteFile(filepath.Join(s.dir, "config.properties"), []byte(properties), 0o600); err != nil {
		t.Fatal(err)
	}
	return s
}

func (s *torchServeServer) command(name string, args ...string) {
	s.t.Helper()
	c := exec.Command(filepath.Join(s.bin, name), args...)
	c.Env, c.Dir = s.environment, s.dir
	if out, err := c.CombinedOutput(); err != nil {
		s.t.Fatalf("%s: %v\n%s", name, err, out)
	}
}

// start starts it in a process group of its own, which ends with the test.
func (s *torchServeServer) start() {
	c := exec.Command(filepath.Join(s.bin, "torchserve"), "--foreground", "--ncs", "--disable-token-auth",
		"--model-store", s.dir, "--models", "gated=gated.mar", "--ts-config", "config.properties")
	c.Env, c.Dir = s.environment, s.dir
	c.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := c.Start(); err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() {
		_ = syscall.Kill(-c.Process.Pid, syscall.SIGKILL)
		_ = c.Wait()
	})
}

// gate opens or closes one of the model's gates.
func (s *torchServeServer) gate(name string, open bool) {
	s.t.Helper()
	path := filepath.Join(s.dir, name)
	err := os.RemoveAll(path)
	if open {
		err = os.WriteFile(path, nil, 0o600)
	}
	if err != nil {
		s.t.Fatal(err)
	}
}

// scale sets the number of workers, without waiting for them.
func (s *torchServeServer) scale(workers int) {
	s.t.Helper()
	to := fmt.Sprintf("%s/models/gated?min_worker=%d&max_worker=%[2]d", s.management, workers)
	req, err := http.NewRequestWithContext(s.t.Context(), http.MethodPut, to, nil)
	if err != nil {
		s.t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		s.t.Fatal(err)
	}
	_ = resp.Body.Close()
	if resp.StatusCode/100 != 2 {
		s.t.Fatalf("scaling to %d workers: %s", workers, resp.Status)
	}
}

func (s *torchServeServer) spec(models ...string) Spec {
	return Spec{Type: "torchserve", URL: s.inference + "?management=" + s.management, Models: models}
}

func TestInteropTorchServe(t *testing.T) {
	s := newTorchServeServer(t)
	p := openProbe(t, s.spec("gated"))
	canary := s.spec("gated")
	canary.Canary = &Canary{Body: map[string]any{"data": 1}, Shape: []int{2}}
	wantProblem(t, p, enough, health.Down, "connection refused")
	s.start()
	waitFor(t, p, health.Healthy)
	wantHealthy(t, openProbe(t, Spec{Type: "torchserve", URL: s.inference}))

	t.Run("canary", func(t *testing.T) {
		t.Log(wantHealthy(t, openProbe(t, canary)))
		wrong := canary
		wrong.Canary = &Canary{Body: map[string]any{"data": 1}, Shape: []int{3}}
		wantProblem(t, openProbe(t, wrong), enough, health.Down, "gated: output shape is [2], not [3]")
	})
	t.Run("no such model", func(t *testing.T) {
		wantProblem(t, openProbe(t, s.spec("gated", "other")), enough, health.Down, "other: the server has no such model")
	})
	t.Run("waiting", func(t *testing.T) {
		spec := s.spec("gated")
		spec.MaxQueue = 3
		p := openProbe(t, spec)
		if details := wantHealthy(t, p); details["queue"] != int64(0) {
			t.Errorf("nothing waits, and the queue is %v", details["queue"])
		}
		s.gate("answer", false)
		var asked sync.WaitGroup
		for range 4 { // one is with the worker, and the others wait
			asked.Go(func() {
				resp, err := http.Post(s.inference+"/predictions/gated", "application/json", bytes.NewReader([]byte(`{"data": 1}`)))
				if err == nil {
					_ = resp.Body.Close()
				}
			})
		}
		waitFor(t, p, health.Degraded)
		wantProblem(t, p, enough, health.Degraded, "requests are waiting, max_queue is 3")
		s.gate("answer", true)
		asked.Wait()
		waitFor(t, p, health.Healthy)
	})
	t.Run("without workers", func(t *testing.T) {
		s.scale(0)
		waitFor(t, p, health.Down)
		wantProblem(t, p, enough, health.Down, "gated: no workers")
		alone := openProbe(t, Spec{Type: "torchserve", URL: s.inference, Canary: &Canary{Model: "gated", Body: canary.Canary.Body}})
		wantProblem(t, alone, enough, health.Down, `gated: inference answered 503 Service Unavailable: Model "gated" has no worker`)
	})
	t.Run("loading", func(t *testing.T) {
		s.gate("load", false)
		s.scale(1)
		waitFor(t, p, health.Degraded)
		wantProblem(t, p, enough, health.Degraded, "gated: loading")
		s.gate("load", true)
		waitFor(t, p, health.Healthy)
		wantHealthy(t, openProbe(t, canary))
	})
}
