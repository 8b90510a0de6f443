package webserver

import (
	"errors"
	"net/http"
	"sync"
	"time"
)

// Answer is the ResponseWriter of a handler behind Guard. It is written in pieces,
// each of which the client must take within the limit.
type Answer struct {
	http.ResponseWriter
	control *http.ResponseController
	limits  *Limits
	body    *body // nil without one
	began   bool

	mu    sync.Mutex
	since time.Time   // when the piece began that is being written; zero between them
	timer *time.Timer // runs while since is set
	cut   bool
	left  bool // the handler has returned: the ResponseWriter is not to be used
}

// errCutOff is the error of writes after CutOff.
var errCutOff = errors.New("the client did not take the answer")

// AnswerOf returns the Answer that w leads to by Unwrap, or nil.
func AnswerOf(w http.ResponseWriter) *Answer {
	for {
		if a, ok := w.(*Answer); ok {
			return a
		}
		u, ok := w.(interface{ Unwrap() http.ResponseWriter })
		if !ok {
			return nil
		}
		w = u.Unwrap()
	}
}

// Unwrap is for http.ResponseController.
func (a *Answer) Unwrap() http.ResponseWriter { return a.ResponseWriter }

// WriteHeader implements http.ResponseWriter.
func (a *Answer) WriteHeader(status int) {
	if status >= http.StatusOK || status == http.StatusSwitchingProtocols {
		a.begin(status)
	}
	a.ResponseWriter.WriteHeader(status)
}

func (a *Answer) begin(status int) {
	if !a.began && a.body != nil {
		a.body.settle(status, a.Header())
	}
	a.began = true
}

func (a *Answer) Write(p []byte) (n int, err error) {
	a.begin(http.StatusOK)
	for {
		m, err := a.writePiece(p[n:min(len(p), n+pieceSize)])
		if n += m; err != nil || n == len(p) {
			return n, err
		}
	}
}

func (a *Answer) writePiece(p []byte) (int, error) {
	if err := a.wait(); err != nil {
		return 0, err
	}
	defer a.waited()
	return a.ResponseWriter.Write(p)
}

// FlushError is for http.ResponseController.
func (a *Answer) FlushError() error {
	a.begin(http.StatusOK)
	if err := a.wait(); err != nil {
		return err
	}
	defer a.waited()
	return a.control.Flush()
}

// Flush implements http.Flusher.
func (a *Answer) Flush() { _ = a.FlushError() } // Its error is that of the next write.

// wait begins to wait for the client. A timer ends it, and not a deadline that was set
// before: one of HTTP/2 ends the answer also while there is nothing to write.
func (a *Answer) wait() error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.cut {
		return errCutOff
	}
	a.since = time.Now()
	if a.timer == nil {
		a.timer = time.AfterFunc(a.limits.Write, func() { a.cutOffAfter(a.limits.Write) })
	} else {
		a.timer.Reset(a.limits.Write)
	}
	return nil
}

func (a *Answer) waited() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.since = time.Time{}
	a.timer.Stop()
}

// Stalled returns for how long the client has not taken the piece that is being
// written, or 0 if that is less than Limits.Stall. It is 0 after CutOff.
func (a *Answer) Stalled() time.Duration {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.since.IsZero() || a.cut {
		return 0
	}
	if d := time.Since(a.since); d >= a.limits.Stall {
		return d
	}
	return 0
}

// CutOff ends the answer: the write under way fails, and so do all after it.
func (a *Answer) CutOff() { a.cutOffAfter(0) }

// cutOffAfter ends the answer if a piece has been waiting for so long. A timer may
// have fired just when its piece was taken.
func (a *Answer) cutOffAfter(waited time.Duration) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.left || waited > 0 && (a.since.IsZero() || time.Since(a.since) < waited) {
		return
	}
	a.cut = true
	_ = a.control.SetWriteDeadline(longAgo)
}

var longAgo = time.Unix(1, 0)

// leave is called when the handler has returned, or panicked: what net/http still has
// to read and to write gets a deadline, since it is not watched.
func (a *Answer) leave(returned bool) {
	if returned {
		a.begin(http.StatusOK)
	}
	if a.body != nil {
		a.body.leave()
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.left = true
	if !a.cut {
		_ = a.control.SetWriteDeadline(time.Now().Add(a.limits.Write))
	}
}
