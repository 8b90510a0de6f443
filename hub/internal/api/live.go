package api

import (
	"context"
	"encoding/json"
	"maps"
	"sync"

	"github.com/danielgtaylor/huma/v2"

	"github.com/kymohq/kymo/hub/internal/report"
)

// live is what of a Config may change while the API answers. A request has one of
// them from its beginning to its end.
type live struct {
	slow       *report.Slow
	tokens     hashedTokens
	sessionKey []byte
	document   func() []byte // of OpenAPI, as JSON
}

// Apply puts the rule for slow endpoints and the tokens in force. Requests that
// are being answered end by those they began with; sessions end with the read
// token that they were begun with.
func (a *API) Apply(slow *report.Slow, tokens Tokens) {
	l := &live{slow: slow, tokens: tokens.hash(), sessionKey: sessionKey(tokens.Read)}
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
