package api

import (
	"net/http"
	"strconv"

	"github.com/danielgtaylor/huma/v2"

	"github.com/kymohq/kymo/hub/internal/snapshot"
	"github.com/kymohq/kymo/hub/internal/webserver"
)

// routeSnapshot registers a route of the method POST, although it returns data: the hub
// makes room for the copy on its disk, which neither another site's page nor a session
// may have it do.
func (a *API) routeSnapshot() {
	a.handle(huma.Operation{
		OperationID: "snapshot", Method: http.MethodPost, Path: "/api/v1/snapshot", Tags: []string{tagHub},
		Summary:     "All that the hub keeps, as files",
		Description: "A copy of the hub's directory at one instant, made while it goes on, for kymo snapshot: what was acknowledged before is in it, and each batch wholly or not at all. It is a tar archive whose last file is END; one without is not whole. A session does not replace the token here. One copy is sent at once; one whose client has stopped receiving is aborted in favor of the next, and a hub whose disk is full aborts it.",
		Responses: map[string]*huma.Response{"200": {
			Description: "The files.",
			Content: map[string]*huma.MediaType{
				snapshot.ContentType: {Schema: &huma.Schema{Type: huma.TypeString, Format: "binary"}},
			},
			Headers: map[string]*huma.Header{snapshot.SizeHeader: {Description: "How many bytes the files have.", Schema: &huma.Schema{Type: huma.TypeInteger}}},
		}},
		Security: []map[string][]string{{forRead: {}}},
		Errors:   []int{http.StatusInternalServerError, http.StatusNotImplemented, http.StatusServiceUnavailable},
	}, a.snapshot)
}

func (a *API) snapshot(w http.ResponseWriter, r *http.Request) {
	if a.Snapshot == nil {
		writeProblem(w, http.StatusNotImplemented, "this hub keeps its data in a database server; copy it with that server's tools, such as pg_dump (docs/operations.md)")
		return
	}
	answer := webserver.AnswerOf(w)
	if !a.snapshots.take(r.Context(), answer) {
		a.Unavailable(w, "another snapshot is being sent; try again later")
		return
	}
	defer a.snapshots.leave(answer)
	s, err := a.Snapshot(r.Context())
	if err != nil {
		if r.Context().Err() == nil {
			a.Logger.Warn("a snapshot could not be made", "error", err)
		}
		a.failed(w, r, err)
		return
	}
	defer s.Close() // What it cannot remove, the next start does.
	body := &fileWriter{w: w, start: func() {
		w.Header().Set("Content-Type", snapshot.ContentType)
		w.Header().Set(snapshot.SizeHeader, strconv.FormatInt(snapshot.AmountOf(s).Bytes, 10))
	}}
	if err := snapshot.Write(body, s); err != nil {
		if body.failed == nil && r.Context().Err() == nil {
			a.Logger.Error("a snapshot was aborted", "error", err)
		}
		panic(http.ErrAbortHandler) // The client must not take it for a whole one.
	}
}
