// Package api is the hub's HTTP API.
//
// ServeHTTP answers requests that match no route (api.go). Each route first checks
// the token (auth.go) and the query (query.go), before the body is read. Browsers
// send a cookie instead of the read token (session.go, attempts.go).
//
// Bodies are read within limits of size, ratio and total memory (read_body.go,
// memory_budget.go), and go to package intake (ingest.go). Reports and charts read
// rollups from the store and make the answer with package report (reports.go,
// charts.go, history.go); package drill finds single requests (requests.go, export.go,
// users.go), page after page (cursor.go). They are about a window (window.go, step.go),
// and their answers are cached for a few seconds (cache.go, payload.go). Answers that
// become shorter are compressed (compress.go).
//
// Each route is described where it is registered, and the OpenAPI document and the page
// at /docs are made from these descriptions (openapi.go, docs.go). All errors are
// problem details that name the field (problem.go).
package api
