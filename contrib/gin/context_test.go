package kymogin_test

import (
	"bytes"
	"errors"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/gin-gonic/gin"

	"github.com/kymohq/kymo"
	kymogin "github.com/kymohq/kymo/contrib/gin"
	"github.com/kymohq/kymo/kymotest"
)

// The status that gin finally sends is recorded, whatever has set it.
func TestStatusOfGin(t *testing.T) {
	setOnly := func(status int) gin.HandlerFunc { return func(c *gin.Context) { c.Status(status) } }
	failed := func(c *gin.Context) { c.Error(errors.New("oops")) }
	answering := func(status int) gin.HandlerFunc {
		return func(c *gin.Context) {
			c.Next()
			if len(c.Errors) > 0 {
				c.JSON(status, gin.H{"error": c.Errors.String()})
			}
		}
	}
	for _, test := range []struct {
		name    string
		outside gin.HandlerFunc
		handler gin.HandlerFunc
		path    string
		status  int
	}{
		{"set", nil, setOnly(202), "/", 202},
		{"set twice", nil, func(c *gin.Context) { c.Status(400); c.Status(201) }, "/", 201},
		{"set, then written", nil, func(c *gin.Context) { c.Status(400); c.String(http.StatusTeapot, "x") }, "/", 418},
		{"written, then set", nil, func(c *gin.Context) { c.String(201, "x"); c.Status(400) }, "/", 201},
		{"set outside before", func(c *gin.Context) { c.Status(203) }, func(*gin.Context) {}, "/", 203},
		{"an error answered outside", answering(500), failed, "/", 500},
		{"an error with a status answered outside", answering(422), func(c *gin.Context) { c.Status(400); failed(c) }, "/", 422},
		{"written outside before", func(c *gin.Context) { c.String(203, "x") }, func(*gin.Context) {}, "/", 203},
		{"no route", nil, setOnly(200), "/no", 404},
		{"no route, another writer", wrapping, setOnly(200), "/no", 404},
		{"set, another writer", wrapping, setOnly(204), "/", 204},
	} {
		for _, chain := range chains {
			t.Run(test.name+chain.name, func(t *testing.T) {
				m, sink := kymotest.New(t)
				e := gin.New()
				if test.outside != nil {
					e.Use(test.outside)
				}
				e.Use(kymogin.Middleware(m))
				e.GET("/", test.handler)
				s := httptest.NewServer(chain.of(m, e))
				resp, err := http.Get(s.URL + test.path)
				if err != nil {
					t.Fatal(err)
				}
				resp.Body.Close()
				s.Close()
				got := sink.Requests()
				if len(got) != 1 || got[0].Status != test.status || resp.StatusCode != test.status {
					t.Errorf("answered %d, recorded %+v, want %d", resp.StatusCode, got, test.status)
				}
			})
		}
	}
}

// chains are the ways to use the adapter: alone, and within the SDK's middleware.
var chains = []struct {
	name string
	of   func(*kymo.Monitor, http.Handler) http.Handler
}{
	{"", func(_ *kymo.Monitor, h http.Handler) http.Handler { return h }},
	{", within Middleware", (*kymo.Monitor).Middleware},
}

// state is what gin reports about a response while it is being written.
type state struct {
	written      bool
	status, size int
}

func of(w gin.ResponseWriter) state { return state{w.Written(), w.Status(), w.Size()} }

func TestWriterTellsTheSame(t *testing.T) {
	var seen [2][]state
	for i, with := range []bool{false, true} {
		note := func(c *gin.Context) { seen[i] = append(seen[i], of(c.Writer)) }
		m, _ := kymotest.New(t)
		e := gin.New()
		e.Use(func(c *gin.Context) { c.Next(); note(c) })
		if with {
			e.Use(kymogin.Middleware(m))
		}
		e.GET("/", func(c *gin.Context) {
			note(c)
			c.Status(201)
			note(c)
			c.Writer.WriteHeaderNow()
			note(c)
			c.Writer.WriteString("hello")
			note(c)
			c.Writer.Write([]byte("again"))
			if p := c.Writer.Pusher(); p != nil {
				t.Error("it can push over HTTP/1.1")
			}
			if _, ok := c.Writer.(http.Pusher); ok {
				t.Error("it has a method that gin's has not")
			}
		})
		e.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", "/", nil))
	}
	want := []state{{false, 200, -1}, {false, 201, -1}, {true, 201, 0}, {true, 201, 5}, {true, 201, 10}}
	for i, got := range seen {
		if len(got) != len(want) {
			t.Fatalf("%+v, want %+v", got, want)
		}
		for j := range want {
			if got[j] != want[j] {
				t.Errorf("chain %d, state %d: %+v, want %+v", i, j, got[j], want[j])
			}
		}
	}
}

