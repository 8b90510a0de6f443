package core

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/kymohq/kymo/health"
	"github.com/kymohq/kymo/hub/internal/api"
	"github.com/kymohq/kymo/hub/internal/config"
	"github.com/kymohq/kymo/hub/internal/store"
)

// Checks that are added over the API are documents of the store. Each is a check of the
// configuration in all respects, except that an entry of the file with its name takes its
// place. Other hubs on the same server read them from time to time.

const (
	// checkDocument is the kind of the documents.
	checkDocument = "check"
	// maxAdded bounds how many there are.
	maxAdded = 1000
	// rereadEvery is from one reading of what other hubs added to the next.
	rereadEvery = 30 * time.Second
	// writeTimeout bounds a change of a document. A caller that leaves does not end it.
	writeTimeout = 30 * time.Second
)

// added is a check that was added over the API.
type added struct {
	document store.Document
	check    *config.Check // nil if it cannot be used
	problem  string        // why not
}

// together returns the entries of the configuration and the added checks that run beside
// them.
func together(file map[string]entry, more map[string]*added) map[string]entry {
	all := maps.Clone(file)
	for name, a := range more {
		if a.check != nil && all[name] == nil {
			all[name] = a.check
		}
	}
	return all
}

// documents returns the store's documents, or nil if this hub cannot have added checks.
func (h *Hub) documents() store.Documenter {
	d, ok := h.store.(store.Documenter)
	if !ok || h.ParseCheck == nil {
		return nil
	}
	return d
}

// readAdded returns the added checks of the store. Those that are known and did not change
// are the same.
func (h *Hub) readAdded(ctx context.Context, known map[string]*added) (map[string]*added, error) {
	d := h.documents()
	if d == nil {
		return nil, nil //nolint:nilnil // there are none
	}
	found, err := d.Documents(ctx, checkDocument)
	if err != nil {
		return nil, err
	}
	all := make(map[string]*added, len(found))
	for i := range found {
		f := &found[i]
		if k := known[f.Name]; k != nil && k.document.Updated.Equal(f.Updated) && bytes.Equal(k.document.JSON, f.JSON) {
			all[f.Name] = k
		} else {
			all[f.Name] = h.parseAdded(f)
		}
	}
	return all, nil
}

// parseAdded reads a check that a hub accepted before: this one, or one of another version
// or on another machine.
func (h *Hub) parseAdded(d *store.Document) *added {
	check, err := h.ParseCheck(d.JSON)
	switch {
	case err != nil:
		return &added{document: *d, problem: err.Error()}
	case check.Name != d.Name:
		return &added{document: *d, problem: "its name is another one: " + check.Name}
	}
	return &added{document: *d, check: check}
}

// reread takes over what other hubs added and removed.
func (h *Hub) reread(ctx context.Context) error {
	h.applying.Lock()
	defer h.applying.Unlock()
	return h.rereadLocked(ctx)
}

func (h *Hub) rereadLocked(ctx context.Context) error {
	known := h.checks.addedNow()
	more, err := h.readAdded(ctx, known)
	if err != nil || maps.Equal(more, known) {
		return err
	}
	return h.runAdded(more)
}

// runAdded runs these added checks in place of those before.
func (h *Hub) runAdded(more map[string]*added) error {
	err := h.checks.runAdded(more)
	h.trouble.review()
	return err
}

func (c *checks) runAdded(more map[string]*added) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.run(c.file, more, func() error { return nil })
}

// addedNow returns the added checks, which are not to be changed.
func (c *checks) addedNow() map[string]*added {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.added
}

// AddCheck implements api.Checks.
func (h *Hub) AddCheck(ctx context.Context, content []byte) (*api.Check, error) {
	d := h.documents()
	if d == nil {
		return nil, api.ErrNoChecks
	}
	check, err := h.ParseCheck(content)
	if err != nil {
		return nil, invalidCheck(err)
	}
	h.applying.Lock()
	defer h.applying.Unlock()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), writeTimeout)
	defer cancel()
	if err := h.rereadLocked(ctx); err != nil {
		return nil, err
	}
	if origin := h.checks.origin(check.Name); origin != "" {
		return nil, &api.TakenError{Name: check.Name, Origin: origin}
	}
	for i, parent := range check.DependsOn {
		if h.checks.origin(parent) == "" {
			return nil, &api.CheckError{Fields: []api.CheckField{{Name: fmt.Sprintf("depends_on[%d]", i), Problem: fmt.Sprintf("there is no check or service %q", parent)}}}
		}
	}
	known := h.checks.addedNow()
	if circle := circleOf(check, known); circle != "" {
		return nil, &api.CheckError{Fields: []api.CheckField{{Name: "depends_on", Problem: "is a circle: " + circle + "; remove one of them"}}}
	}
	if len(known) >= maxAdded {
		return nil, &api.CheckError{Problem: fmt.Sprintf("%d checks were added already, and there can be no more", maxAdded)}
	}
	now := h.Now().UTC().Truncate(time.Millisecond)
	document := store.Document{Kind: checkDocument, Name: check.Name, Created: now, Updated: now, JSON: content}
	switch added, err := d.AddDocument(ctx, &document); {
	case err != nil:
		return nil, err
	case !added: // by another hub, since the store was read
		return nil, &api.TakenError{Name: check.Name, Origin: api.FromAPI}
	}
	more := maps.Clone(known)
	more[check.Name] = &added{document: document, check: check}
	if err := h.runAdded(more); err != nil {
		return nil, err
	}
	h.Logger.Info("a check was added over the API", "check", check.Name)
	return h.checkNamed(check.Name), nil
}

