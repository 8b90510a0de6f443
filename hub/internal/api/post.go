package api

import (
	"errors"
	"mime"
	"net/http"
	"strconv"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"github.com/kymohq/kymo/hub/internal/ingest"
	"github.com/kymohq/kymo/hub/internal/intake"
	"github.com/kymohq/kymo/internal/wire"
)

// maxKey bounds an idempotency key.
const maxKey = 255

func (a *API) postBatch(w http.ResponseWriter, r *http.Request) {
	if !a.accepts(w, r, wire.ContentType) {
		return
	}
	b, err := a.readBody(w, r, wire.MaxBytes)
	if err != nil {
		a.refuse(w, err)
		return
	}
	defer b.free()
	receipt, err := a.Intake.Batch(r.Context(), b.data)
	a.answer(w, r, receipt, err)
}

func (a *API) postRequests(w http.ResponseWriter, r *http.Request) {
	if !a.accepts(w, r, "application/json", "application/x-ndjson", "application/ndjson", "") {
		return
	}
	key := r.Header.Get("Idempotency-Key")
	if len(key) > maxKey {
		a.refuse(w, &bodyError{http.StatusUnprocessableEntity, "header.Idempotency-Key",
			"Idempotency-Key is too long; must be at most " + strconv.Itoa(maxKey) + " bytes"})
		return
	}
	b, err := a.readBody(w, r, maxDecoded)
	if err != nil {
		a.refuse(w, err)
		return
	}
	defer b.free()
	receipt, err := a.Intake.Read(r.Context(), intake.Body{Reader: ingest.JSON(b.data), Key: key})
	a.answer(w, r, receipt, err)
}

// accepts says whether the body is of one of the media types; if not, it answers.
func (a *API) accepts(w http.ResponseWriter, r *http.Request, types ...string) bool {
	header := r.Header.Get("Content-Type")
	got := header
	if header != types[0] {
		got, _, _ = mime.ParseMediaType(header)
		if got == "" && header != "" {
			got = "invalid"
		}
	}
	for _, t := range types {
		if got == t {
			return true
		}
	}
	want := strings.TrimSuffix(strings.Join(types, ", "), ", ")
	w.Header().Set("Accept", want)
	a.refuse(w, &bodyError{http.StatusUnsupportedMediaType, "header.Content-Type",
		"Content-Type must be one of: " + want})
	return false
}

// refuse answers to a body that was not, or not all, read.
func (a *API) refuse(w http.ResponseWriter, err error) {
	a.Intake.Counters.Refused.Add(1)
	var e *bodyError
	if !errors.As(err, &e) {
		e = &bodyError{http.StatusBadRequest, "body", err.Error()}
	}
	if e.status == http.StatusServiceUnavailable {
		w.Header().Set("Retry-After", retryAfter)
	}
	// The rest of the body is not worth reading to use the connection again.
	w.Header().Set("Connection", "close")
	writeProblem(w, e.status, e.detail, &huma.ErrorDetail{Location: e.field, Message: e.detail})
}

func (a *API) answer(w http.ResponseWriter, r *http.Request, receipt intake.Receipt, err error) {
	if err != nil {
		a.failed(w, r, err)
		return
	}
	var room [96]byte
	b := append(room[:0], `{"accepted":`...)
	b = strconv.AppendInt(b, int64(receipt.Accepted), 10)
	b = append(b, `,"duplicate":`...)
	b = strconv.AppendBool(b, receipt.Duplicate)
	if receipt.Dropped > 0 {
		b = append(b, `,"dropped":`...)
		b = strconv.AppendInt(b, int64(receipt.Dropped), 10)
	}
	b = append(b, "}\n"...)
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(http.StatusAccepted)
	_, _ = w.Write(b) // Whoever did not get the answer asks again.
}
