package api

import (
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"net/http"
	"sync"

	"github.com/danielgtaylor/huma/v2"

	"github.com/kymohq/kymo/hub/internal/web"
)

//go:embed style.css
var style string

//go:embed root.html
var rootPage string

// policy allows the pages their own style sheet and nothing else: no script, no
// other host, no frame around them.
var policy = func() string {
	sum := sha256.Sum256([]byte(style))
	return "default-src 'none'; style-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) +
		"'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
}()

func (a *API) routePages() {
	a.handle(huma.Operation{
		OperationID: "openapi", Method: http.MethodGet, Path: "/openapi.json", Tags: []string{tagHub},
		Summary:     "This document",
		Description: "The description of all routes, OpenAPI 3.1.",
		Responses: map[string]*huma.Response{"200": {
			Description: "The document.",
			Content:     map[string]*huma.MediaType{"application/json": {Schema: &huma.Schema{Type: huma.TypeObject}}},
		}},
	}, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write(liveOf(r.Context()).document()) // Nothing to be done for a client that left.
	})

	docs := sync.OnceValue(func() []byte { return renderDocs(a.huma.OpenAPI()) })
	a.handle(huma.Operation{
		OperationID: "docs", Method: http.MethodGet, Path: "/docs", Tags: []string{tagHub},
		Summary:     "This document as a page",
		Description: "A page for people. It loads nothing from elsewhere.",
		Responses:   text("text/html; charset=utf-8", "The page."),
	}, func(w http.ResponseWriter, _ *http.Request) { writePage(w, docs()) })

	dashboard := a.Dashboard
	if dashboard == nil {
		dashboard = web.Built()
	}
	a.routeDashboard(dashboard)
}

// routeDashboard serves the dashboard, or, if it was not built, a page with how to
// build it.
func (a *API) routeDashboard(dashboard *web.Dashboard) {
	missing := render(rootPage, nil)
	a.handle(huma.Operation{
		OperationID: "root", Method: http.MethodGet, Path: "/", Tags: []string{tagHub},
		Summary:     "The dashboard",
		Description: "A page for people. The page itself needs no token; it asks for the read token if one is configured.",
		Responses:   text("text/html; charset=utf-8", "The page."),
	}, func(w http.ResponseWriter, r *http.Request) {
		if !dashboard.Present() {
			writePage(w, missing)
			return
		}
		dashboard.ServePage(w, r)
	})

	// The page's files are not part of the API: they change with each build.
	a.mux.HandleFunc("GET /assets/{name}", func(w http.ResponseWriter, r *http.Request) {
		if !dashboard.ServeAsset(w, r, r.PathValue("name")) {
			writeProblem(w, http.StatusNotFound, "the dashboard has no such file; reload the page")
		}
	})
}

func writePage(w http.ResponseWriter, page []byte) {
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Security-Policy", policy)
	h.Set("Referrer-Policy", "no-referrer")
	_, _ = w.Write(page) // Nothing to be done for a client that left.
}
