package stacks

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"path"
	"strings"
	"time"
)

// route is one of the app that most stacks serve.
type route struct {
	methods []string
	pattern string // as http.ServeMux has it
	serve   func(e *env, w http.ResponseWriter, r *http.Request)
}

// handler returns the route's handler, which notes what it can do and whose
// request it is.
func (rt *route) handler(e *env) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		e.work.Add(1)
		defer e.work.Done()
		e.seeWriter(w, r)
		e.sayUser(w, r)
		rt.serve(e, w, r)
	}
}

// mux returns the app on http.ServeMux.
func (e *env) mux() *http.ServeMux {
	mux := http.NewServeMux()
	e.each(func(method, pattern string, h http.HandlerFunc) { mux.HandleFunc(method+" "+pattern, h) })
	return mux
}

// each calls add for every method of every route.
func (e *env) each(add func(method, pattern string, h http.HandlerFunc)) {
	for i := range app {
		h := app[i].handler(e)
		for _, m := range app[i].methods {
			add(m, app[i].pattern, h)
		}
	}
}

// colon spells a pattern's parameters as in /users/:id.
func colon(pattern string) string {
	return strings.NewReplacer("{", ":", "}", "").Replace(pattern)
}

var get = []string{"GET"}

var long = strings.Repeat("All that is long can be made short. ", 600)

