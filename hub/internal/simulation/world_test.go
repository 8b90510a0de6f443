package simulation

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/kymohq/kymo"
	"github.com/kymohq/kymo/hub/internal/config"
	"github.com/kymohq/kymo/hub/internal/core"
	"github.com/kymohq/kymo/hub/internal/store"
	"github.com/kymohq/kymo/hub/internal/store/pebblestore"
)

// world is a hub over a store, its disk and its clock, and the model beside it.
type world struct {
	t *testing.T
	*schedule
	r     *rand.Rand // of the step under way
	model *model
	trace []string

	disk   *disk
	store  *pebblestore.Store
	hub    *core.Hub
	log    *strings.Builder // of the hub
	logger *slog.Logger     // to log, from any goroutine

	begin  time.Time
	slept  atomic.Int64 // nanoseconds that passed beside those of the bubble
	wrong  atomic.Int64 // nanoseconds by which the wall clock is ahead of the true time
	wrongs time.Time    // since when it is wrong
	jump   int64        // when hours had passed last, by the true time
	latest int64        // the latest time that a clock which was believed may have shown, Unix ms
	belief bool         // whether a wrong clock may have been believed

	sequences map[string]uint64
	numbers   int64 // of requests and health results
	floor     int64 // the highest that was seen
	squeezed  int64 // up to which the store was emptied to become smaller
	fired     int   // faults, when the hub last worked without trouble
	hurt      bool  // whether a file was damaged
	harmed    bool  // whether that was one other than of the journal
	nameless  bool  // whether a repair has said that names of series are lost
}

// failure is the panic with which a world ends that is not as it should be.
type failure string

func (w *world) failf(format string, args ...any) { panic(failure(fmt.Sprintf(format, args...))) }

func (w *world) notef(format string, args ...any) {
	w.trace = append(w.trace, time.UnixMilli(w.truth()).UTC().Format("01-02 15:04:05.000 ")+fmt.Sprintf(format, args...))
}

func newWorld(t *testing.T, s *schedule) *world {
	w := &world{t: t, schedule: s, model: newModel(), sequences: make(map[string]uint64), begin: time.Now()}
	w.r = rand.New(rand.NewPCG(s.seed, 2))
	w.disk = newDisk(vfs.NewCrashableMem(), w.r.Uint64())
	return w
}

// now is the true time.
func (w *world) now() time.Time { return time.Now().Add(time.Duration(w.slept.Load())).Round(0) }

func (w *world) truth() int64 { return w.now().UnixMilli() }

// wall is the time by the machine's clock.
func (w *world) wall() time.Time { return w.now().Add(time.Duration(w.wrong.Load())) }

// run carries out all steps, and then puts all in order, after which nothing may be amiss.
func (w *world) run() {
	w.start()
	for i, s := range w.steps {
		w.r = rand.New(rand.NewPCG(s.seed, 3))
		w.notef("%d %s", i, s.kind)
		w.do(s.kind)
		synctest.Wait()
		w.verify()
	}
	w.r = rand.New(rand.NewPCG(w.seed, 4))
	w.notef("the end")
	w.finish()
}

// verify fails if something was found that must not be.
func (w *world) verify() {
	w.model.mu.Lock()
	violation := w.model.violation
	w.model.mu.Unlock()
	if violation != "" {
		w.failf("%s", violation)
	}
	w.checkFloor()
}

func (w *world) do(k kind) {
	switch k {
	case send:
		for range 1 + w.r.IntN(4) {
			w.ship(w.newBatch())
		}
	case burst:
		w.burst()
	case hold:
		w.newBatch()
	case duplicate:
		w.duplicate()
	case retry:
		w.retry()
	case wait:
		w.pass(time.Duration(w.r.Int64N(int64([]time.Duration{2 * time.Second, 2 * time.Minute}[w.r.IntN(2)]))))
	case sleep:
		w.pass(time.Duration(w.r.Int64N(int64(w.age * 3 / 2))))
	case ask:
		w.ask()
	case crash:
		w.crash(0)
	case crashAt:
		w.crash(1 + w.r.IntN(60))
	case stop:
		w.restart()
	case breakDisk:
		w.breakDisk()
	case fillDisk:
		w.disk.fail(&fault{err: full, kinds: "write", times: -1})
	case slowDisk:
		w.disk.slowDown(time.Duration(1+w.r.Int64N(int64(20*time.Second))), func(d time.Duration) { w.slept.Add(int64(d)) })
	case healDisk:
		w.heal()
	case stepClock:
		w.stepClock()
	case rightClock:
		w.rightClock()
	case damage:
		w.damage()
	case squeeze:
		w.squeeze()
	}
}

