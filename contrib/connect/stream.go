package kymoconnect

import (
	"net/http"
	"sync"

	"connectrpc.com/connect"
	"github.com/kymohq/kymo"
)

// stream is a streaming call as its handler has it. It notes when the header is sent.
type stream struct {
	connect.StreamingHandlerConn
	x    *kymo.Exchange
	once sync.Once
}

// Send sends a message, the first with the header.
func (s *stream) Send(message any) error {
	s.addHeader()
	return s.StreamingHandlerConn.Send(message)
}

// addHeader adds ours to the header before it is sent.
func (s *stream) addHeader() {
	s.once.Do(func() { addHeader(s.x, s.ResponseHeader()) })
}

func addHeader(x *kymo.Exchange, h http.Header) {
	if value := x.ResponseTime(); value != "" {
		h.Set(kymo.ResponseTimeHeader, value)
	}
}
