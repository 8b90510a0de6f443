package api

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"reflect"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
)

// written is an answer as it is sent, shared by all who ask the same.
type written struct {
	body []byte
	tag  string // of this content
}

func (e *written) size() int { return len(e.body) }

func write(v any) (*written, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false) // It is no HTML, and nothing takes it for that.
	if err := e.Encode(v); err != nil {
		return nil, fmt.Errorf("encode the answer: %w", err)
	}
	sum := sha256.Sum256(b.Bytes())
	return &written{b.Bytes(), `"` + base64.RawURLEncoding.EncodeToString(sum[:12]) + `"`}, nil
}

// Known is what a client may say of the answer that it has.
type Known struct {
	Tag string `header:"If-None-Match" maxLength:"1000" doc:"The ETag of the answer that the client has: if it is still the same, 304 without a body." example:"\"3q2-7wBvX0mJtV5w\""`
}

// writtenOutput is an answer with JSON that needs no more writing.
type writtenOutput struct {
	Status      int
	ContentType string `header:"Content-Type" hidden:"true"`
	Cache       string `header:"Cache-Control" hidden:"true"`
	ETag        string `header:"ETag" doc:"A name of this content, for If-None-Match." example:"\"3q2-7wBvX0mJtV5w\""`
	Body        []byte
}

// cache has browsers keep an answer for nobody else, and ask before they show it again.
const cache = "private, no-cache"

func (e *written) output(known string) *writtenOutput {
	if strings.Contains(known, e.tag) {
		return &writtenOutput{Status: http.StatusNotModified, Cache: cache, ETag: e.tag}
	}
	return &writtenOutput{Status: http.StatusOK, ContentType: "application/json", Cache: cache, ETag: e.tag, Body: e.body}
}

// answers says what the 200 of a route holds whose body needs no more writing.
func answers[T any](a *API) map[string]*huma.Response {
	return map[string]*huma.Response{
		"200": {
			Description: http.StatusText(http.StatusOK),
			Content:     map[string]*huma.MediaType{"application/json": {Schema: a.schema(reflect.TypeFor[T]())}},
		},
		"304": {Description: "The client has this answer, as If-None-Match says."},
	}
}

// once finds the answer to a question, or takes it from those who asked the same.
// Without an age, nobody did.
func once[T any](ctx context.Context, a *API, question any, age time.Duration, find func(context.Context) (T, error)) (answer T, err error) {
	if age == 0 {
		answer, err = find(ctx)
	} else {
		answer, err = askOnce(ctx, &a.shared, question, a.Now, age, find)
	}
	if err != nil {
		return answer, a.storeProblem(ctx, err)
	}
	return answer, nil
}

// reply writes what find returns, or what it returned to those who asked the same.
// known is the tag of the answer that the caller has.
func (a *API) reply(ctx context.Context, question any, age time.Duration, known string, find func(context.Context) (any, error)) (*writtenOutput, error) {
	e, err := once(ctx, a, question, age, func(ctx context.Context) (*written, error) {
		v, err := find(ctx)
		if err != nil {
			return nil, err
		}
		return write(v)
	})
	if err != nil {
		return nil, err
	}
	return e.output(known), nil
}
