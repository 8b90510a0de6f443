package api

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"reflect"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/kymohq/kymo/hub/internal/etag"
)

// payload is an answer as it is sent: JSON, and its entity tag.
type payload struct {
	body []byte
	etag string
}

func (p *payload) size() int { return len(p.body) }

func encode(v any) (*payload, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false) // The answer is never read as HTML.
	if err := e.Encode(v); err != nil {
		return nil, fmt.Errorf("encode the answer: %w", err)
	}
	return &payload{b.Bytes(), etag.Weak(b.Bytes())}, nil
}

// Conditional is the header of a client that wants an answer only if it
// changed.
type Conditional struct {
	IfNoneMatch string `header:"If-None-Match" maxLength:"1000" doc:"The ETag of the answer that the client has. If the answer has not changed, the status is 304, without a body." example:"W/\"3q2-7wBvX0mJtV5w\""`
}

// payloadOutput is an answer whose JSON is already encoded.
type payloadOutput struct {
	Status       int
	ContentType  string `header:"Content-Type" hidden:"true"`
	CacheControl string `header:"Cache-Control" hidden:"true"`
	ETag         string `header:"ETag" doc:"The entity tag of this answer, for If-None-Match." example:"W/\"3q2-7wBvX0mJtV5w\""`
	Body         []byte
}

// revalidate lets browsers keep an answer but requires them to revalidate it before
// they use it again.
const revalidate = "private, no-cache"

// output returns the answer, without a body if the client already has it.
func (p *payload) output(ifNoneMatch string) *payloadOutput {
	if etag.Match(ifNoneMatch, p.etag) {
		return &payloadOutput{Status: http.StatusNotModified, CacheControl: revalidate, ETag: p.etag}
	}
	return &payloadOutput{Status: http.StatusOK, ContentType: "application/json", CacheControl: revalidate, ETag: p.etag, Body: p.body}
}

// answers describes the responses of a route whose payload is a T.
func answers[T any](a *API) map[string]*huma.Response {
	return map[string]*huma.Response{
		"200": {
			Description: http.StatusText(http.StatusOK),
			Content:     map[string]*huma.MediaType{"application/json": {Schema: a.schema(reflect.TypeFor[T]())}},
		},
		"304": {Description: "The answer has not changed since the one named in If-None-Match."},
	}
}

// cached returns the result of compute, or one that it returned for the same key
// no longer than ttl ago. With a ttl of 0 nothing is cached. An error is a problem
// for the answer.
func cached[T any](ctx context.Context, a *API, key any, ttl time.Duration, compute func(context.Context) (T, error)) (value T, err error) {
	if ttl == 0 {
		value, err = compute(ctx)
	} else {
		value, err = lookup(ctx, &a.cache, liveAnswer{liveOf(ctx), key}, a.Now, ttl, compute)
	}
	if err != nil {
		return value, a.storeProblem(ctx, err)
	}
	return value, nil
}

// reply is like cached, for a route whose answer is a payload: it encodes what
// compute returns.
func (a *API) reply(ctx context.Context, key any, ttl time.Duration, c Conditional, compute func(context.Context) (any, error)) (*payloadOutput, error) {
	p, err := cached(ctx, a, key, ttl, func(ctx context.Context) (*payload, error) {
		v, err := compute(ctx)
		if err != nil {
			return nil, err
		}
		return encode(v)
	})
	if err != nil {
		return nil, err
	}
	return p.output(c.IfNoneMatch), nil
}
