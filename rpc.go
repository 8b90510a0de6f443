package kymo

import (
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"encoding/json"
	"io"
	"net/http"
	"strconv"
	"strings"

	"github.com/kymohq/kymo/internal/wire"
)

// The codes of gRPC and Connect, and the HTTP status that each is recorded with:
// that of google.rpc.Code, and 499 for a call that its client canceled.
// https://github.com/googleapis/googleapis/blob/master/google/rpc/code.proto
var rpcStatus = [...]int{
	0:  http.StatusOK,
	1:  wire.ClientClosed,              // CANCELLED
	2:  http.StatusInternalServerError, // UNKNOWN
	3:  http.StatusBadRequest,          // INVALID_ARGUMENT
	4:  http.StatusGatewayTimeout,      // DEADLINE_EXCEEDED
	5:  http.StatusNotFound,            // NOT_FOUND
	6:  http.StatusConflict,            // ALREADY_EXISTS
	7:  http.StatusForbidden,           // PERMISSION_DENIED
	8:  http.StatusTooManyRequests,     // RESOURCE_EXHAUSTED
	9:  http.StatusBadRequest,          // FAILED_PRECONDITION
	10: http.StatusConflict,            // ABORTED
	11: http.StatusBadRequest,          // OUT_OF_RANGE
	12: http.StatusNotImplemented,      // UNIMPLEMENTED
	13: http.StatusInternalServerError, // INTERNAL
	14: http.StatusServiceUnavailable,  // UNAVAILABLE
	15: http.StatusInternalServerError, // DATA_LOSS
	16: http.StatusUnauthorized,        // UNAUTHENTICATED
}

// connectCodes are the names of the codes in Connect's errors.
// https://connectrpc.com/docs/protocol#error-codes
var connectCodes = map[string]int{
	"canceled": 1, "unknown": 2, "invalid_argument": 3, "deadline_exceeded": 4, "not_found": 5,
	"already_exists": 6, "permission_denied": 7, "resource_exhausted": 8, "failed_precondition": 9,
	"aborted": 10, "out_of_range": 11, "unimplemented": 12, "internal": 13, "unavailable": 14,
	"data_loss": 15, "unauthenticated": 16,
}

// RPCStatus returns the HTTP status with which a call is recorded that ended with the given
// gRPC code. A code that gRPC does not define counts as UNKNOWN.
func RPCStatus(code uint32) int {
	if code >= uint32(len(rpcStatus)) {
		code = 2
	}
	return rpcStatus[code]
}

// maxEnd bounds what is kept of a body's last frame.
const maxEnd = 16 << 10

// frames parses the body of a remote procedure call as it is written. gRPC,
// gRPC-Web and Connect's streams have frames of five bytes (flags and the length
// of what follows, big-endian) and a message; the last may hold the trailers.
// https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md
// https://connectrpc.com/docs/protocol#streaming-response
type frames struct {
	head     [5]byte
	have     int    // bytes of head
	left     uint64 // bytes of the frame that are still to come
	messages int    // frames that were not the last
	end      []byte // the last frame, if it is marked as such
	zipped   bool
}

// Flags of a frame.
const (
	frameCompressed = 0x01
	frameConnectEnd = 0x02
	frameWebTrailer = 0x80
)

func (f *frames) add(p []byte) {
	for len(p) > 0 {
		if f.left > 0 {
			n := min(uint64(len(p)), f.left)
			if f.ending() {
				f.end = append(f.end, p[:min(n, uint64(maxEnd-len(f.end)))]...)
			}
			f.left -= n
			p = p[n:]
			continue
		}
		n := copy(f.head[f.have:], p)
		f.have += n
		p = p[n:]
		if f.have < len(f.head) {
			return
		}
		f.have = 0
		f.left = uint64(binary.BigEndian.Uint32(f.head[1:]))
		if f.ending() {
			f.end, f.zipped = []byte{}, f.head[0]&frameCompressed != 0
		} else {
			f.messages++
		}
	}
}

func (f *frames) ending() bool { return f.head[0]&(frameConnectEnd|frameWebTrailer) != 0 }

// status returns the HTTP status for how the call ended according to its last frame, or
// 0 if that does not have it.
func (f *frames) status() int {
	end := f.end
	if end == nil {
		return 0
	}
	if f.zipped {
		z, err := gzip.NewReader(bytes.NewReader(end))
		if err != nil {
			return 0
		}
		if end, err = io.ReadAll(io.LimitReader(z, maxEnd)); err != nil {
			return 0
		}
	}
	if f.head[0]&frameWebTrailer != 0 {
		return grpcStatus(trailerField(end, "grpc-status"))
	}
	var answer struct {
		Error *struct {
			Code string `json:"code"`
		} `json:"error"`
	}
	if json.Unmarshal(end, &answer) != nil {
		return 0
	}
	if answer.Error == nil {
		return http.StatusOK
	}
	code, ok := connectCodes[answer.Error.Code]
	if !ok {
		code = 2
	}
	return rpcStatus[code]
}

// trailerField returns a field of trailers that gRPC-Web has sent in the body.
func trailerField(block []byte, name string) string {
	for line := range strings.Lines(string(block)) {
		key, value, ok := strings.Cut(line, ":")
		if ok && strings.EqualFold(strings.TrimSpace(key), name) {
			return strings.TrimSpace(value)
		}
	}
	return ""
}

// grpcStatus returns the HTTP status for the value of grpc-status, or 0 if there is none.
func grpcStatus(value string) int {
	if value == "" {
		return 0
	}
	code, err := strconv.ParseUint(value, 10, 32)
	if err != nil {
		code = 2
	}
	return RPCStatus(uint32(code))
}

// rpcTrailer returns a trailer that a handler has left in the response's header:
// declared before, or with net/http's prefix.
func rpcTrailer(h http.Header, name string) string {
	if v := h[http.TrailerPrefix+name]; len(v) != 0 {
		return v[0]
	}
	if v := h[name]; len(v) != 0 {
		return v[0]
	}
	return ""
}

// callStatus returns the HTTP status for how a remote procedure call ended, or 0 if that
// is unknown.
func (w *writer) callStatus() int {
	if s := grpcStatus(rpcTrailer(w.header(), "Grpc-Status")); s != 0 {
		return s
	}
	n := w.note()
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.frames.status()
}

// procedure returns the path of a call as its route, as in
// "/package.Service/Method", or "" if it is not one that the server knows.
func (w *writer) procedure(path string) string {
	if !isProcedure(path) {
		return ""
	}
	h := w.header()
	if rpcTrailer(h, "Grpc-Status") == "12" {
		// This is grpc-go's answer to a path without a method of the server.
		switch message := rpcTrailer(h, "Grpc-Message"); {
		case strings.HasPrefix(message, "unknown "), strings.HasPrefix(message, "malformed "):
			return ""
		}
	}
	return path
}

// isProcedure reports whether path looks like "/package.Service/Method".
func isProcedure(path string) bool {
	service, method, ok := strings.Cut(strings.TrimPrefix(path, "/"), "/")
	return ok && len(path) <= wire.MaxEndpoint && path[0] == '/' && isName(service, true) && isName(method, false)
}

func isName(s string, dots bool) bool {
	for _, c := range []byte(s) {
		switch {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', c == '_':
		case c == '.' && dots:
		default:
			return false
		}
	}
	return s != ""
}
