package kymo

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/kymohq/kymo/internal/wire"
)

// frame is a message in an envelope, as gRPC and Connect's streams have it.
func frame(flags byte, message string) []byte {
	b := append([]byte{flags}, binary.BigEndian.AppendUint32(nil, uint32(len(message)))...)
	return append(b, message...)
}

func zipped(s string) string {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	io.WriteString(z, s)
	z.Close()
	return b.String()
}

func TestRemoteProcedureCalls(t *testing.T) {
	const method = "/acme.v1.Users/Find"
	for _, test := range []struct {
		name, contentType string
		path              string
		header            http.Header // declared trailers, set after the body
		body              [][]byte
		endpoint          string
		status            int
		stream            bool
	}{
		{name: "gRPC", contentType: "application/grpc", path: method, header: http.Header{"Grpc-Status": {"0"}}, body: [][]byte{frame(0, "a")}, endpoint: method, status: 200},
		{name: "gRPC, +proto", contentType: "application/grpc+proto", path: method, header: http.Header{"Trailer:Grpc-Status": {"13"}}, body: [][]byte{frame(0, "a")}, endpoint: method, status: 500},
		{name: "gRPC, trailers only", contentType: "application/grpc", path: method, header: http.Header{"Grpc-Status": {"5"}}, endpoint: method, status: 404},
		{name: "gRPC, canceled", contentType: "application/grpc", path: method, header: http.Header{"Grpc-Status": {"1"}}, endpoint: method, status: wire.ClientClosed},
		{name: "gRPC, a code of the future", contentType: "application/grpc", path: method, header: http.Header{"Grpc-Status": {"99"}}, endpoint: method, status: 500},
		{name: "gRPC, no number", contentType: "application/grpc", path: method, header: http.Header{"Grpc-Status": {"x"}}, endpoint: method, status: 500},
		{name: "gRPC, unimplemented", contentType: "application/grpc", path: method, header: http.Header{"Grpc-Status": {"12"}, "Grpc-Message": {"method Find not implemented"}}, endpoint: method, status: 501},
		{name: "gRPC, a path that was made up", contentType: "application/grpc", path: "/a.B/x7", header: http.Header{"Grpc-Status": {"12"}, "Grpc-Message": {"unknown service a.B"}}, endpoint: wire.Unmatched, status: 501},
		{name: "gRPC, no method in the path", contentType: "application/grpc", path: "/x", header: http.Header{"Grpc-Status": {"12"}}, endpoint: wire.Unmatched, status: 501},
		{name: "gRPC stream", contentType: "application/grpc", path: method, header: http.Header{"Grpc-Status": {"0"}}, body: [][]byte{frame(0, "a")[:3], frame(0, "a")[3:], frame(0, "bc")}, endpoint: method, status: 200, stream: true},
		{name: "gRPC-Web", contentType: "application/grpc-web+proto", path: method, body: [][]byte{frame(0, "a"), frame(0x80, "grpc-message: x\r\nGRPC-Status: 14\r\n")}, endpoint: method, status: 503},
		{name: "gRPC-Web, fine", contentType: "application/grpc-web", path: method, body: [][]byte{frame(0, "a"), frame(0x80, "grpc-status:0\r\n")}, endpoint: method, status: 200},
		{name: "gRPC-Web, no status", contentType: "application/grpc-web", path: method, body: [][]byte{frame(0, "a"), frame(0x80, "x: y\r\n")}, endpoint: method, status: 200},
		{name: "Connect stream", contentType: "application/connect+json", path: method, body: [][]byte{frame(0, "{}"), frame(2, `{"error":{"code":"not_found"}}`)}, endpoint: method, status: 404, stream: true},
		{name: "Connect stream, in pieces", contentType: "application/connect+proto", path: method, body: pieces(frame(0, "aaaa"), frame(2, `{"error":{"code":"internal"}}`)), endpoint: method, status: 500, stream: true},
		{name: "Connect stream, compressed end", contentType: "application/connect+proto", path: method, body: [][]byte{frame(3, zipped(`{"error":{"code":"resource_exhausted"}}`))}, endpoint: method, status: 429, stream: true},
		{name: "Connect stream, fine", contentType: "application/connect+proto", path: method, body: [][]byte{frame(2, `{}`)}, endpoint: method, status: 200, stream: true},
		{name: "Connect stream, a code of the future", contentType: "application/connect+proto", path: method, body: [][]byte{frame(2, `{"error":{"code":"bored"}}`)}, endpoint: method, status: 500, stream: true},
		{name: "Connect stream, broken end", contentType: "application/connect+proto", path: method, body: [][]byte{frame(2, `{`)}, endpoint: method, status: 200, stream: true},
		{name: "Connect stream, broken compression", contentType: "application/connect+proto", path: method, body: [][]byte{frame(3, "x")}, endpoint: method, status: 200, stream: true},
	} {
		t.Run(test.name, func(t *testing.T) {
			m, sink := monitor(t)
			do(m.Middleware(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				w.Header().Set("Content-Type", test.contentType)
				w.WriteHeader(200)
				for _, p := range test.body {
					w.Write(p)
				}
				maps.Copy(w.Header(), test.header)
			})), "POST", test.path)
			got := one(t, m, sink)
			if got.Endpoint != test.endpoint || got.Status != test.status || got.Lifetime != 0 != test.stream {
				t.Errorf("recorded %+v", got)
			}
		})
	}
}

