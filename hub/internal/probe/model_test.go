package probe

import (
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/kymohq/kymo/health"
)

// script has a server's answers by method and path: a status and a body, into which
// credentials and the request's body may be inserted.
type script map[string]answer

func on(status int, body string) answer { return answer{status: status, body: []byte(body)} }

func (s script) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	a, ok := s[r.Method+" "+r.URL.EscapedPath()]
	if !ok {
		a = on(http.StatusNotFound, "")
	}
	sent, _ := io.ReadAll(r.Body)
	w.WriteHeader(a.status)
	_, _ = strings.NewReplacer("AUTH", r.Header.Get("Authorization"), "SENT", string(sent)).WriteString(w, string(a.body))
}

// with is the script with one line changed.
func (s script) with(line string, a answer) script {
	other := script{line: a}
	for l, b := range s {
		if l != line {
			other[l] = b
		}
	}
	return other
}

// modelCase is a server, a check of it, and what the check finds.
type modelCase struct {
	name   string
	server script
	spec   Spec
	status health.Status
	reason string
}

func testModels(t *testing.T, typ string, cases []modelCase) {
	t.Helper()
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			c.spec.Type, c.spec.URL = typ, web(t, c.server.ServeHTTP).URL+c.spec.URL
			p := openProbe(t, c.spec)
			if c.status == health.Healthy {
				wantHealthy(t, p)
				return
			}
			wantProblem(t, p, enough, c.status, c.reason)
		})
	}
}

func TestShape(t *testing.T) {
	for text, want := range map[string]string{
		`7`: "[]", `"a"`: "[]", `{"a": 1}`: "[]", `[]`: "[0]", `[1, 2, 3]`: "[3]", `[[1, 2], [3, 4], [5, 6]]`: "[3,2]",
		`[[[1]], [[2]]]`: "[2,1,1]", `[[], []]`: "[2,0]", `[{"a": 1}]`: "[1]",
	} {
		v, err := decodeJSON([]byte(text))
		if err != nil {
			t.Fatal(err)
		}
		if got := shapeText(shapeOf(v)); got != want {
			t.Errorf("%s has the shape %s, not %s", text, got, want)
		}
	}
	for _, c := range []struct {
		shape, want []int
		fits        bool
	}{
		{[]int{1, 3}, []int{1, 3}, true}, {[]int{1, 3}, []int{-1, 3}, true}, {[]int{1, 2}, []int{1, 3}, false},
		{[]int{3}, []int{1, 3}, false}, {[]int{1, 3}, []int{-1}, false}, {nil, []int{1}, false},
	} {
		if fits(c.shape, c.want) != c.fits {
			t.Errorf("%v fits %v: %v", c.shape, c.want, !c.fits)
		}
	}
}

func TestErrorMessage(t *testing.T) {
	for body, want := range map[string]string{
		`{"error": "a"}`: "a", `{"message": "b", "code": 1}`: "b", `{"detail": "c"}`: "c", `{"error": {"message": "d"}}`: "d",
		`{"detail": [{"msg": "e"}]}`: "e", `{"detail": []}`: "", `{"detail": [1]}`: "", `{"error": {"code": 1}}`: "",
		`{"error": 1}`: "", `[]`: "", ``: "", `text`: "",
	} {
		if got := errorMessage([]byte(body)); got != want {
			t.Errorf("%s says %q, not %q", body, got, want)
		}
	}
}

// A server may be under a path, and a model may have any name.
func TestEndpoint(t *testing.T) {
	for raw, want := range map[string]string{
		"http://h":              "http://h/v2/models/a%2Fb%20%3F/ready",
		"http://h/":             "http://h/v2/models/a%2Fb%20%3F/ready",
		"http://h/x%2Fy/?key=1": "http://h/x%2Fy/v2/models/a%2Fb%20%3F/ready?key=1",
	} {
		base, err := url.Parse(raw)
		if err != nil {
			t.Fatal(err)
		}
		if got := modelURL(base, "/v2/models/", "a/b ?", "/ready").String(); got != want {
			t.Errorf("under %s it is %s, not %s", raw, got, want)
		}
	}
}

func TestVerdicts(t *testing.T) {
	var v verdicts
	if err := v.err(); err != nil {
		t.Error(err)
	}
	v.add("", nil)
	v.add("a", health.Degradedf("slow"))
	if err := v.err(); health.StatusOf(err) != health.Degraded || err.Error() != "a: slow" {
		t.Error(err)
	}
	v.add("b", fault("broken"))
	v.add("", errLimited)
	if err := v.err(); health.StatusOf(err) != health.Down || err.Error() != "b: broken; a: slow; rate limited" {
		t.Error(err)
	}
}

// These answers mean the same in all protocols, and a secret in them is not shown.
func TestModelAccess(t *testing.T) {
	for typ, line := range map[string]string{"kserve": "GET /v2/health/ready", "torchserve": "GET /ping", "tfserving": "GET /v1/models/m", "openai": "GET /v1/models"} {
		spec := Spec{Key: "geheim", Headers: map[string]string{"X-Key": "geheim2"}}
		if typ == "tfserving" {
			spec.Models = []string{"m"}
		}
		for _, status := range []int{401, 403} {
			testModels(t, typ, []modelCase{{fmt.Sprint(typ, status), script{line: on(status, `{"error": "AUTH"}`)}, spec, health.Down, "the server rejects the key"}})
		}
		testModels(t, typ, []modelCase{
			{typ + " limited", script{line: on(429, "")}, spec, health.Degraded, "rate limited"},
			{typ + " broken", script{line: on(500, `{"error": "AUTH is of no use"}`), "GET /v2/health/live": on(500, "")}, spec,
				health.Down, "answered 500 Internal Server Error: Bearer *** is of no use"},
		})
	}
}

// A canary's own copy is what is changed, and what is sent is what was configured.
func TestCheckModels(t *testing.T) {
	s := Spec{Models: []string{"a", "b"}, Canary: &Canary{}}
	models, canary, err := checkModels(&s)
	if err != nil || canary.Model != "a" || s.Canary.Model != "" || !slices.Equal(models, s.Models) {
		t.Error(models, canary, err)
	}
	s = Spec{Canary: &Canary{Model: "c", Budget: time.Second}}
	if models, _, err = checkModels(&s); err != nil || !slices.Equal(models, []string{"c"}) {
		t.Error(models, err)
	}
}