var app = []route{
	{[]string{"GET", "PUT"}, "/users/{id}", func(e *env, w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Type", "application/json")
		h["x-raw"] = []string{"kept as it is"}
		h.Add("Set-Cookie", "a=1")
		h.Add("Set-Cookie", "b=2")
		err := r.ParseForm()
		n, werr := fmt.Fprintf(w, `{"id":%q,"user":%q,"form":%q}`, path.Base(r.URL.Path), r.Header.Get(userHeader), r.Form.Encode())
		e.seef(r, "parsed %v, wrote %d, %v", err, n, werr)
	}},
	{[]string{"POST"}, "/echo", func(e *env, w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/plain")
		// HTTP/1.1 has read the request before the response begins, or loses it.
		b, err := io.ReadAll(r.Body)
		n, werr := io.Copy(w, io.MultiReader(strings.NewReader(r.Header.Get(userHeader)+":"), bytes.NewReader(b)))
		e.seef(r, "read %v, copied %d, %v", err, n, werr)
	}},
	{get, "/stream", func(e *env, w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		for i := range 3 {
			n, err := fmt.Fprintf(w, "data: %d for %s\n\n", i, r.Header.Get(userHeader))
			e.seef(r, "wrote %d, %v", n, err)
			if f, ok := w.(http.Flusher); ok && i%2 == 0 {
				f.Flush()
				continue
			}
			e.seef(r, "flushed %v", http.NewResponseController(w).Flush())
		}
	}},
	{[]string{"GET", "HEAD"}, "/text", func(e *env, w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		for i := 0; i < len(long); i += 900 {
			n, err := io.WriteString(w, long[i:min(i+900, len(long))])
			if n != 900 && n != len(long)%900 || err != nil {
				e.seeWrittenf(r, "wrote %d, %v", n, err)
			}
		}
	}},
	{get, "/sized", func(e *env, w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/plain")
		w.Header().Set("Content-Length", fmt.Sprint(len(long)))
		n, err := w.Write([]byte(long))
		e.seef(r, "wrote %d, %v", n, err)
	}},
	{[]string{"POST"}, "/things", func(e *env, w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Location", "/things/1")
		w.WriteHeader(http.StatusCreated)
		n, err := w.Write(nil)
		e.seef(r, "wrote %d, %v", n, err)
		n, err = io.WriteString(w, "made")
		e.seef(r, "wrote %d, %v", n, err)
	}},
	{[]string{"GET", "HEAD"}, "/nothing", func(e *env, w http.ResponseWriter, r *http.Request) {}},
	{get, "/empty", func(e *env, w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(http.StatusNoContent)
		n, err := io.WriteString(w, "x")
		e.seef(r, "wrote %d, %v, %v", n, err, errors.Is(err, http.ErrBodyNotAllowed))
	}},
	{get, "/cached", func(e *env, w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Etag", `"1"`)
		http.ServeContent(w, r, "cached.txt", time.Unix(1e9, 0), strings.NewReader(long))
	}},
	{get, "/moved", func(e *env, w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "/text", http.StatusFound)
	}},
	{get, "/conflict", func(e *env, w http.ResponseWriter, r *http.Request) {
		http.Error(w, "taken", http.StatusConflict)
	}},
	{get, "/early", func(e *env, w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Link", "</style.css>; rel=preload; as=style")
		w.WriteHeader(http.StatusEarlyHints)
		w.WriteHeader(http.StatusProcessing)
		w.Header().Set("Content-Type", "text/plain")
		n, err := io.WriteString(w, "after hints")
		e.seef(r, "wrote %d, %v", n, err)
	}},
	{get, "/trailers", func(e *env, w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Trailer", "X-Sum")
		w.Header().Set("Content-Type", "text/plain")
		io.WriteString(w, "body")
		if f, ok := w.(http.Flusher); ok {
			f.Flush()
		}
		w.Header().Set("X-Sum", "42")
		w.Header().Set(http.TrailerPrefix+"X-Late", "yes")
	}},
	{get, "/twice", func(e *env, w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/plain")
		w.WriteHeader(http.StatusAccepted)
		w.WriteHeader(http.StatusInternalServerError)
		io.WriteString(w, "accepted")
		w.WriteHeader(http.StatusTeapot)
	}},
	{get, "/over", func(e *env, w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/plain")
		w.Header().Set("Content-Length", "5")
		n, err := io.WriteString(w, "0123456789")
		e.seef(r, "wrote %d, %v, %v", n, err, errors.Is(err, http.ErrContentLength))
	}},
	{get, "/under", func(e *env, w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/plain")
		w.Header().Set("Content-Length", "10")
		n, err := w.Write([]byte("01234"))
		e.seef(r, "wrote %d, %v", n, err)
	}},
	{get, "/panic", func(e *env, w http.ResponseWriter, r *http.Request) { panic("boom") }},
	{get, "/invalid", func(e *env, w http.ResponseWriter, r *http.Request) { w.WriteHeader(99) }},
	{get, "/abort", func(e *env, w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		io.WriteString(w, "partial")
		e.seef(r, "flushed %v", http.NewResponseController(w).Flush())
		panic(http.ErrAbortHandler)
	}},
	{get, "/from", func(e *env, w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/octet-stream")
		src := io.LimitReader(bytes.NewReader(bytes.Repeat([]byte{1, 2, 3, 4}, 20_000)), 70_001)
		if to, ok := w.(io.ReaderFrom); ok {
			n, err := to.ReadFrom(src)
			e.seef(r, "read %d, %v", n, err)
			return
		}
		n, err := io.Copy(w, src)
		e.seef(r, "copied %d, %v", n, err)
	}},
	{get, "/broken", func(e *env, w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/plain")
		n, err := io.Copy(w, io.MultiReader(strings.NewReader("so far"), brokenReader{}))
		e.seef(r, "copied %d, %v", n, err)
	}},
	{get, "/takeover", func(e *env, w http.ResponseWriter, r *http.Request) {
		conn, buffered, err := http.NewResponseController(w).Hijack()
		e.seef(r, "hijacked %v", err)
		if err != nil {
			http.Error(w, "cannot be taken over", http.StatusNotImplemented)
			return
		}
		defer conn.Close()
		io.WriteString(buffered, "HTTP/1.1 200 OK\r\nContent-Length: 4\r\nConnection: close\r\n\r\nmine")
		buffered.Flush()
		if r.URL.RawQuery == "" {
			return
		}
		n, err := w.Write([]byte("x"))
		e.seef(r, "wrote %d, %v, %v", n, err, errors.Is(err, http.ErrHijacked))
		w.WriteHeader(http.StatusOK)
	}},
}

