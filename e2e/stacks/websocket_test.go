package stacks

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/NYTimes/gziphandler"
	coder "github.com/coder/websocket"
	gorilla "github.com/gorilla/websocket"
	"github.com/klauspost/compress/gzhttp"
)

// gorillaEcho returns the messages of a websocket until it is closed.
func (e *env) gorillaEcho(w http.ResponseWriter, r *http.Request) {
	e.work.Add(1)
	defer e.work.Done()
	e.seeWriter(w, r)
	e.sayUser(w, r)
	c, err := (&gorilla.Upgrader{}).Upgrade(w, r, http.Header{"X-Chat": {"yes"}})
	e.seef(r, "upgraded %v", err)
	if err != nil {
		return
	}
	defer c.Close()
	for {
		kind, p, err := c.ReadMessage()
		if err != nil {
			e.seef(r, "read %v", err)
			return
		}
		e.seef(r, "wrote %v", c.WriteMessage(kind, p))
	}
}

// coderEcho is gorillaEcho by another library.
func (e *env) coderEcho(w http.ResponseWriter, r *http.Request) {
	e.work.Add(1)
	defer e.work.Done()
	e.seeWriter(w, r)
	e.sayUser(w, r)
	w.Header().Set("X-Chat", "yes")
	c, err := coder.Accept(w, r, nil)
	e.seef(r, "upgraded %v", err)
	if err != nil {
		return
	}
	defer c.CloseNow()
	for {
		kind, p, err := c.Read(r.Context())
		if err != nil {
			e.seef(r, "read %v", coder.CloseStatus(err))
			return
		}
		e.seef(r, "wrote %v", c.Write(r.Context(), kind, p))
	}
}

// talk opens a websocket, sends messages and closes it.
func talk(c *client, rq *request, s *stack) (a answer) {
	h := make(http.Header)
	for n := rq.named().header; len(n) > 1; n = n[2:] {
		h.Set(n[0], n[1])
	}
	ctx, cancel := contextOf(patience)
	defer cancel()
	ws, resp, err := gorilla.DefaultDialer.DialContext(ctx, "ws://"+c.address+rq.path, h)
	var b strings.Builder
	if resp != nil {
		a.status = resp.StatusCode
		resp.Header.Del("Sec-Websocket-Accept")
		a.times = s.header(&b, resp.Header)
	}
	if err != nil {
		return answer{status: a.status, times: a.times, text: b.String() + err.Error()}
	}
	defer ws.Close()
	for i := range 5 {
		m := strings.Repeat(fmt.Sprintf("%s %d ", rq.name, i), 1+100*i)
		if err := ws.WriteMessage(gorilla.TextMessage, []byte(m)); err != nil {
			fmt.Fprintf(&b, "write %v\n", err)
			break
		}
		_, p, err := ws.ReadMessage()
		fmt.Fprintf(&b, "%s %v\n", p, err)
	}
	ws.WriteMessage(gorilla.CloseMessage, gorilla.FormatCloseMessage(gorilla.CloseNormalClosure, "bye"))
	_, _, err = ws.ReadMessage()
	var closed *gorilla.CloseError
	fmt.Fprintf(&b, "closed %v\n", errors.As(err, &closed) && closed.Code == gorilla.CloseNormalClosure)
	a.text = b.String()
	return a
}

// bare is a writer that has nothing of its own but Unwrap.
type bare struct{ w http.ResponseWriter }

func (b bare) Header() http.Header         { return b.w.Header() }
func (b bare) Write(p []byte) (int, error) { return b.w.Write(p) }
func (b bare) WriteHeader(status int)      { b.w.WriteHeader(status) }
func (b bare) Unwrap() http.ResponseWriter { return b.w }

func inBare(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { next.ServeHTTP(bare{w}, r) })
}

func TestWebsockets(t *testing.T) {
	zip := []string{"Accept-Encoding", "gzip"}
	requests := func(untimed bool) []*request {
		want := expected{endpoint: "/chat/{room}", status: 101, stream: true, untimed: untimed}
		return []*request{
			{name: "chat", method: "GET", path: "/chat/1", ask: talk, want: want},
			{name: "chat, zipped", method: "GET", path: "/chat/2", header: zip, ask: talk, want: want},
			{name: "no upgrade", method: "GET", path: "/chat/3", want: expected{endpoint: "/chat/{room}"}},
		}
	}
	for _, lib := range []struct {
		name    string
		untimed bool // it writes the header past the writer
		echo    func(e *env, w http.ResponseWriter, r *http.Request)
	}{
		{"gorilla", true, (*env).gorillaEcho},
		{"coder", false, (*env).coderEcho},
	} {
		mux := func(e *env) http.Handler {
			m := http.NewServeMux()
			m.HandleFunc("GET /chat/{room}", func(w http.ResponseWriter, r *http.Request) { lib.echo(e, w, r) })
			return m
		}
		at := func(name string, hides hiding, build func(e *env) http.Handler) *stack {
			s := &stack{name: lib.name + ", " + name, only: "http1", hides: hides, requests: requests(lib.untimed), build: build}
			switch {
			case lib.name == "gorilla" && strings.Contains(name, "bare"):
				s.expect = map[string]expected{"chat": {}, "chat, zipped": {}} // it does not unwrap, and answers 500
			case lib.name == "coder" && strings.Contains(name, "gziphandler"):
				s.skip = []string{"chat, zipped"} // whose writer keeps the header of its 101
			}
			return s
		}
		gzipped := func(h http.Handler) http.Handler { return gzhttp.GzipHandler(h) }
		run(t,
			at("around", nil, func(e *env) http.Handler { return e.kymo(mux(e)) }),
			at("below a middleware", nil, func(e *env) http.Handler { return e.outer(e.kymo(mux(e))) }),
			at("around a bare writer", nil, func(e *env) http.Handler { return e.kymo(inBare(mux(e))) }),
			at("in a bare writer", nil, func(e *env) http.Handler { return inBare(e.kymo(mux(e))) }),
			at("around gzhttp", nil, func(e *env) http.Handler { return e.kymo(gzipped(mux(e))) }),
			at("in gzhttp", nil, func(e *env) http.Handler { return gzipped(e.kymo(mux(e))) }),
			at("around gziphandler", zipped, func(e *env) http.Handler { return e.kymo(gziphandler.GzipHandler(mux(e))) }),
			at("in gziphandler", nil, func(e *env) http.Handler { return gziphandler.GzipHandler(e.kymo(mux(e))) }),
			at("around and in a bare writer", nil, func(e *env) http.Handler { return e.kymo(inBare(e.kymo(mux(e)))) }),
			at("around and in gziphandler", nil, func(e *env) http.Handler { return e.kymo(gziphandler.GzipHandler(e.kymo(mux(e)))) }),
		)
	}
}
