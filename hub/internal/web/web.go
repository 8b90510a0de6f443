// Package web embeds the dashboard's files and serves them: the page that
// names the others, and the others under names that change with their content.
// Their sources are in hub/web; make ui builds them into dist, which is not in
// the repository. Without them the package builds all the same.
package web

import (
	"embed"
	"io/fs"
	"net/http"
	"path"
	"strconv"
	"strings"

	"github.com/kymohq/kymo/hub/internal/etag"
)

//go:embed all:dist
var built embed.FS

// Built returns the dashboard that was built into the program.
func Built() *Dashboard {
	dist, err := fs.Sub(built, "dist")
	if err != nil {
		panic(err) // The name is a constant.
	}
	return New(dist)
}

// Dashboard serves the files of one build. It is made once and never changes.
type Dashboard struct {
	files map[string]*file
}

// file is one answer, as it is and compressed.
type file struct {
	contentType string
	plain, gzip []byte
	tag         string // of the content, for both; an ETag names the coding too
}

// types are the files that are served. A system's own table of them may be wrong.
var types = map[string]string{
	".html": "text/html; charset=utf-8",
	".css":  "text/css; charset=utf-8",
	".js":   "text/javascript; charset=utf-8",
	".svg":  "image/svg+xml",
}

// page is the file that a browser asks for first.
const page = "index.html"

// New returns a dashboard of the files in dist. For a file with a
// compressed one beside it, whose name ends in .gz, clients that accept gzip get that.
func New(dist fs.FS) *Dashboard {
	d := &Dashboard{files: make(map[string]*file)}
	// What cannot be read is not there: a hub without a dashboard still works.
	_ = fs.WalkDir(dist, ".", func(name string, e fs.DirEntry, err error) error {
		contentType := types[path.Ext(name)]
		if err != nil || e.IsDir() || contentType == "" {
			return nil //nolint:nilerr // as above
		}
		plain, err := fs.ReadFile(dist, name)
		if err != nil {
			return nil //nolint:nilerr // as above
		}
		compressed, _ := fs.ReadFile(dist, name+".gz")
		d.files[name] = &file{contentType, plain, compressed, etag.Of(plain)}
		return nil
	})
	return d
}

// Present reports whether there is a page to serve.
func (d *Dashboard) Present() bool { return d.files[page] != nil }

// policy allows the page what its own hub sends and nothing else: no other
// host, nothing inline, no frame around it.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; " +
	"font-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"

// ServePage answers with the page. It is asked for anew each time, so that a
// new version of the hub is a new page.
func (d *Dashboard) ServePage(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Security-Policy", policy)
	d.serve(w, r, page, "no-cache")
}

// ServeAsset answers with the file of that name under /assets/, and
// reports whether there is one. A name stands for its content forever.
func (d *Dashboard) ServeAsset(w http.ResponseWriter, r *http.Request, name string) bool {
	return d.serve(w, r, "assets/"+name, "public, max-age=31536000, immutable")
}

func (d *Dashboard) serve(w http.ResponseWriter, r *http.Request, name, caching string) bool {
	f := d.files[name]
	if f == nil {
		return false
	}
	h := w.Header()
	h.Set("Content-Type", f.contentType)
	h.Set("Cache-Control", caching)
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("X-Content-Type-Options", "nosniff")
	content, tag := f.plain, f.tag
	if f.gzip != nil {
		h.Add("Vary", "Accept-Encoding")
		if acceptsGzip(r.Header.Get("Accept-Encoding")) {
			h.Set("Content-Encoding", "gzip")
			content, tag = f.gzip, strings.TrimSuffix(tag, `"`)+`-gzip"`
		}
	}
	h.Set("ETag", tag)
	if etag.Match(r.Header.Get("If-None-Match"), tag) {
		w.WriteHeader(http.StatusNotModified)
		return true
	}
	h.Set("Content-Length", strconv.Itoa(len(content)))
	_, _ = w.Write(content) // A client that left needs no answer.
	return true
}

// acceptsGzip reports whether an Accept-Encoding header allows gzip.
func acceptsGzip(accepted string) bool {
	for coding := range strings.SplitSeq(accepted, ",") {
		name, weight, _ := strings.Cut(coding, ";")
		if strings.EqualFold(strings.TrimSpace(name), "gzip") {
			weight = strings.ReplaceAll(weight, " ", "")
			return weight != "q=0" && !strings.HasPrefix(weight, "q=0.0")
		}
	}
	return false
}
