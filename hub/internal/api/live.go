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

// live is what Settings are made into. A request has one from its beginning to its end.
type live struct {
	slow       *report.Slow
	hosts      hosts.Names
	tokens     hashedTokens
	sessionKey []byte
	document   func() []byte // of OpenAPI, as JSON
}

// Settings are what may change while the API answers.
type Settings struct {
	Slow   *report.Slow
	Tokens Tokens
	Hosts  hosts.Names // that are answered
}

// Apply puts settings in force in place of those before. Requests that
// are being answered end by those they began with; sessions end with the read
// token that they were begun with.
func (a *API) Apply(s Settings) {
	l := &live{slow: s.Slow, hosts: s.Hosts, tokens: s.Tokens.hash(), sessionKey: sessionKey(s.Tokens.Read)}
	l.document = sync.OnceValue(func() []byte {
		b, err := json.Marshal(a.documentFor(l.tokens))
		if err != nil {
			panic(err) // It is made of nothing but what New put into it.
		}
		return b
	})
	a.live.Store(l)
}

type liveKey struct{}

// liveOf returns what is in force for a request, by its context.
func liveOf(ctx context.Context) *live {
	l, _ := ctx.Value(liveKey{}).(*live)
	return l
}

// liveAnswer is the cache's key of an answer that depends on what is in force: after
// Apply none is of what was before.
type liveAnswer struct {
	*live
	key any
}

// documentFor returns the description of all routes for a hub with these tokens: one
// that it has none of is optional.
func (a *API) documentFor(tokens hashedTokens) *huma.OpenAPI {
	doc := *a.huma.OpenAPI() // whose operations are read by every request
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