// finish puts the disk and the clock in order. Then everything that was sent is there, and
// once it is older than the retention, it is gone.
func (w *world) finish() {
	w.heal()
	w.rightClock()
	w.pass(2 * time.Minute)
	w.heal()
	w.retry()
	if left := w.model.pick(func(b *batch) bool { return b.data != nil && !b.kept && !b.forgot }); len(left) > 0 {
		w.failf("%d batches are not acknowledged, though nothing is wrong any more: %v first", len(left), left[0].identity)
	}
	w.ask()
	if w.r.IntN(2) == 0 {
		w.restart()
	} else {
		w.crash(0)
	}
	w.ask()
	w.slept.Add(int64(w.age + 26*time.Hour))
	for i := range 6 { // an hour, in which a clock in doubt is trusted again, and what it takes to catch up
		w.pass(45 * time.Minute)
		if i == 2 && w.belief {
			w.pass(5 * 24 * time.Hour)
		}
	}
	if floor := w.store.Floor(); floor < w.truth()-(w.age+time.Hour+6*time.Minute).Milliseconds() {
		w.failf("it is %s, and nothing is deleted from %s on", w.now(), time.UnixMilli(floor).UTC())
	}
	last := w.newBatch()
	if !w.ship(last) {
		w.failf("a batch is refused, though nothing is wrong any more")
	}
	w.ask()
	w.off()
	w.verify()
}

func (w *world) options() pebblestore.Options {
	return pebblestore.Options{FS: w.disk.fs(), Now: w.wall, Logger: w.logger}.Simulated(w.memory, w.durable, w.hold)
}

// start starts the hub. If the power fails meanwhile, it is started again.
func (w *world) start() {
	for {
		before := w.disk.failed()
		err := w.open()
		if w.disk.crashed() {
			w.notef("the power failed at the start")
			if err == nil {
				w.off()
			}
			w.replaceDisk(w.disk.afterCrash())
			continue
		}
		if err == nil {
			return
		}
		w.notef("it does not start: %v", err)
		if w.disk.failed() == before || errors.Is(err, store.ErrDamaged) {
			w.failf("it does not start: %v", err)
		}
		w.disk.heal()
	}
}

// replaceDisk has the next start use what a power failure left.
func (w *world) replaceDisk(mem *vfs.MemFS) {
	w.disk, w.fired = newDisk(mem, w.r.Uint64()), 0
}

func (w *world) open() error {
	w.log = new(strings.Builder)
	w.logger = slog.New(slog.NewTextHandler(w.log, nil))
	st, err := pebblestore.Open("data", w.options())
	if err != nil {
		return err
	}
	c := &config.Config{Retention: config.Retention{Age: w.age}}
	if err := c.Validate(config.Makers{}); err != nil {
		w.failf("%v", err)
	}
	h, err := core.New(&witness{st, w, w.disk}, c, core.Options{
		Now: w.wall, Elapsed: func() time.Duration { return w.now().Sub(w.begin) }, Logger: w.logger,
	})
	if err != nil {
		return errors.Join(err, st.Close())
	}
	w.store, w.hub = st, h
	return nil
}

// off stops the hub.
func (w *world) off() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	before := w.fired
	if err := w.hub.Close(ctx); err != nil && w.disk.failed() == before && !w.disk.crashed() {
		w.failf("close: %v", err)
	}
}

// restart stops the hub and starts it again.
func (w *world) restart() {
	w.off()
	if w.r.IntN(2) == 0 {
		w.disk.heal()
	}
	w.start()
}

