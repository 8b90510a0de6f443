package modelservertest

import (
	"encoding/json"
	"maps"
	"net/http"
	"slices"
	"time"
)

// maxRequest bounds the body of a request, in bytes.
const maxRequest = 1 << 20

func (s *Server) routes() {
	s.mux.HandleFunc("GET /v2", func(w http.ResponseWriter, _ *http.Request) {
		write(w, http.StatusOK, map[string]any{"name": "modelservertest", "version": "1", "extensions": []string{"model_repository"}})
	})
	s.mux.HandleFunc("GET /v2/health/live", func(http.ResponseWriter, *http.Request) {})
	s.mux.HandleFunc("GET /v2/health/ready", s.serverReady)
	s.mux.HandleFunc("GET /v2/models/{model}", s.known(metadata))
	s.mux.HandleFunc("GET /v2/models/{model}/ready", s.known(modelReady))
	s.mux.HandleFunc("POST /v2/models/{model}/infer", s.known(s.infer))
	s.mux.HandleFunc("POST /v2/repository/index", s.index)
	s.mux.HandleFunc("POST /v2/repository/models/{model}/load", s.repository(ready))
	s.mux.HandleFunc("POST /v2/repository/models/{model}/unload", s.repository(unavailable))
}

// serverReady is true if all models are.
func (s *Server) serverReady(w http.ResponseWriter, _ *http.Request) {
	s.with(func() {
		busy := s.notReady
		for _, m := range s.models {
			busy = busy || m.state == loading
		}
		if busy {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
	})
}

// known answers for a model that is there.
func (s *Server) known(answer func(w http.ResponseWriter, r *http.Request, name string, m model)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		name := r.PathValue("model")
		m, ok := s.look(name)
		if !ok {
			refuse(w, http.StatusNotFound, "Model "+name+" not found")
			return
		}
		answer(w, r, name, m)
	}
}

func metadata(w http.ResponseWriter, _ *http.Request, name string, m model) {
	write(w, http.StatusOK, map[string]any{
		"name": name, "versions": []string{"1"}, "platform": "",
		"inputs":  []any{map[string]any{"name": "input", "datatype": "FP32", "shape": []int{-1, -1}}},
		"outputs": []any{map[string]any{"name": "output", "datatype": "FP32", "shape": m.shape}},
	})
}

func modelReady(w http.ResponseWriter, _ *http.Request, _ string, m model) {
	if m.state != ready {
		w.WriteHeader(http.StatusBadRequest)
	}
}

// index lists the models of the repository, ready or not.
func (s *Server) index(w http.ResponseWriter, _ *http.Request) {
	list := []any{}
	s.with(func() {
		for _, name := range slices.Sorted(maps.Keys(s.models)) {
			list = append(list, map[string]any{"name": name, "version": "1", "state": s.models[name].state, "reason": ""})
		}
	})
	write(w, http.StatusOK, list)
}

// repository loads or unloads a model.
func (s *Server) repository(to state) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		name, ok := r.PathValue("model"), false
		s.with(func() {
			if m := s.models[name]; m != nil {
				m.state, ok = to, true
			}
		})
		if !ok {
			refuse(w, http.StatusNotFound, "Model "+name+" not found")
		}
	}
}

// tensor is an input or an output.
type tensor struct {
	Name     string `json:"name"`
	Shape    []int  `json:"shape"`
	Datatype string `json:"datatype"`
	Data     any    `json:"data"`
}

func (s *Server) infer(w http.ResponseWriter, r *http.Request, name string, m model) {
	var delay time.Duration
	var failure string
	s.with(func() { s.inferred++; delay, failure = s.delay, s.failure })
	var request struct {
		ID     string   `json:"id"`
		Inputs []tensor `json:"inputs"`
	}
	if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxRequest)).Decode(&request); err != nil {
		refuse(w, http.StatusUnprocessableEntity, "the request is not understood: "+err.Error())
		return
	}
	rows, problem := check(request.Inputs)
	switch {
	case m.state != ready:
		problem = "Model " + name + " is not ready yet"
	case failure != "":
		problem = failure
	}
	if problem != "" {
		refuse(w, http.StatusBadRequest, problem)
		return
	}
	if delay > 0 {
		timer := time.NewTimer(delay)
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-r.Context().Done():
			return
		}
	}
	write(w, http.StatusOK, map[string]any{
		"model_name": name, "model_version": "1", "id": request.ID, "outputs": []tensor{output(m.shape, rows)},
	})
}

// check returns how many rows the inputs have, or what is wrong with them.
func check(inputs []tensor) (rows int, problem string) {
	if len(inputs) == 0 {
		return 0, "the request has no inputs"
	}
	for _, in := range inputs {
		if in.Name == "" || in.Datatype == "" || len(in.Shape) == 0 {
			return 0, "an input needs a name, a datatype and a shape"
		}
		if slices.Min(in.Shape) < 0 || product(in.Shape) != count(in.Data) {
			return 0, "input " + in.Name + " has not as much data as its shape says"
		}
	}
	return inputs[0].Shape[0], ""
}

// output is a tensor of a shape, in which all of a row is the same and sums to 1.
func output(shape []int, rows int) tensor {
	shape = slices.Clone(shape)
	for i, n := range shape {
		if n < 0 {
			shape[i] = rows
		}
	}
	data := make([]float64, product(shape))
	for i := range data {
		data[i] = 1 / float64(shape[len(shape)-1])
	}
	return tensor{"output", shape, "FP32", data}
}

func product(shape []int) int {
	n := 1
	for _, length := range shape {
		n *= length
	}
	return n
}

// count is how many elements data has, as a flat list or as nested ones.
func count(data any) int {
	list, ok := data.([]any)
	if !ok {
		return 1
	}
	n := 0
	for _, element := range list {
		n += count(element)
	}
	return n
}

func refuse(w http.ResponseWriter, status int, message string) {
	write(w, status, map[string]string{"error": message})
}

func write(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v)
}
