// Package kymotest is for tests of code that uses Kymo. It needs no hub.
//
// # Tests of a service
//
// New returns a monitor whose records come to a Sink, which yields them:
//
//	m, sink := kymotest.New(t)
//	newServer(m).ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", "/users/7", nil))
//	got := sink.Requests()
//
// # Tests of an adapter
//
// Run is the suite that every adapter in Kymo's contrib directory passes. It is
// for adapters of other frameworks just as well. The test builds a server of
// these routes, in whatever way its framework declares and handles them. What
// the answers hold is up to it, unless the table says more.
//
//	GET     /users/{id}                      names the user id by kymo.SetUserContext; 200, with a body that contains the id
//	HEAD    /users/{id}                      the same
//	DELETE  /users/{id}                      204, as the framework answers without a body
//	POST    /users                           201, and the request's body as it came
//	GET     /teams/{team}/members/{member}   in a router that is mounted, or a group, at /teams/{team}; as GET /users/{id}, with the member
//	GET     /files/{path...}                 a route that takes the rest of the path; 200, with 100,000 bytes or more
//	GET     /moved                           302 to /users/7
//	GET     /nothing                         returns without an answer
//	GET     /fails                           409, as handlers of the framework fail; where they return errors, by one
//	GET     /broken                          500 in the same way; where they return errors, by one of package errors
//	GET     /panics                          panics
//	GET     /panics/late                     answers a few bytes, flushes them, and panics
//	GET     /events                          text/event-stream: an event, a flush, Pause, another event
//	GET     /upgrade                         calls Upgrade
//	GET     /slow                            calls Pause, then answers 200
//
// Each request is made over HTTP/1.1 and HTTP/2: to the routes without Kymo, to
// the same ones with the adapter, and to those within Monitor.Middleware. The
// three answers must be the same byte for byte, but for X-Response-Time, the date
// and the order of Allow fields, which some routers leave to chance. Each of the
// latter two must leave one record, which says what the client saw. Many requests
// of different users at once must not mix.
package kymotest
