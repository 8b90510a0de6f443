package kymofiber

import (
	"bytes"
	"net/http"
	"time"

	"github.com/gofiber/fiber/v3"
	"github.com/kymohq/kymo"
	"github.com/valyala/fasthttp"
)

// visit is a request on its way. It is one of the request's values in fasthttp,
// which closes those that are an io.Closer when the response was sent, just before
// it forgets request and response.
type visit struct {
	x      *kymo.Exchange
	start  time.Time
	rctx   *fasthttp.RequestCtx
	routes *routes
	method string // as the request came; handlers may change it

	answer   kymo.Request // what is known when the middleware has returned
	returned bool
	ended    bool
}

// serve lets the handlers run.
func (v *visit) serve(c fiber.Ctx) error {
	panicking := true
	defer func() {
		if panicking {
			v.answer.Status = http.StatusInternalServerError
			v.leave(c, &v.rctx.Response)
		}
	}()
	err := c.Next()
	panicking = false
	if timeout := v.rctx.LastTimeoutErrorResponse(); timeout != nil && v.willBeClosed() {
		// The server sends this instead, and does not close the request's values,
		// after all: a handler that was given up may still use them.
		v.leave(c, timeout)
		v.end(timeout)
		return err
	}
	if err != nil && !v.willBeClosed() {
		if c.App().ErrorHandler(c, err) != nil {
			_ = c.SendStatus(fiber.StatusInternalServerError)
		}
		err = nil
	}
	v.leave(c, &v.rctx.Response)
	return err
}

// willBeClosed reports whether fasthttp will call Close: its server serves the
// request, and no handler has reset it. Others, such as Fiber's adaptor for
// net/http or those of cloud functions, call the app and send its response by
// themselves. For them Fiber's error handler is called at once, as Fiber's logger
// does, since there is no later occasion to see the status.
func (v *visit) willBeClosed() bool { return v.rctx.ConnRequestNum() > 0 && !v.ended }

// leave records the request after its handlers have returned or panicked.
func (v *visit) leave(c fiber.Ctx, response *fasthttp.Response) {
	if value := v.x.ResponseTime(); value != "" {
		response.Header.Set(kymo.ResponseTimeHeader, value)
	}
	v.answer.Route = v.routes.of(c)
	v.answer.Method = v.method
	v.answer.Probe = bytes.HasPrefix(v.rctx.UserAgent(), []byte("kube-probe/"))
	v.answer.Stream = v.rctx.Hijacked() || isStream(response)
	if !v.answer.Stream {
		v.answer.Duration = time.Since(v.start)
	}
	if v.answer.Status == 0 && v.rctx.Hijacked() && response.StatusCode() == http.StatusOK {
		v.answer.Status = http.StatusSwitchingProtocols
	}
	if v.returned = true; !v.willBeClosed() {
		v.end(response)
	}
}

// Close is called by fasthttp when the response was sent, or by a handler that
// resets the request; then the record is left to leave.
func (v *visit) Close() error {
	v.ended = true
	if v.returned {
		v.end(&v.rctx.Response)
	}
	return nil
}

// end records the request. Calls after the first do nothing.
func (v *visit) end(response *fasthttp.Response) {
	v.ended = true
	if v.answer.Status == 0 {
		v.answer.Status = response.StatusCode()
	}
	v.answer.Size = v.size(response)
	v.x.End(v.answer)
}

// size returns how many bytes of a body were sent, or are going to be, 0 if that
// is not known.
func (v *visit) size(response *fasthttp.Response) int64 {
	switch status := response.StatusCode(); {
	case v.method == fiber.MethodHead, response.SkipBody,
		status < 200, status == http.StatusNoContent, status == http.StatusNotModified:
		return 0
	}
	if !response.IsBodyStream() {
		if n := len(response.Body()); n > 0 {
			return int64(n)
		}
	}
	return int64(max(response.Header.ContentLength(), 0))
}

// isStream reports whether a response is made while it is sent.
func isStream(response *fasthttp.Response) bool {
	if response.IsBodyStream() && response.Header.ContentLength() < 0 {
		return true
	}
	eventStream := []byte("text/event-stream")
	mediaType := response.Header.ContentType()
	return len(mediaType) >= len(eventStream) && bytes.EqualFold(mediaType[:len(eventStream)], eventStream)
}