// RemoveCheck implements api.Checks.
func (h *Hub) RemoveCheck(ctx context.Context, name string) error {
	h.applying.Lock()
	defer h.applying.Unlock()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), writeTimeout)
	defer cancel()
	if err := h.rereadLocked(ctx); err != nil {
		return err
	}
	known := h.checks.addedNow()
	if known[name] == nil {
		runs := slices.ContainsFunc(h.Health().Checks, func(r health.CheckReport) bool { return r.Name == name })
		if origin := h.checks.origin(name); runs && origin != "" {
			return &api.KeptError{Name: name, Origin: origin}
		}
		return health.ErrUnknownCheck
	}
	if children := dependingOn(name, known); len(children) > 0 && h.checks.origin(name) == api.FromAPI && !inCircle(name, known) {
		return &api.NeededError{Name: name, By: children}
	}
	if err := h.documents().DeleteDocument(ctx, checkDocument, name); err != nil {
		return err
	}
	more := maps.Clone(known)
	delete(more, name)
	if err := h.runAdded(more); err != nil {
		return err
	}
	h.Logger.Info("a check was removed over the API", "check", name)
	return nil
}

// circleOf returns how a check would depend on itself, through others that were added, or
// "". An added check counts though the file has one of its name, which may go: what is in the
// file depends on nothing that was added.
func circleOf(check *config.Check, known map[string]*added) string {
	seen := make(map[string]bool)
	var follow func(c *config.Check) string
	follow = func(c *config.Check) string {
		for _, parent := range c.DependsOn {
			if parent == check.Name {
				return c.Name + " depends on " + parent
			}
			if a := known[parent]; a != nil && a.check != nil && !seen[parent] {
				seen[parent] = true
				if rest := follow(a.check); rest != "" {
					return c.Name + " depends on " + rest
				}
			}
		}
		return ""
	}
	return follow(check)
}

// inCircle reports whether an added check depends on itself: two hubs that each add a part
// of a circle at the same moment make one, of which something must be removed.
func inCircle(name string, known map[string]*added) bool {
	a := known[name]
	return a != nil && a.check != nil && circleOf(a.check, known) != ""
}

// dependingOn returns the added checks that depend on one, in order.
func dependingOn(name string, known map[string]*added) (children []string) {
	for child, a := range known {
		if a.check != nil && slices.Contains(a.check.DependsOn, name) {
			children = append(children, child)
		}
	}
	slices.Sort(children)
	return children
}

// RunCheck implements api.Checks.
func (h *Hub) RunCheck(ctx context.Context, name string) (health.Observation, error) {
	return h.checks.registry.Run(ctx, name)
}

// invalidCheck returns the errors of a check as the API shows them.
func invalidCheck(err error) error {
	wrong, ok := errors.AsType[config.Errors](err)
	if !ok {
		return err
	}
	e := &api.CheckError{}
	for _, one := range wrong {
		e.Fields = append(e.Fields, api.CheckField{Name: one.Field, Problem: one.Text()})
	}
	return e
}

// origin returns where the check of a name comes from, or would: "" if the name is free.
func (c *checks) origin(name string) string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.originLocked(name)
}

func (c *checks) originLocked(name string) string {
	switch {
	case c.file[name] != nil:
		return api.FromFile
	case c.added[name] != nil:
		return api.FromAPI
	case slices.Contains([]string{config.StoreCheck, config.ConfigCheck, config.ClockCheck}, name), c.taken(name):
		return api.BuiltIn
	}
	for _, is := range c.discovered {
		if is == name {
			return api.FromService
		}
	}
	return ""
}

// Checks implements api.Checks.
func (h *Hub) Checks() []api.Check {
	report := h.Health()
	h.checks.mu.Lock()
	defer h.checks.mu.Unlock()
	c := h.checks
	all := make([]api.Check, 0, len(report.Checks))
	for i := range report.Checks {
		r := &report.Checks[i]
		one := api.Running(r)
		one.Origin = c.originLocked(r.Name)
		switch e := c.configured[r.Name].(type) {
		case *config.Check:
			one.Target = config.Target(e.URL)
		case *config.Service:
			one.Target = config.Target(e.Health)
		}
		if a := c.added[r.Name]; a != nil && one.Origin == api.FromAPI {
			one.CreatedAt = &a.document.Created
		}
		all = append(all, one)
	}
	for _, name := range slices.Sorted(maps.Keys(c.added)) {
		if problem := c.notRun(name); problem != "" {
			all = append(all, api.NotRunning(name, &c.added[name].document.Created, problem))
		}
	}
	slices.SortStableFunc(all, api.CompareChecks)
	return all
}

// checkNamed returns the added check of a name as the API shows it, or nil.
func (h *Hub) checkNamed(name string) *api.Check {
	all := h.Checks()
	if i := slices.IndexFunc(all, func(c api.Check) bool { return c.Name == name && c.Origin == api.FromAPI }); i >= 0 {
		return &all[i]
	}
	return nil
}

// notRun returns why an added check does not run, or "". c is locked.
func (c *checks) notRun(name string) string {
	a := c.added[name]
	switch {
	case c.file[name] != nil:
		return "is not run: the configuration file has a check or a service of that name"
	case a.check == nil:
		return "is not run: " + a.problem
	}
	return ""
}
