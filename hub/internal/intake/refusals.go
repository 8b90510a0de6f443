package intake

import (
	"cmp"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/kymohq/kymo/internal/wire"
)

// Refusal is bodies of one service that were refused for the same field.
type Refusal struct {
	Service     string // "" if it is not known whose they were
	Field       string // of the last one; "" if it was the body as a whole
	Problem     string // of the last one
	Bodies      uint64
	First, Last time.Time
}

// RefusedFunc is called when bodies were refused: at the first one, and then, of each service
// and field, at most once a minute, and of all at most 30 times. The refusal has the number of
// bodies since the last call.
type RefusedFunc func(Refusal)

// refusals remembers why bodies were refused.
type refusals struct {
	mu   sync.Mutex
	all  map[refusalKey]*refusal
	tell RefusedFunc

	minute time.Time // when the first of told was told
	told   int
}

type refusalKey struct{ service, field string }

type refusal struct {
	Refusal
	told   time.Time
	untold uint64 // bodies since then
}

const (
	// maxRefusals bounds how many are remembered. The one that is longest ago makes room.
	maxRefusals  = 200
	tellRefusals = time.Minute
	maxTold      = 30 // within that time: a sender can make up services
)

func (r *refusals) add(service, field, problem string, now time.Time) {
	if news, due := r.note(service, field, problem, now); due {
		r.tell(news)
	}
}

// note remembers a refusal, and returns what is to be told now.
func (r *refusals) note(service, field, problem string, now time.Time) (news Refusal, due bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	key := refusalKey{service, field}
	one := r.all[key]
	if one == nil {
		if len(r.all) >= maxRefusals {
			r.forgetOldest()
		}
		if r.all == nil {
			r.all = make(map[refusalKey]*refusal)
		}
		one = &refusal{Refusal: Refusal{Service: service, Field: field, First: now}}
		r.all[key] = one
	}
	one.Problem, one.Last = problem, now
	one.Bodies++
	one.untold++
	if now.Sub(r.minute) >= tellRefusals {
		r.minute, r.told = now, 0
	}
	if r.tell == nil || r.told == maxTold || !one.told.IsZero() && now.Sub(one.told) < tellRefusals {
		return Refusal{}, false
	}
	r.told++
	news = one.Refusal
	news.Bodies = one.untold
	one.told, one.untold = now, 0
	return news, true
}

func (r *refusals) forgetOldest() {
	var oldest refusalKey
	var last time.Time
	for key, one := range r.all {
		if last.IsZero() || one.Last.Before(last) {
			oldest, last = key, one.Last
		}
	}
	delete(r.all, oldest)
}

// OnRefused registers f. It must be called before anything arrives.
func (in *Intake) OnRefused(f RefusedFunc) { in.refusals.tell = f }

// Refusals returns why bodies were refused since the start, the latest first: the newest 200.
func (in *Intake) Refusals() []Refusal {
	in.refusals.mu.Lock()
	defer in.refusals.mu.Unlock()
	all := make([]Refusal, 0, len(in.refusals.all))
	for _, one := range in.refusals.all {
		all = append(all, one.Refusal)
	}
	slices.SortFunc(all, func(a, b Refusal) int {
		return cmp.Or(b.Last.Compare(a.Last), cmp.Compare(a.Service, b.Service), cmp.Compare(a.Field, b.Field))
	})
	return all
}

// Refuse counts a body that is the sender's mistake, and returns why as a *wire.FieldError, or
// the reader's error. The service is "" if it is not known.
func (in *Intake) Refuse(service string, err error) error {
	in.Counters.Refused.Add(1)
	if errors.Is(err, wire.ErrMalformed) {
		err = &wire.FieldError{Index: -1, Problem: err.Error()}
	}
	field, problem := "", err.Error()
	if bad, ok := errors.AsType[*wire.FieldError](err); ok {
		field, problem = bad.Field, bad.Problem
	}
	in.refusals.add(wire.Clean(service, wire.MaxService), wire.Clean(field, wire.MaxService), wire.Clean(problem, wire.MaxReason), in.clock.Now())
	return err
}