// Gin reuses its contexts. A request must not see anything of the previous one.
func TestNothingIsLeftInTheContext(t *testing.T) {
	m, sink := kymotest.New(t)
	e := gin.New()
	var before, after *http.Request
	e.Use(func(c *gin.Context) { before = c.Request; c.Next(); after = c.Request })
	e.Group("/a", kymogin.Middleware(m)).GET("", func(c *gin.Context) {
		if !kymo.SetUser(c.Writer, "kim") || !kymo.SetUserContext(c.Request.Context(), "kim") {
			t.Error("the request is not found")
		}
	})
	e.GET("/b", func(c *gin.Context) {
		if kymo.SetUser(c.Writer, "eve") || kymo.SetUserContext(c.Request.Context(), "eve") {
			t.Error("a request is found that is over")
		}
		c.String(http.StatusTeapot, "b")
	})
	for range 20 {
		for _, path := range []string{"/a", "/b"} {
			e.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", path, nil))
			if before != after {
				t.Error("the request is another one after the middleware")
			}
		}
	}
	got := sink.Requests()
	if len(got) != 20 {
		t.Errorf("recorded %+v", got)
	}
	for _, r := range got {
		if r.Endpoint != "/a" || r.Status != 200 || r.User != "kim" {
			t.Errorf("recorded %+v", r)
		}
	}
}

func TestCopyOutlivesTheRequest(t *testing.T) {
	m, sink := kymotest.New(t)
	e := gin.New()
	e.Use(kymogin.Middleware(m))
	release, done := make(chan struct{}), make(chan bool)
	e.GET("/jobs/:id", func(c *gin.Context) {
		c.Status(http.StatusAccepted)
		own := c.Copy()
		go func() {
			<-release
			found := kymo.SetUserContext(own.Request.Context(), "eve")
			done <- found || own.Param("id") != "7" || own.FullPath() != "/jobs/:id"
		}()
	})
	e.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", "/jobs/7", nil))
	close(release)
	if <-done {
		t.Error("the copy has changed, or its request is still to be recorded")
	}
	if got := sink.Requests(); len(got) != 1 || got[0].Status != 202 || got[0].Endpoint != "/jobs/{id}" || got[0].User != "" {
		t.Errorf("recorded %+v", got)
	}
}

// Code further out sees the forms that handlers parse; net/http removes their files.
func TestFormsReachTheRequest(t *testing.T) {
	m, _ := kymotest.New(t)
	e := gin.New()
	var outside *http.Request
	e.Use(func(c *gin.Context) { outside = c.Request; c.Next() }, kymogin.Middleware(m))
	e.POST("/", func(c *gin.Context) { c.MultipartForm() })
	var body bytes.Buffer
	w := multipart.NewWriter(&body)
	w.WriteField("name", "kim")
	w.Close()
	req := httptest.NewRequest("POST", "/", &body)
	req.Header.Set("Content-Type", w.FormDataContentType())
	e.ServeHTTP(httptest.NewRecorder(), req)
	if outside != req || req.MultipartForm == nil || req.FormValue("name") != "kim" {
		t.Errorf("the form is %+v", req.MultipartForm)
	}
}

func TestContextThatIsHandledAgain(t *testing.T) {
	m, sink := kymotest.New(t)
	e := gin.New()
	e.Use(kymogin.Middleware(m))
	e.GET("/old", func(c *gin.Context) {
		c.Request.URL.Path = "/users/7"
		e.HandleContext(c)
	})
	e.GET("/users/:id", greet("id"))
	s := httptest.NewServer(e)
	resp, err := http.Get(s.URL + "/old")
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	s.Close()
	got := sink.Requests()
	if len(got) != 1 || got[0].Endpoint != "/users/{id}" || got[0].Status != 200 || got[0].User != "7" || resp.StatusCode != 200 {
		t.Errorf("answered %d, recorded %+v", resp.StatusCode, got)
	}
}
