package reload

import (
	"crypto/sha256"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"github.com/fsnotify/fsnotify"
)

// settled is how long after the last event a file is read: editors and
// configuration management write it in several steps.
const settled = 100 * time.Millisecond

// maxUnsettled is how long after the first event the file is read at the latest:
// another file in the directory may change all the time.
const maxUnsettled = 2 * time.Second

// Watch reports when a file's content has changed. It watches the directory, not
// the file: editors put another file in its place, and Kubernetes swaps a symbolic
// link beside it.
type Watch struct {
	changed chan struct{}

	path    string
	watcher *fsnotify.Watcher
	logger  *slog.Logger
	ended   chan struct{}
}

// WatchFile begins to watch a file, which need not exist yet. If its directory can no
// longer be watched, that is logged.
func WatchFile(path string, logger *slog.Logger) (*Watch, error) {
	watcher, err := fsnotify.NewWatcher()
	if err != nil {
		return nil, err
	}
	w := &Watch{path: path, watcher: watcher, logger: logger, changed: make(chan struct{}, 1), ended: make(chan struct{})}
	if err := w.watchDirectories(); err != nil {
		watcher.Close()
		return nil, fmt.Errorf("cannot watch %s: %w", path, err)
	}
	go w.run(w.sum())
	return w, nil
}

// Changed returns a channel that gets a value after each change; changes that were
// not received are one.
func (w *Watch) Changed() <-chan struct{} { return w.changed }

// watchDirectories watches the directory that the path is in, and, if the path is a
// symbolic link, the directory of the file that it leads to.
func (w *Watch) watchDirectories() error {
	err := w.watcher.Add(filepath.Dir(w.path))
	if target, linkErr := filepath.EvalSymlinks(w.path); linkErr == nil && err == nil {
		err = w.watcher.Add(filepath.Dir(target))
	}
	return err
}

// sum identifies the content; that of a file that cannot be read is the error.
func (w *Watch) sum() [sha256.Size]byte {
	content, err := os.ReadFile(w.path)
	if err != nil {
		content = []byte("\x00" + err.Error())
	}
	return sha256.Sum256(content)
}

func (w *Watch) run(last [sha256.Size]byte) {
	defer close(w.ended)
	timer := time.NewTimer(settled)
	defer timer.Stop()
	var first time.Time // of the events since the file was last read
	lost := false       // the directory, which was logged
	wait := func() {
		if first.IsZero() {
			first = time.Now()
		}
		timer.Reset(min(settled, time.Until(first.Add(maxUnsettled))))
	}
	for {
		select {
		case _, ok := <-w.watcher.Events:
			if !ok {
				return
			}
			wait()
		case _, ok := <-w.watcher.Errors: // events were lost, so the file must be read
			if !ok {
				return
			}
			wait()
		case <-timer.C:
			first = time.Time{}
			err := w.watchDirectories() // one that was removed and made again must be added again
			if err != nil && !lost {
				w.logger.Warn("changes of the configuration file may no longer be noticed", "path", w.path, "error", err)
			}
			lost = err != nil
			if now := w.sum(); now != last {
				last = now
				select {
				case w.changed <- struct{}{}:
				default: // the previous change is still to be received
				}
			}
		}
	}
}

// Stop ends the watch and waits for its end.
func (w *Watch) Stop() {
	w.watcher.Close()
	<-w.ended
}
