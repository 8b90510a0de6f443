package measure

import (
	"runtime"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// Cost is what one operation took.
type Cost struct {
	Ns     float64 // on each of the workers
	CPU    float64 // ns of the whole process, what runs beside the operation included
	Allocs float64 // of the whole process
}

// Loop does an operation n times.
type Loop func(n int)

// Pace sets how operations follow each other: in bursts, between which all workers
// pause, so that what works in the background keeps up. The zero value is flat out.
type Pace struct {
	Burst int
	Pause time.Duration
}

// Time runs one loop per worker at once, each for about as long as target, and
// then calls after (nil for none), whose processor time and allocations belong
// to the operation too though its duration does not.
func Time(target time.Duration, p Pace, workers []Loop, after func()) Cost {
	n := fit(target, p, workers[0])
	m := &meeting{workers: int64(len(workers))}
	runtime.GC()
	var before, end runtime.MemStats
	runtime.ReadMemStats(&before)
	cpu := ProcessTime()
	spent := make([]time.Duration, len(workers))
	var wg sync.WaitGroup
	for i, loop := range workers {
		wg.Go(func() { spent[i] = p.run(n, loop, m) })
	}
	wg.Wait()
	if after != nil {
		after()
	}
	cpu = ProcessTime() - cpu
	runtime.ReadMemStats(&end)
	var sum time.Duration
	for _, d := range spent {
		sum += d
	}
	total := float64(n * len(workers))
	return Cost{
		Ns:     float64(sum) / total,
		CPU:    float64(cpu) / total,
		Allocs: float64(end.Mallocs-before.Mallocs) / total,
	}
}

// run does n operations and returns how long they took, without the pauses.
// Workers begin each burst together.
func (p Pace) run(n int, loop Loop, m *meeting) time.Duration {
	if p.Burst == 0 {
		m.wait()
		start := time.Now()
		loop(n)
		return time.Since(start)
	}
	var spent time.Duration
	for ; n > 0; n -= p.Burst {
		m.wait()
		start := time.Now()
		loop(min(n, p.Burst))
		spent += time.Since(start)
		time.Sleep(p.Pause)
	}
	return spent
}

// meeting lets workers start together, again and again.
type meeting struct {
	workers int64
	arrived atomic.Int64
}

func (m *meeting) wait() {
	all := (m.arrived.Add(1) + m.workers - 1) / m.workers * m.workers
	for m.arrived.Load() < all {
		runtime.Gosched()
	}
}

// fit returns how often the loop runs in about target, having warmed it up.
func fit(target time.Duration, p Pace, loop Loop) int {
	alone := &meeting{workers: 1}
	for n := max(p.Burst, 1); ; n *= 2 {
		start := time.Now()
		p.run(n, loop, alone)
		elapsed := max(time.Since(start), time.Microsecond)
		if elapsed >= target/20 {
			return max(int(float64(n)*float64(target)/float64(elapsed)), 1)
		}
	}
}

// ProcessTime is the user and system time of this process so far.
func ProcessTime() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