var errBroken = errors.New("the source broke")

type brokenReader struct{}

func (brokenReader) Read([]byte) (int, error) { return 0, errBroken }

// appRequests are what clients ask the app for.
func appRequests() []*request {
	to := func(endpoint string) expected { return expected{endpoint: endpoint} }
	form := []string{"Content-Type", "application/x-www-form-urlencoded"}
	zip := []string{"Accept-Encoding", "gzip"}
	return []*request{
		{name: "user", method: "GET", path: "/users/7?page=2", want: to("/users/{id}")},
		{name: "form", method: "PUT", path: "/users/8", header: form, body: "name=a+b", want: to("/users/{id}")},
		{name: "echo", method: "POST", path: "/echo", body: long, want: to("/echo")},
		{name: "echo, zipped", method: "POST", path: "/echo", header: zip, body: long, want: to("/echo")},
		{name: "stream", method: "GET", path: "/stream", want: expected{endpoint: "/stream", stream: true}},
		{name: "stream, zipped", method: "GET", path: "/stream", header: zip, want: expected{endpoint: "/stream", stream: true}},
		{name: "text", method: "GET", path: "/text", want: to("/text")},
		{name: "text, zipped", method: "GET", path: "/text", header: zip, want: to("/text")},
		{name: "head", method: "HEAD", path: "/text", want: to("/text")},
		{name: "sized", method: "GET", path: "/sized", want: to("/sized")},
		{name: "sized, zipped", method: "GET", path: "/sized", header: zip, want: to("/sized")},
		{name: "made", method: "POST", path: "/things", want: to("/things")},
		{name: "nothing", method: "GET", path: "/nothing", want: to("/nothing")},
		{name: "nothing, head", method: "HEAD", path: "/nothing", want: to("/nothing")},
		{name: "empty", method: "GET", path: "/empty", want: to("/empty")},
		{name: "cached", method: "GET", path: "/cached", header: []string{"If-None-Match", `"1"`}, want: to("/cached")},
		{name: "range", method: "GET", path: "/cached", header: []string{"Range", "bytes=10-19"}, want: to("/cached")},
		{name: "moved", method: "GET", path: "/moved", want: to("/moved")},
		{name: "conflict", method: "GET", path: "/conflict", want: to("/conflict")},
		{name: "early", method: "GET", path: "/early", want: to("/early")},
		{name: "trailers", method: "GET", path: "/trailers", want: to("/trailers")},
		{name: "twice", method: "GET", path: "/twice", want: to("/twice")},
		{name: "over", method: "GET", path: "/over", want: to("/over")},
		{name: "under", method: "GET", path: "/under", want: to("/under")},
		{name: "panic", method: "GET", path: "/panic", want: to("/panic")},
		{name: "invalid", method: "GET", path: "/invalid", want: to("/invalid")},
		{name: "abort", method: "GET", path: "/abort", want: expected{endpoint: "/abort", status: 500, stream: true}},
		{name: "from", method: "GET", path: "/from", want: to("/from")},
		{name: "broken", method: "GET", path: "/broken", want: to("/broken")},
		{name: "takeover", method: "GET", path: "/takeover", want: expected{endpoint: "/takeover", status: 101, stream: true, untimed: true}, only: "http1"},
		{name: "takeover, then write", method: "GET", path: "/takeover?write", want: expected{endpoint: "/takeover", status: 101, stream: true, untimed: true}, only: "http1"},
		{name: "no takeover", method: "GET", path: "/takeover", want: to("/takeover"), only: "http2"},
		{name: "absent", method: "GET", path: "/absent/7", want: expected{anonymous: true}},
		{name: "not allowed", method: "DELETE", path: "/text", want: expected{anonymous: true}},
	}
}

// recovered is for where every panic is recovered from within.
var recovered = map[string]expected{"abort": {stream: true}}

// routedOnly is for where Kymo stands behind the router.
var routedOnly = map[string]expected{"absent": {absent: true}, "not allowed": {absent: true}}
