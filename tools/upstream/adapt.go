package main

import (
	"fmt"
	"io"
	"path/filepath"
)

// adaptation is a change to a test in the patched copy, which could not pass as
// it is: it compares all of a response, to which Kymo adds one header, or wants
// more of a handler's ResponseWriter than an interface. What else the test checks
// stays in force, which it would not if its failure were allowed.
type adaptation struct {
	test   string
	reason string
	file   string // from the root of the sources
	old    string // which the file has once
	text   string // what takes its place
}

// wholeHeader is why most tests are adapted.
const wholeHeader = "compares the whole header of a response, to which Kymo adds X-Response-Time"

// adapt changes the tests in the directory src.
func adapt(src string, adaptations []adaptation) error {
	for _, a := range adaptations {
		if err := replace(filepath.Join(src, filepath.FromSlash(a.file)), a.old, a.text); err != nil {
			return fmt.Errorf("adapt %s: %w", a.test, err)
		}
	}
	return nil
}

// printAdaptations prints each test and reason once, however many changes it takes.
func printAdaptations(out io.Writer, suite string, adaptations []adaptation) {
	printed := make(map[[2]string]bool)
	for _, a := range adaptations {
		if key := [2]string{a.test, a.reason}; !printed[key] {
			printed[key] = true
			fmt.Fprintf(out, "%s: adapted %s: it %s\n", suite, a.test, a.reason)
		}
	}
}

var netHTTPAdaptations = []adaptation{
	{
		"TestTrailersServerToClient, …Flush", wholeHeader, "net/http/clientserver_test.go",
		"\tdelete(res.Header, \"Date\") // irrelevant for test\n",
		"\tdelete(res.Header, \"Date\") // irrelevant for test\n\tdelete(res.Header, \"X-Response-Time\")\n",
	},
	{
		"TestServerUndeclaredTrailers", wholeHeader, "net/http/clientserver_test.go",
		"\tif want := (Header{\"Foo\": {\"Bar\"}}); ",
		"\tdelete(res.Header, \"X-Response-Time\")\n\tif want := (Header{\"Foo\": {\"Bar\"}}); ",
	},
	{
		"TestTimeoutHandlerSuperfluousLogs", wholeHeader, "net/http/serve_test.go",
		"\t\t\t// Match the response.\n",
		"\t\t\tres.Header.Del(\"X-Response-Time\")\n",
	},
	{
		"TestEarlyHints", wholeHeader, "net/http/serve_test.go",
		"\texpected := \"HTTP/1.1 103 Early Hints",
		"\tgot = withoutResponseTime(got)\n\texpected := \"HTTP/1.1 103 Early Hints",
	},
	{
		"TestProcessing", wholeHeader, "net/http/serve_test.go",
		"\texpected := \"HTTP/1.1 102 Processing",
		"\tgot = withoutResponseTime(got)\n\texpected := \"HTTP/1.1 102 Processing",
	},
	{
		"ExampleDumpResponse", wholeHeader, "net/http/httputil/example_test.go",
		"\tdump, err := httputil.DumpResponse(resp, true)\n",
		"\tresp.Header.Del(\"X-Response-Time\")\n\tdump, err := httputil.DumpResponse(resp, true)\n",
	},
	{
		"TestH12…", "compares the values of all headers of two responses", "net/http/clientserver_test.go",
		"\tfor i, v := range res.Header[\"Date\"] {\n",
		"\tres.Header.Del(\"X-Response-Time\")\n\tfor i, v := range res.Header[\"Date\"] {\n",
	},
	recorderAdaptation("HeaderMap = nil"),
	recorderAdaptation("Code = 0"),
	recorderAdaptation("Body = nil"),
}

// recorderAdaptation is for a handler that does something with its
// ResponseWriter as an *httptest.ResponseRecorder.
func recorderAdaptation(something string) adaptation {
	return adaptation{
		"TestRecorder", "has a handler that asserts that its ResponseWriter is a *ResponseRecorder",
		"net/http/httptest/recorder_test.go",
		"w.(*ResponseRecorder)." + something + "\n",
		"if wrapped, ok := w.(interface{ Unwrap() http.ResponseWriter }); ok {\n" +
			"w = wrapped.Unwrap()\n}\n" +
			"w.(*ResponseRecorder)." + something + "\n",
	}
}

var ginAdaptations = []adaptation{{
	"TestRouterNotFound", wholeHeader, "routes_test.go",
	"\tassert.Equal(t, \"map[Location:[/path]]\", fmt.Sprint(w.Header()))\n",
	"\tw.Header().Del(\"X-Response-Time\")\n\tassert.Equal(t, \"map[Location:[/path]]\", fmt.Sprint(w.Header()))\n",
}}
