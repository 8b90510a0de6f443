package api

import (
	"bufio"
	"context"
	"encoding/csv"
	"encoding/json"
	"io"
	"net/http"
	"strconv"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"github.com/kymohq/kymo/hub/internal/drill"
	"github.com/kymohq/kymo/hub/internal/store"
	"github.com/kymohq/kymo/hub/internal/webserver"
)

type exportInput struct {
	Range
	Filters
	Format string `query:"format" default:"csv" enum:"csv,ndjson" doc:"CSV with a heading, or a JSON object on each line." example:"ndjson"`
	Limit  int    `query:"limit" minimum:"1" maximum:"1000000" default:"100000" doc:"The most requests in the file." example:"1000"`
}

func (a *API) routeExport() {
	example := `{"service":"orders","endpoint":"/users/{id}","method":"GET","status_code":200,"response_time_ms":12.5,"first_byte_ms":null,"lifetime_ms":null,"response_bytes":2048,"user_id":"user-7","timestamp":"2026-11-23T10:15:30.123Z","instance":"orders-7f9c-1","version":"1.4.2","error":null,"trace_id":null}` + "\n"
	register(a, huma.Operation{
		OperationID: "export", Method: http.MethodGet, Path: "/api/v1/requests/export", Tags: []string{tagReports},
		Summary:     "Single requests as a file",
		Description: "The requests of /api/v1/requests, the newest first. A file with as many requests as the limit may be incomplete. To move requests to another store, use kymo copy. A cell of CSV that begins with =, +, -, @, a tab or a carriage return has an apostrophe before it, because a spreadsheet would run it as a formula. If the store fails midway, the connection is aborted, so that a partial file is not mistaken for a complete one. At most eight files are sent at once; when there are as many, one whose client has stopped receiving is aborted in favor of the next.",
		Responses: map[string]*huma.Response{"200": {
			Description: "The file.",
			Content: map[string]*huma.MediaType{
				"text/csv":             {Schema: &huma.Schema{Type: huma.TypeString, Description: "With a heading; RFC 4180."}, Example: strings.Join(exportColumns, ",") + "\n"},
				"application/x-ndjson": {Schema: &huma.Schema{Type: huma.TypeString, Description: "One KeptRequest on each line."}, Example: example},
			},
			Headers: map[string]*huma.Header{"Content-Disposition": {Description: "A name for the file.", Schema: &huma.Schema{Type: huma.TypeString}}},
		}},
		Security: needs(forRead),
		Errors:   []int{http.StatusNotFound, http.StatusUnprocessableEntity, http.StatusInternalServerError, http.StatusServiceUnavailable},
	}, a.export)
}

func (a *API) export(ctx context.Context, in *exportInput) (*huma.StreamResponse, error) {
	f, err := a.filter(&in.Range, &in.Filters, false)
	if err != nil {
		return nil, err
	}
	// The search goes as far as it must; the limit is on what it finds.
	var effort drill.Effort
	records := drill.All(ctx, a.Store, f, drill.Position{}, drill.Budget{}, &effort)
	return &huma.StreamResponse{Body: func(hctx huma.Context) {
		r, w := humago.Unwrap(hctx)
		answer := webserver.AnswerOf(w)
		if !a.exports.take(ctx, answer) {
			a.Unavailable(w, "too many files are being sent at once; try again later")
			return
		}
		defer a.exports.leave(answer)
		body := &fileWriter{w: w}
		body.start = func() {
			h := w.Header()
			h.Set("Content-Type", map[string]string{"csv": "text/csv; charset=utf-8", "ndjson": "application/x-ndjson"}[in.Format])
			h.Set("Content-Disposition", `attachment; filename="requests-`+a.Now().UTC().Format("20060102-150405")+"."+in.Format+`"`)
		}
		if r.Method == http.MethodHead {
			body.start()
			return
		}
		buffered := bufio.NewWriterSize(body, 64<<10)
		write := ndjsonLines(buffered)
		if in.Format == "csv" {
			write = csvLines(buffered)
		}
		n := 0
		for rec, err := range records {
			if err == nil {
				err = write(rec)
			}
			if err != nil {
				a.exportFailed(ctx, w, body, err)
				return
			}
			if n++; n == in.Limit {
				break
			}
		}
		_ = buffered.Flush() // A client that left has no use for the rest.
		body.end()
	}}, nil
}

// exportFailed answers with the problem if nothing was sent yet, and aborts the
// connection otherwise.
func (a *API) exportFailed(ctx context.Context, w http.ResponseWriter, body *fileWriter, err error) {
	if body.failed == nil && ctx.Err() == nil {
		a.Intake.Counters.StoreFails.Add(1)
	}
	if body.began || body.failed != nil {
		panic(http.ErrAbortHandler)
	}
	status, detail := a.storeFailed(ctx, err)
	if status == http.StatusServiceUnavailable {
		w.Header().Set("Retry-After", retryAfter)
	}
	writeProblem(w, status, detail)
}

// fileWriter begins the answer with the first bytes.
type fileWriter struct {
	w      http.ResponseWriter
	start  func()
	began  bool
	failed error
}

func (f *fileWriter) Write(b []byte) (int, error) {
	if !f.began {
		f.start()
		f.began = true
	}
	n, err := f.w.Write(b)
	f.failed = err
	return n, err
}

// end finishes the answer, which may be an empty file.
func (f *fileWriter) end() {
	if !f.began {
		f.start()
	}
}

// exportColumns are the names of the records' schema; response_time_ms may have a fraction.
var exportColumns = []string{
	"created_at", "service", "endpoint", "method", "status_code", "response_time_ms", "first_byte_ms", "lifetime_ms", "response_bytes", "user_id", "instance",
	"version", "error", "trace_id",
}

func csvLines(to io.Writer) func(*store.Record) error {
	w := csv.NewWriter(to)
	line := make([]string, 0, len(exportColumns))
	heading := w.Write(exportColumns)
	optional := func(ms *float64) string {
		if ms == nil {
			return ""
		}
		return number64(*ms)
	}
	return func(r *store.Record) error {
		if heading != nil {
			return heading
		}
		k := kept(r)
		line = append(line[:0], string(k.Timestamp), harmless(k.Service), harmless(k.Endpoint), harmless(k.Method), strconv.Itoa(k.StatusCode),
			number64(k.ResponseTimeMS), optional(k.FirstByteMS), optional(k.LifetimeMS), strconv.FormatInt(k.ResponseBytes, 10), harmless(r.User), harmless(k.Instance),
			harmless(r.Version), harmless(r.Error), r.Trace.String())
		return w.Write(line)
	}
}

func number64(v float64) string { return strconv.FormatFloat(v, 'f', -1, 64) }

// harmless returns a cell that no spreadsheet interprets as a formula.
func harmless(cell string) string {
	if cell != "" && strings.IndexByte("=+-@\t\r", cell[0]) >= 0 {
		return "'" + cell
	}
	return cell
}

func ndjsonLines(to io.Writer) func(*store.Record) error {
	e := json.NewEncoder(to)
	e.SetEscapeHTML(false)
	return func(r *store.Record) error { return e.Encode(kept(r)) }
}
