// Package api is the hub's HTTP face.
//
// A request passes ServeHTTP, which answers what matches no route (api.go), then
// the route's checks, in this order and before its body is touched: the token
// (auth.go) and the query (query.go). Bodies are read within limits of size,
// ratio and total memory (body.go, gate.go) and go to package intake (post.go);
// questions go to the store, and its rollups to the report (reports.go, charts.go).
// They name a window (range.go); equal ones share an answer for a few seconds
// (share.go, written.go). Single requests are found by package drill (requests.go,
// export.go, users.go), page after page (cursor.go). For browsers a cookie stands
// for the read token (session.go, guesses.go). What the routes promise is said
// once, where they are registered: the OpenAPI document and the page at /docs
// (openapi.go, docs.go) are made from it. All errors are problem details that name
// the field (problem.go).
package api
