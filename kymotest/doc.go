// Package kymotest helps to test code that uses Kymo, without a hub.
//
// # Tests of a service
//
// New returns a monitor and the Sink that receives its records:
//
//	m, sink := kymotest.New(t)
//	newServer(m).ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", "/users/7", nil))
//	got := sink.Requests()
//
// # Tests of an adapter
//
// Run is the suite that every adapter in Kymo's contrib directory passes, and that
// adapters of other frameworks should pass. The test provides a server with the
// following routes, declared as is usual in the framework. Responses may have any
// content unless the table specifies it.
//
//	GET     /users/{id}                      sets the user id by kymo.SetUserContext; 200, with a body that contains the id
//	HEAD    /users/{id}                      the same
//	DELETE  /users/{id}                      204, without a body
//	POST    /users                           201, with the request's body
//	GET     /teams/{team}/members/{member}   in a router mounted at /teams/{team}, or a group; as GET /users/{id}, with the member
//	GET     /files/{path...}                 a route that matches the rest of the path; 200, with 100,000 bytes or more
//	GET     /moved                           302 to /users/7
//	GET     /nothing                         returns without a response
//	GET     /fails                           409, by the framework's error if its handlers return errors
//	GET     /broken                          500, by an error of package errors if handlers return errors
//	GET     /panics                          panics
//	GET     /panics/late                     writes a few bytes, flushes them, and panics
//	GET     /events                          text/event-stream: an event, a flush, Pause, another event
//	GET     /upgrade                         calls Upgrade
//	GET     /slow                            calls Pause, then 200
//
// Each request is made over HTTP/1.1 and HTTP/2: to a server without Kymo, to one with
// the adapter, and to one with the adapter within Monitor.Middleware. The three
// responses must be identical except for X-Response-Time, the date, and the order of
// Allow fields, which is random in some routers. The servers with Kymo must record one
// request each, with what the client saw. Concurrent requests of different users must
// not be mixed up.
package kymotest
