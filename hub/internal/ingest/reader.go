package ingest

import (
	"time"

	"github.com/kymohq/kymo/internal/wire"
)

// Reader yields the requests of one body, in order.
type Reader interface {
	// Next sets r to the next request, all of its fields. It returns
	//
	//   - nil if r is a request,
	//   - io.EOF after the last one,
	//   - a *RefusalError for an element that is left out and counted, while the rest is
	//     kept, of a body as of a stream. r.Service and r.Start may say whose it was
	//     and when it started. A reader whose input should be refused because of one
	//     bad element, as CSV and NDJSON, returns a *wire.FieldError for it. Whether its
	//     start is one that the hub accepts is not for a reader to say,
	//   - any other error if nothing of the body should be kept: a *wire.FieldError for a
	//     mistake of the sender, or the error of an underlying io.Reader.
	//
	// Only after nil and a *RefusalError may it be called again. The texts of r are valid
	// until then.
	Next(r *Request) error
}

// DefaultService is the service of requests that name none.
const DefaultService = "default"

// NoTime is the Start of a request without a timestamp: it is taken to end at its arrival.
const NoTime = -1

// Request is a request as a body has it. The intake checks its fields against the
// limits of package wire and makes an endpoint of the path, so a Reader checks only
// that values fit the types. All fields but endpoint, method and status may be zero.
type Request struct {
	Service  []byte // nil if the body does not name it
	Route    []byte // the template that the sender declares; empty if there is none
	Endpoint []byte // if there is no route: a route template, or a path with or without a query
	Method   []byte // in upper or lower case
	User     []byte
	Error    []byte // a short class of what went wrong
	Instance []byte // the process that answered, and its release
	Version  []byte
	Trace    wire.TraceID

	Start  int64 // Unix milliseconds, or NoTime
	Status int

	Duration  time.Duration
	FirstByte time.Duration // until the response's header was written
	Lifetime  time.Duration // of a stream, whose Duration is that until its first byte
	Size      int64         // bytes of the response's body

	Line int // where it stands in a text of lines, from 1; 0 in other formats
}
