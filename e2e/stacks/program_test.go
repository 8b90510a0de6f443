package stacks

import (
	"context"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	// What the programs import has to be required by this module.
	_ "github.com/gofiber/fiber/v3"
	_ "google.golang.org/grpc/health"

	_ "github.com/kymohq/kymo/contrib/chi"
	_ "github.com/kymohq/kymo/contrib/connect"
	_ "github.com/kymohq/kymo/contrib/echo"
	_ "github.com/kymohq/kymo/contrib/echo5"
	_ "github.com/kymohq/kymo/contrib/fiber"
	_ "github.com/kymohq/kymo/contrib/gin"
	_ "github.com/kymohq/kymo/contrib/grpc"
	_ "github.com/kymohq/kymo/contrib/mux"

	"github.com/kymohq/kymo/kymotest"
)

const contrib = "github.com/kymohq/kymo/contrib/"

// packages are those that snippets may use, by name. Of several, the section says
// which one it means.
var packages = map[string][]string{
	"chi":            {"github.com/go-chi/chi/v5"},
	"connect":        {"connectrpc.com/connect"},
	"context":        {"context"},
	"echo":           {"github.com/labstack/echo/v4", "github.com/labstack/echo/v5"},
	"fiber":          {"github.com/gofiber/fiber/v3"},
	"fmt":            {"fmt"},
	"gin":            {"github.com/gin-gonic/gin"},
	"grpc":           {"google.golang.org/grpc"},
	"grpc_health_v1": {"google.golang.org/grpc/health/grpc_health_v1"},
	"health":         {"google.golang.org/grpc/health"},
	"http":           {"net/http"},
	"httprouter":     {"github.com/julienschmidt/httprouter"},
	"httptest":       {"net/http/httptest"},
	"kymo":           {"github.com/kymohq/kymo"},
	"kymochi":        {contrib + "chi"},
	"kymoconnect":    {contrib + "connect"},
	"kymoecho":       {contrib + "echo", contrib + "echo5"},
	"kymofiber":      {contrib + "fiber"},
	"kymogin":        {contrib + "gin"},
	"kymogrpc":       {contrib + "grpc"},
	"kymomux":        {contrib + "mux"},
	"kymotest":       {"github.com/kymohq/kymo/kymotest"},
	"log":            {"log"},
	"mux":            {"github.com/gorilla/mux"},
	"net":            {"net"},
	"restful":        {"github.com/emicklei/go-restful/v3"},
	"strings":        {"strings"},
	"testing":        {"testing"},
	"time":           {"time"},
	"wrapperspb":     {"google.golang.org/protobuf/types/known/wrapperspb"},
}

// program returns the source of a program that runs the snippet, which stands in
// a section of that text. A snippet that declares a test is left at top level.
func (p *page) program(section, snippet string) (string, error) {
	body := fmt.Sprintf("var m = kymo.New(\"docs\")\n\n%s\n", p.user)
	if isTest(snippet) {
		body += snippet
	} else {
		body += "func main() {\n" + snippet + "}\n"
	}
	used, err := packagesOf(body)
	if err != nil {
		return "", err
	}
	var imports strings.Builder
	for _, name := range used {
		path, err := choose(name, section)
		if err != nil {
			return "", err
		}
		fmt.Fprintf(&imports, "import %s %q\n", name, path)
	}
	return "package main\n\n" + imports.String() + body, nil
}

func isTest(snippet string) bool { return strings.HasPrefix(snippet, "func Test") }

// choose returns the path of the package that a section means. That of an adapter
// has to be named in it.
func choose(name, section string) (string, error) {
	paths := packages[name]
	if len(paths) == 1 && !strings.HasPrefix(paths[0], contrib) {
		return paths[0], nil
	}
	named := slices.DeleteFunc(slices.Clone(paths), func(path string) bool { return !strings.Contains(section, "`"+path+"`") })
	if len(named) != 1 {
		return "", fmt.Errorf("of %v, the section names %v", paths, named)
	}
	return named[0], nil
}

// packagesOf returns the names that the declarations use as those of packages,
// sorted.
func packagesOf(declarations string) ([]string, error) {
	file, err := parser.ParseFile(token.NewFileSet(), "", "package main\n"+declarations, parser.SkipObjectResolution)
	if err != nil {
		return nil, err
	}
	used, variables := make(map[string]bool), make(map[string]bool)
	ast.Inspect(file, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.SelectorExpr:
			if x, ok := n.X.(*ast.Ident); ok && packages[x.Name] != nil {
				used[x.Name] = true
			}
		case *ast.AssignStmt:
			for _, x := range n.Lhs {
				if x, ok := x.(*ast.Ident); ok && n.Tok == token.DEFINE {
					variables[x.Name] = true
				}
			}
		}
		return true
	})
	var names []string
	for name := range used {
		if !variables[name] {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names, nil
}

// build writes source to a file and returns the program that it becomes, built
// with this module's requirements.
func build(t *testing.T, source string) string {
	t.Helper()
	main, program := filepath.Join(t.TempDir(), "main.go"), filepath.Join(t.TempDir(), "program")
	if err := os.WriteFile(main, []byte(source), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-o", program, main).CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s\n%s", err, out, source)
	}
	return program
}

// hub takes batches as a hub does.
type hub struct {
	*httptest.Server
	kymotest.Sink
	kept chan struct{} // has a value when a batch was kept
}

func startHub(t *testing.T) *hub {
	t.Helper()
	h := &hub{kept: make(chan struct{}, 1)}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /api/v1/batches", func(w http.ResponseWriter, r *http.Request) {
		before := len(h.Requests())
		data, err := io.ReadAll(r.Body)
		if err == nil {
			err = h.Ship(r.Context(), data)
		}
		if err != nil {
			t.Errorf("a batch: %v", err)
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		w.WriteHeader(http.StatusAccepted)
		n := len(h.Requests()) - before
		fmt.Fprintf(w, `{"accepted":%d,"duplicate":false}`, n)
		if n > 0 {
			select {
			case h.kept <- struct{}{}:
			default:
			}
		}
	})
	h.Server = httptest.NewServer(mux)
	t.Cleanup(h.Close)
	return h
}

// service is a program that runs.
type service struct {
	address string
	ended   <-chan struct{}
	output  *lines
}

// launch runs a program that ships to the hub, until the test ends.
func launch(t *testing.T, program, address string, h *hub) *service {
	t.Helper()
	s := &service{address: address, output: new(lines)}
	cmd := exec.Command(program)
	cmd.Env = append(os.Environ(), "KYMO_HUB="+h.URL)
	cmd.Stdout, cmd.Stderr = s.output, s.output
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	s.ended = ended
	go func() {
		defer close(ended)
		_ = cmd.Wait() // an error if it was killed
	}()
	t.Cleanup(func() {
		_ = cmd.Process.Kill() // an error if it has ended
		<-ended
	})
	return s
}

// listens waits until the service takes connections.
func (s *service) listens(t *testing.T) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	again := time.NewTicker(10 * time.Millisecond)
	defer again.Stop()
	for {
		if conn, err := new(net.Dialer).DialContext(ctx, "tcp", s.address); err == nil {
			conn.Close()
			return
		}
		select {
		case <-again.C:
		case <-s.ended:
			t.Fatalf("the service has ended: %q", s.output.all())
		case <-ctx.Done():
			t.Fatalf("nothing listens on %s: %q", s.address, s.output.all())
		}
	}
}
