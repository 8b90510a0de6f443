package api

import (
	"context"
	"encoding/json"
	"maps"
	"sync"

	"github.com/danielgtaylor/huma/v2"

	"github.com/kymohq/kymo/hub/internal/hosts"
	"github.com/kymohq/kymo/hub/internal/report"
)

// live is the Settings in force and what is derived from them. A request keeps the same
// one to its end.
type live struct {
	slow       *report.Slow
	hosts      hosts.Names
	tokens     hashedTokens
	sessionKey []byte        // of sessions that were started with the read token
	adminKey   []byte        // and with the admin token
	document   func() []byte // of OpenAPI, as JSON
}

// Settings can be changed while the API is in use.
type Settings struct {
	Slow   *report.Slow
	Tokens Tokens
	Hosts  hosts.Names // the names of the hub that requests may use
}

// Apply replaces the settings. Requests in progress keep those they began
// with; sessions end when the read token changes.
func (a *API) Apply(s Settings) {
	l := &live{slow: s.Slow, hosts: s.Hosts, tokens: s.Tokens.hash(), sessionKey: sessionKey(readSessions, s.Tokens.Read), adminKey: sessionKey(adminSessions, s.Tokens.Admin)}
	l.document = sync.OnceValue(func() []byte {
		b, err := json.Marshal(a.documentFor(l.tokens))
		if err != nil {
			panic(err) // The document holds only what New put into it.
		}
		return b
	})
	a.live.Store(l)
}

type liveKey struct{}

// liveOf returns the settings of the request with this context.
func liveOf(ctx context.Context) *live {
	l, _ := ctx.Value(liveKey{}).(*live)
	return l
}

// liveAnswer is the cache's key of an answer that depends on the settings: after
// Apply, older answers are not found.
type liveAnswer struct {
	*live
	key any
}

// documentFor returns the description of all routes for a hub with these tokens; a
// token that is not configured is optional.
func (a *API) documentFor(tokens hashedTokens) *huma.OpenAPI {
	doc := *a.huma.OpenAPI() // copied, because every request reads its operations
	doc.Paths = maps.Clone(doc.Paths)
	for path, item := range doc.Paths {
		one := *item
		for _, op := range []**huma.Operation{&one.Get, &one.Post, &one.Delete} {
			if *op == nil {
				continue
			}
			scheme := need(*op)
			if _, ok := tokens[scheme]; scheme != "" && !ok {
				optional := **op
				optional.Security = append([]map[string][]string{{}}, optional.Security...)
				*op = &optional
			}
		}
		doc.Paths[path] = &one
	}
	return &doc
}