// pieces returns the bytes of all, one by one.
func pieces(all ...[]byte) (p [][]byte) {
	for _, b := range all {
		for i := range b {
			p = append(p, b[i:i+1])
		}
	}
	return p
}

// TestCallsByOtherWriters has the body come through the other methods.
func TestCallsByOtherWriters(t *testing.T) {
	end := string(frame(2, `{"error":{"code":"unavailable"}}`))
	for name, write := range map[string]func(w http.ResponseWriter){
		"WriteString": func(w http.ResponseWriter) { io.WriteString(w, end) },
		"ReadFrom":    func(w http.ResponseWriter) { io.Copy(w, bytes.NewReader([]byte(end))) },
	} {
		m, sink := monitor(t)
		s, stop := serve(t, m.Middleware(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "application/connect+json")
			write(w)
		})))
		if _, body := get(t, s.Client(), "POST", s.URL+"/a.B/C"); body != end {
			t.Errorf("%s: answered %q", name, body)
		}
		stop()
		if got := one(t, m, sink); got.Status != 503 || got.Size != int64(len(end)) || got.Endpoint != "/a.B/C" {
			t.Errorf("%s: recorded %+v", name, got)
		}
	}
}

// TestServiceMounts is about handlers of Connect's unary calls and the like, whose
// responses are ordinary ones.
func TestServiceMounts(t *testing.T) {
	mux := http.NewServeMux()
	mux.HandleFunc("/acme.v1.Users/", func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/acme.v1.Users/Find":
			w.Header().Set("Content-Type", "application/proto")
		case "/acme.v1.Users/Missing":
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(404)
			fmt.Fprint(w, `{"code":"not_found"}`)
		default:
			http.NotFound(w, r)
		}
	})
	for path, want := range map[string]string{
		"/acme.v1.Users/Find":    "/acme.v1.Users/Find",
		"/acme.v1.Users/Missing": "/acme.v1.Users/Missing",
		"/acme.v1.Users/../x":    "/acme.v1.Users/",
		"/acme.v1.Users/a/b":     "/acme.v1.Users/",
		"/acme.v1.Users/Made_Up": "/acme.v1.Users/",
	} {
		m, sink := monitor(t)
		r := httptest.NewRequest("POST", path, nil)
		r.Header.Set("Connect-Protocol-Version", "1")
		m.Middleware(mux).ServeHTTP(httptest.NewRecorder(), r)
		if got := one(t, m, sink); got.Endpoint != want && got.Status/100 != 3 {
			t.Errorf("%s: recorded %+v", path, got)
		}
	}
}

// TestRefusedBeforeTheMethod: a middleware in front of a service refuses paths that
// strangers make up as it does others.
func TestRefusedBeforeTheMethod(t *testing.T) {
	for _, status := range []int{401, 403, 429} {
		for contentType, want := range map[string]string{
			"text/plain; charset=utf-8":       "/acme.v1.Users/",
			"":                                "/acme.v1.Users/",
			"application/json; charset=utf-8": "/acme.v1.Users/Find", // an error of Connect or Twirp
		} {
			m, sink := monitor(t)
			mux := http.NewServeMux()
			mux.HandleFunc("/acme.v1.Users/", func(w http.ResponseWriter, r *http.Request) {
				if contentType != "" {
					w.Header().Set("Content-Type", contentType)
				}
				w.WriteHeader(status)
			})
			do(m.Middleware(mux), "POST", "/acme.v1.Users/Find")
			if got := one(t, m, sink); got.Endpoint != want || got.Status != status {
				t.Errorf("%q: recorded %+v", contentType, got)
			}
		}
	}
}

