package probe

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/kymohq/kymo/health"
	"github.com/kymohq/kymo/internal/duration"
)

// modelTypes are the types that serve models.
var modelTypes = func() map[string]constructor {
	all := make(map[string]constructor)
	for name, protocol := range map[string]func(*modelClient) (modelServer, error){
		"kserve": newKServe, "torchserve": newTorchServe, "tfserving": newTFServing, "openai": newOpenAI,
	} {
		all[name] = func(s *Spec) (health.Probe, error) { return newModelProbe(s, protocol) }
	}
	return all
}()

// modelServer speaks the protocol of one kind of server. Its errors are verdicts
// (a fault, or an error made by package health), or any other error if there was
// no answer to judge.
type modelServer interface {
	// ready probes the server itself. If it is only degraded, its models are probed
	// as well, since they may show the reason.
	ready(ctx context.Context) error
	// model probes whether a model could answer.
	model(ctx context.Context, name string) error
	// load reports how busy the server is, after ready and the models. It is called only if
	// there is a limit.
	load(ctx context.Context) (modelLoad, error)
	// infer makes the canary's inference. The shape is nil if the protocol has none.
	infer(ctx context.Context) (shape []int, took time.Duration, err error)
}

// modelProbe probes a server, its models, and the answer of one of them.
type modelProbe struct {
	server modelServer
	models []string
	canary *Canary // nil if there is none; its model is among models
	hide   secrets

	maxQueue int     // 0 is no limit
	maxCache float64 // 0 is no limit
}

func newModelProbe(s *Spec, protocol func(*modelClient) (modelServer, error)) (health.Probe, error) {
	u, hide, err := parseURL("url", s.URL, "http://host:8080", "http", "https")
	if err != nil {
		return health.Probe{}, err
	}
	headers, err := checkHeaders(s.Headers, &hide)
	if err != nil {
		return health.Probe{}, err
	}
	with := sending{to: u.Hostname(), headers: headers,
		defaults: map[string]string{"Content-Type": "application/json", "Accept": "application/json"}}
	if err := with.authorize("key", s.Key, &hide); err != nil {
		return health.Probe{}, err
	}
	if with.secure, err = secureHTTP(u, s.TLS, s.Insecure); err != nil {
		return health.Probe{}, err
	}
	models, canary, err := checkModels(s)
	if err != nil {
		return health.Probe{}, err
	}
	c := &modelClient{client: newClient(with), base: u, hide: hide, spec: s, models: models, canary: canary}
	c.max = maxTensors
	server, err := protocol(c)
	if err != nil {
		return health.Probe{}, err
	}
	m := &modelProbe{server: server, models: models, canary: canary, hide: c.hide, maxQueue: s.MaxQueue, maxCache: s.MaxCache}
	return networkProbe(target{s.Type, u.Host}, c.hide, m.run, c.client), nil
}

// checkModels returns the models to probe, among them the canary's, and the
// canary with all that may be left out.
func checkModels(s *Spec) (models []string, canary *Canary, err error) {
	for _, name := range s.Models {
		if name == "" || name == "." || name == ".." {
			return nil, nil, wrong("models", "has a name that is empty or only dots")
		}
	}
	models = slices.Clone(s.Models)
	if s.Canary == nil {
		return models, nil, nil
	}
	c := *s.Canary
	switch {
	case c.Model == "" && len(models) == 0:
		return nil, nil, wrong("canary.model", "is missing, and there are no models of which it could be the first")
	case c.Model == "":
		c.Model = models[0]
	case len(models) == 0:
		models = []string{c.Model}
	case !slices.Contains(models, c.Model):
		return nil, nil, wrong("canary.model", "%q is not one of models; add it there", c.Model)
	}
	for _, n := range c.Shape {
		if n < anyLength {
			return nil, nil, wrong("canary.shape", "has %d; must be 0 or more, or -1 for any length", n)
		}
	}
	if c.Budget < 0 {
		return nil, nil, wrong("canary.budget", "is %s; must not be negative", c.Budget)
	}
	return models, &c, nil
}

// run probes the server and all models, and reports all problems.
func (m *modelProbe) run(ctx context.Context) (health.Details, error) {
	details, all := health.Details{}, verdicts{}
	if err := m.server.ready(ctx); err != nil {
		if health.StatusOf(err) != health.Degraded {
			return nil, err
		}
		all.add("", err)
	}
	for _, name := range m.models {
		err := m.server.model(ctx, name)
		if !isVerdict(err) {
			return details, err
		}
		one := map[string]any{"ready": err == nil}
		if err == nil && m.canary != nil && name == m.canary.Model {
			if err = m.infer(ctx, one); !isVerdict(err) {
				return details, err
			}
		}
		one["status"] = health.StatusOf(err).String()
		details[name] = one
		all.add(name, err)
	}
	if err := m.judgeLoad(ctx, details, &all); err != nil {
		return details, err
	}
	return details, all.err()
}

// infer makes the canary's inference and judges the answer.
func (m *modelProbe) infer(ctx context.Context, details map[string]any) error {
	shape, took, err := m.server.infer(ctx)
	if err != nil {
		return err
	}
	details["inference_ms"] = float64(took.Microseconds()) / 1000
	if want := m.canary.Shape; len(want) > 0 && !fits(shape, want) {
		return fault(fmt.Sprintf("output shape is %s, not %s", shapeText(shape), shapeText(want)))
	}
	if budget := m.canary.Budget; budget > 0 && took > budget {
		text, most := duration.Distinct(took, budget)
		return health.Degradedf("inference took %s, over %s", text, most)
	}
	return nil
}

// isVerdict reports whether an error, or none, judges an answer that came.
func isVerdict(err error) bool {
	var own fault
	status := health.StatusOf(err)
	return status == health.Healthy || status == health.Degraded || errors.As(err, &own)
}

// verdicts collects the results of several targets, of which the worst
// counts.
type verdicts struct{ down, degraded, unknown []string }

// unsure adds what could not be judged.
func (v *verdicts) unsure(text string) { v.unknown = append(v.unknown, text) }

// add adds what was found on the thing of that name, which "" is the whole.
func (v *verdicts) add(name string, err error) {
	if err == nil {
		return
	}
	text := err.Error()
	if name != "" {
		text = name + ": " + text
	}
	if health.StatusOf(err) == health.Down {
		v.down = append(v.down, text)
	} else {
		v.degraded = append(v.degraded, text)
	}
}

// err is all of it in one error, the worst first; nil if there is nothing.
func (v *verdicts) err() error {
	switch text := strings.Join(slices.Concat(v.down, v.degraded, v.unknown), "; "); {
	case len(v.down) > 0:
		return fault(text)
	case len(v.degraded) > 0:
		return health.Degradedf("%s", text)
	case text != "":
		return health.Unknownf("%s", text)
	}
	return nil
}
