package main

import (
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/fsnotify/fsnotify"
)

// settled is how long after the last event a file is read: editors and
// configuration management write it in several steps.
const settled = 100 * time.Millisecond

// maxUnsettled is how long after the first event it is read at the latest: another
// file in the directory may change all the time.
const maxUnsettled = 2 * time.Second

// fileWatch tells when a file's content changed. It watches the directory, not the
// file: editors put another file in its place, and Kubernetes swaps a symbolic
// link beside it.
type fileWatch struct {
	changed chan struct{}

	path    string
	watcher *fsnotify.Watcher
	ended   chan struct{}
}

func watchFile(path string) (*fileWatch, error) {
	watcher, err := fsnotify.NewWatcher()
	if err != nil {
		return nil, fmt.Errorf("--watch-config: %w", err)
	}
	w := &fileWatch{path: path, watcher: watcher, changed: make(chan struct{}, 1), ended: make(chan struct{})}
	if err := w.directories(); err != nil {
		watcher.Close()
		return nil, fmt.Errorf("--watch-config: cannot watch %s: %w", path, err)
	}
	go w.run(w.sum())
	return w, nil
}

// directories watches the directory that the path is in, and the one in which the file
// is if the path is a symbolic link.
func (w *fileWatch) directories() error {
	err := w.watcher.Add(filepath.Dir(w.path))
	if target, linkErr := filepath.EvalSymlinks(w.path); linkErr == nil && err == nil {
		err = w.watcher.Add(filepath.Dir(target))
	}
	return err
}

// sum identifies the content; a file that is not there has one, too.
func (w *fileWatch) sum() [sha256.Size]byte {
	content, err := os.ReadFile(w.path)
	if err != nil {
		content = []byte("\x00" + err.Error())
	}
	return sha256.Sum256(content)
}

func (w *fileWatch) run(last [sha256.Size]byte) {
	defer close(w.ended)
	timer := time.NewTimer(settled)
	defer timer.Stop()
	var first time.Time // when the first event came that no reading followed
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
		case _, ok := <-w.watcher.Errors: // events were lost: the file tells
			if !ok {
				return
			}
			wait()
		case <-timer.C:
			first = time.Time{}
			_ = w.directories() // a removed directory is watched again once its parent has it back
			if now := w.sum(); now != last {
				last = now
				select {
				case w.changed <- struct{}{}:
				default: // it is known already that there is something to read
				}
			}
		}
	}
}

// stop ends the watch and waits for its end.
func (w *fileWatch) stop() {
	w.watcher.Close()
	<-w.ended
}