func TestStreamsAreRecognized(t *testing.T) {
	for _, test := range []struct {
		name   string
		handle func(w http.ResponseWriter)
		stream bool
	}{
		{"NDJSON that goes on after a flush", lines("application/x-ndjson", true), true},
		{"NDJSON at once", lines("application/x-ndjson", false), false},
		{"JSON sequence", lines("application/json-seq", true), true},
		{"multipart", lines("multipart/x-mixed-replace; boundary=x", true), true},
		{"parameters and case", lines("Application/X-NDJSON; charset=utf-8", true), true},
		{"JSON", lines("application/json", true), false},
		{"text", lines("text/plain", true), false},
		{"image", lines("image/png", true), false},
		{"a short type", lines("a", true), false},
		{"no type", func(w http.ResponseWriter) { io.WriteString(w, "x") }, false},
		{"event stream under a raw key", func(w http.ResponseWriter) {
			w.Header()["content-type"] = []string{"text/event-stream"}
			io.WriteString(w, "data: x\n\n")
		}, true},
		{"declared", func(w http.ResponseWriter) { SetStream(w); io.WriteString(w, "x") }, true},
		{"NDJSON by ReadFrom", func(w http.ResponseWriter) {
			w.Header().Set("Content-Type", "application/jsonl")
			w.(http.Flusher).Flush()
			w.(io.ReaderFrom).ReadFrom(bytes.NewReader([]byte("{}\n")))
		}, true},
		{"NDJSON by WriteString", func(w http.ResponseWriter) {
			w.Header().Set("Content-Type", "application/jsonl")
			w.(http.Flusher).Flush()
			io.WriteString(w, "{}\n")
		}, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			m, sink := monitor(t)
			s, stop := serve(t, m.Middleware(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { test.handle(w) })))
			get(t, s.Client(), "GET", s.URL)
			stop()
			if got := one(t, m, sink); got.Lifetime != 0 != test.stream || got.Status != 200 {
				t.Errorf("recorded %+v", got)
			}
		})
	}
}

// lines writes two lines, with a flush between them or not.
func lines(contentType string, flush bool) func(w http.ResponseWriter) {
	return func(w http.ResponseWriter) {
		w.Header().Set("Content-Type", contentType)
		w.Write([]byte("{}\n"))
		if flush {
			w.(http.Flusher).Flush()
		}
		w.Write([]byte("{}\n"))
	}
}

func TestRPCStatus(t *testing.T) {
	for code, want := range map[uint32]int{0: 200, 1: 499, 4: 504, 12: 501, 13: 500, 14: 503, 15: 500, 16: 401, 17: 500} {
		if got := RPCStatus(code); got != want {
			t.Errorf("code %d is %d, want %d", code, got, want)
		}
	}
}

func FuzzFrames(f *testing.F) {
	f.Add(append(frame(0, "a"), frame(2, `{"error":{}}`)...), 3)
	f.Add(frame(0x83, zipped("grpc-status: 1")), 1)
	f.Fuzz(func(t *testing.T, body []byte, step int) {
		var whole, parts frames
		whole.add(body)
		step = max(1, step%16)
		for i := 0; i < len(body); i += step {
			parts.add(body[i:min(i+step, len(body))])
		}
		if whole.status() != parts.status() || whole.messages != parts.messages {
			t.Errorf("%x: %d and %d messages, status %d and %d", body, whole.messages, parts.messages, whole.status(), parts.status())
		}
	})
}

// A server of gRPC sends no status to a client that has canceled the call.
func TestCanceledCallIs499(t *testing.T) {
	for _, p := range protocols {
		t.Run(p.name, func(t *testing.T) {
			m, sink := monitor(t)
			returned := make(chan struct{})
			h := m.Middleware(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				w.Header().Set("Content-Type", "application/grpc")
				w.Write([]byte{0, 0, 0, 0, 1, 'x'})
				w.(http.Flusher).Flush()
				<-r.Context().Done()
			}))
			s := p.server(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				defer close(returned)
				h.ServeHTTP(w, r)
			}))
			defer s.Close()
			ctx, cancel := context.WithCancel(context.Background())
			req, _ := http.NewRequestWithContext(ctx, "POST", s.URL+"/test.v1.Echo/Say", http.NoBody)
			resp, err := s.Client().Do(req)
			if err != nil {
				t.Fatal(err)
			}
			cancel()
			resp.Body.Close()
			<-returned
			if got := one(t, m, sink); got.Status != wire.ClientClosed || got.Endpoint != "/test.v1.Echo/Say" {
				t.Errorf("recorded %+v", got)
			}
		})
	}
}

// TestLastFrameIsBounded: what a frame says of its length is not believed.
func TestLastFrameIsBounded(t *testing.T) {
	for _, written := range [][]int{{4 << 20}, {maxEnd - 1, 4 << 20}, {maxEnd, 1, 4 << 20}} {
		var f frames
		f.add([]byte{frameWebTrailer, 0xff, 0xff, 0xff, 0xff})
		for _, n := range written {
			f.add(make([]byte, n))
		}
		if len(f.end) != maxEnd || cap(f.end) > 4*maxEnd {
			t.Errorf("%d: %d bytes are kept, with room for %d", written, len(f.end), cap(f.end))
		}
	}
}
