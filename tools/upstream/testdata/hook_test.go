package http_test

import (
	"kymo/kymohook"
	"net/http"
)

func init() {
	http.KymoWrap = kymohook.Wrap
	http.KymoPlace = kymohook.Place
}

// withoutResponseTime is for tests that compare a response as text.
var withoutResponseTime = kymohook.WithoutResponseTime
