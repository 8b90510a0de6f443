package api

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"github.com/kymohq/kymo/hub/internal/store"
	"github.com/kymohq/kymo/internal/printable"
	"github.com/kymohq/kymo/internal/wire"
)

// writeProblem answers with problem details (RFC 9457).
func writeProblem(w http.ResponseWriter, status int, detail string, errs ...*huma.ErrorDetail) {
	body, err := json.Marshal(&huma.ErrorModel{Status: status, Title: http.StatusText(status), Detail: detail, Errors: errs})
	if err != nil {
		body = []byte(`{"title":"` + http.StatusText(status) + `"}`)
	}
	w.Header().Set("Content-Type", "application/problem+json")
	w.WriteHeader(status)
	// It may repeat what the client sent.
	_, _ = w.Write(append(printable.JSON(body), '\n')) // A client that went away has no use for the error.
}

// retryAfter is how many seconds a client should wait before it tries again.
const retryAfter = "1"

// failed answers an error of the intake.
func (a *API) failed(w http.ResponseWriter, r *http.Request, err error) {
	if bad, ok := errors.AsType[*wire.FieldError](err); ok {
		writeProblem(w, http.StatusUnprocessableEntity, "nothing of this body was kept: "+bad.Error(),
			&huma.ErrorDetail{Location: bad.Location(), Message: bad.Problem})
		return
	}
	status, detail := a.storeFailed(r.Context(), err)
	if status == http.StatusServiceUnavailable {
		w.Header().Set("Retry-After", retryAfter)
	}
	writeProblem(w, status, detail)
}

// storeFailed returns the answer to an error of the store. The error itself is in the log
// alone: it may name paths and addresses.
func (a *API) storeFailed(ctx context.Context, err error) (status int, detail string) {
	switch {
	case errors.Is(err, store.ErrFull):
		detail = "the store is full; try again"
	case errors.Is(err, store.ErrClosed):
		detail = "the hub is shutting down; try again"
	case errors.Is(err, store.ErrDamaged):
		detail = "a part of the store is damaged, which GET /health describes; try again"
	case errors.Is(err, store.ErrUnavailable):
		detail = "the store is unavailable; try again"
	case ctx.Err() != nil:
		// The client has left; the store did not fail.
		return http.StatusServiceUnavailable, "the request was canceled"
	default:
		a.Logger.Error("store failed", "error", err)
		return http.StatusInternalServerError, "the store failed; see the hub's log"
	}
	return http.StatusServiceUnavailable, detail
}

// Unavailable answers with 503 and a Retry-After.
func (a *API) Unavailable(w http.ResponseWriter, detail string) {
	w.Header().Set("Retry-After", retryAfter)
	writeProblem(w, http.StatusServiceUnavailable, detail)
}

// invalid is huma's detail of a request that does not match the document.
const invalid = "validation failed"

// nameField adds the first error's field and message to that detail; huma has them only
// in the list of errors.
func nameField(_ huma.Context, _ string, v any) (any, error) {
	p, ok := v.(*huma.ErrorModel)
	if !ok {
		return v, nil
	}
	for _, e := range p.Errors { // which repeat what the client sent
		e.Location, e.Message = printable.Clean(e.Location), printable.Clean(e.Message)
		if text, ok := e.Value.(string); ok {
			e.Value = printable.Clean(text)
		}
	}
	if p.Detail == invalid && len(p.Errors) > 0 {
		p.Detail = invalid + ": " + p.Errors[0].Location + ": " + p.Errors[0].Message
	}
	return v, nil
}
