package core

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/kymohq/kymo/hub/internal/config"
)

// trouble is what is wrong with the configuration of a running hub, which the check
// config.ConfigCheck shows: a file that was rejected, or else checks that were added over
// the API and are not run.
type trouble struct {
	checks *checks

	mu      sync.Mutex
	refused error
	shown   string // the reason of the check that runs, "" if there is none
}

// refuse notes that a changed configuration was rejected.
func (t *trouble) refuse(err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.refused = err
	t.show()
}

// accept notes that a configuration was applied.
func (t *trouble) accept() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.refused = nil
	t.show()
}

// review looks at the added checks again.
func (t *trouble) review() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.show()
}

// show starts or ends the check. t is locked.
func (t *trouble) show() {
	reason, refused := t.refused, t.refused != nil
	if !refused {
		reason = t.checks.notRunning()
	}
	text := ""
	if reason != nil {
		text = reason.Error()
	}
	switch {
	case text == t.shown:
		return
	case reason == nil:
		t.checks.calm(config.ConfigCheck)
	default:
		if !refused { // Who refuses a file logs that.
			t.checks.Logger.Warn("checks that were added over the API are not run", "reason", text)
		}
		t.checks.warn(config.ConfigCheck, reason)
	}
	t.shown = text
}

// notRunning returns an error that names the added checks that are not run, or nil.
func (c *checks) notRunning() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	var lines []string
	for _, name := range slices.Sorted(maps.Keys(c.added)) {
		if problem := c.notRun(name); problem != "" {
			lines = append(lines, fmt.Sprintf("the check %q of the API %s", name, problem))
		}
	}
	if len(lines) == 0 {
		return nil
	}
	return errors.New(strings.Join(lines, "; ") + "; rename the one in the file, or remove the one of the API: DELETE /api/v1/checks/NAME")
}