// crash cuts the power, at once or at some operation of the disk, and starts the hub again.
func (w *world) crash(at int) {
	percent := []int{0, 100, w.r.IntN(101)}[w.r.IntN(3)]
	w.disk.cutPower(at, percent)
	for n := 0; at > 0 && n < 8 && !w.disk.crashed(); n++ {
		if w.r.IntN(3) == 0 {
			w.burst()
		} else {
			w.ship(w.newBatch())
		}
		synctest.Wait()
	}
	after := w.disk.afterCrash()
	w.off()
	dead := w.disk
	w.replaceDisk(after)
	if w.r.IntN(2) == 0 {
		w.disk.faults = dead.faults
	}
	if w.r.IntN(4) == 0 {
		w.disk.cutPower(1+w.r.IntN(40), percent)
	}
	w.start()
	w.disk.cutPower(-1, 0)
}

// pass lets time pass. The bubble's own is short, since much happens in each second of it.
func (w *world) pass(d time.Duration) {
	if far := time.Duration(w.wrong.Load()).Abs() > slack; far {
		switch total := w.now().Sub(w.wrongs) + d; {
		case total < 50*time.Minute:
		case w.long:
			w.belief = true
		default:
			w.rightClock() // in time, before it is believed
		}
	}
	const minute = 65 * time.Second
	if d > 2*time.Hour {
		w.jump = w.truth() + d.Milliseconds()
	}
	if d > 2*minute {
		w.slept.Add(int64(d - minute))
		d = minute
	}
	time.Sleep(d)
}

// slack is by how much the wall clock may be wrong without consequences.
const slack = 5 * time.Minute

func (w *world) stepClock() {
	by := time.Duration(w.r.Int64N(int64(8*time.Minute))) - 4*time.Minute
	switch w.r.IntN(4) {
	case 0:
		by = 10*time.Minute + time.Duration(w.r.Int64N(int64(3*time.Hour)))
	case 1:
		by = time.Duration(w.r.Int64N(int64(2000 * time.Hour)))
	case 2:
		by = -time.Duration(w.r.Int64N(int64(2000 * time.Hour)))
	}
	if by.Abs() > slack && by.Abs() < 2*slack {
		by *= 3
	}
	w.setClock(by)
}

func (w *world) rightClock() {
	if w.wrong.Load() != 0 {
		w.setClock(0)
	}
}

func (w *world) setClock(by time.Duration) {
	w.notef("the clock is wrong by %s", by)
	if time.Duration(w.wrong.Load()).Abs() <= slack {
		w.wrongs = w.now()
	}
	w.wrong.Store(int64(by))
	w.latest = max(w.latest, w.wall().UnixMilli())
}

// heal puts the disk in order and waits until the hub takes batches again.
func (w *world) heal() {
	w.disk.heal()
	b := w.newBatch()
	for n := 0; !w.ship(b); n++ {
		if n > 200 {
			w.failf("the disk works, and batches are still refused")
		}
		time.Sleep(time.Second)
	}
	// An engine that died is replaced even if nothing else comes.
	for n := 0; w.store.Check(context.Background()) != nil && !w.hurt; n++ {
		if n > 200 {
			w.failf("the disk works, and the store does not: %v", w.store.Check(context.Background()))
		}
		time.Sleep(time.Second)
	}
	w.fired = w.disk.failed()
}

// ship sends a batch, and reports whether it was acknowledged.
func (w *world) ship(b *batch) bool {
	err := w.hub.Ship(context.Background(), b.data)
	switch {
	case errors.Is(err, kymo.ErrRejected):
		w.failf("batch %v: %v", b.identity, err)
	case err == nil:
		w.model.mu.Lock()
		kept := b.kept
		w.model.mu.Unlock()
		if !kept && !w.disk.crashed() {
			w.failf("batch %v was acknowledged, and the store has not kept it", b.identity)
		}
	case w.disk.failed() == w.fired && !w.disk.crashed():
		w.failf("batch %v is refused, though the disk works: %v", b.identity, err)
	}
	w.notef("  batch %v of %d: %v", b.identity, len(b.requests), err)
	return err == nil
}
