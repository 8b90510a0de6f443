package e2e

import (
	"bytes"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/kymohq/kymo/internal/serverstest"
)

// readmeRule is how a command of the README is tested.
type readmeRule struct {
	command string // its first line
	test    func(n *newcomer, command string)
	// elsewhere is the test that runs the command instead, or why none can.
	elsewhere string
}

var readmeRules = []readmeRule{
	{command: "go install github.com/kymohq/kymo/hub/cmd/kymo@latest", elsewhere: "TestRelease installs a release that it made"},
	{command: "make build", test: prints("", "")},
	{command: "bin/kymo serve", test: serves},
	{command: `curl http://127.0.0.1:5966/api/v1/requests -H 'Content-Type: application/json' -d \`,
		test: prints("", `{"accepted":1,"duplicate":false}`)},
	{command: "bin/kymo report", test: prints(" --hub "+readmeHub, `web +GET +/cart`)},
	{command: "bin/kymo endpoints --sort p99", test: prints(" --hub "+readmeHub, `web +GET +/cart`)},

	// In the text and in tables.
	{command: "bin/kymo demo", test: interrupted("", `dashboard +http://127\.0\.0\.1:`)},
	{command: "go get github.com/kymohq/kymo", elsewhere: "TestRelease gets a release that it made"},
	{command: "kymo report", test: prints(" --hub "+readmeHub, `web +GET +/cart`)},
	{command: "kymo import FILE", test: imports},
	{command: "kymo serve --store", elsewhere: "TestPostgresStore and TestClickHouseStore serve with each kind of store"},
	{command: "kymo copy", elsewhere: "the command's own test copies between all kinds of stores"},
	{command: "kymo snapshot DIR", test: backsUp},
	{command: "kymo health", test: prints(" --hub "+readmeHub, `^healthy: 1 check`)},
	// Without a terminal it prints changes alone, unless it prints JSON.
	{command: "kymo health --watch", test: interrupted(" --json --hub "+readmeHub, `"status": *"healthy"`)},
	{command: "kymo health database", elsewhere: "the command's own tests ask for the history of a check"},
	{command: "kymo check --config kymo.yaml", test: checks},
}

// readmeHub is where the README's hub listens. In its commands the test puts the
// address of the hub that it started.
const readmeHub = "http://127.0.0.1:5966"

// TestReadmeCommands runs the commands of the README in a fresh clone, with only PATH and
// HOME in the environment: the shell blocks in their order, then the commands in the
// text. A command without a rule fails the test.
func TestReadmeCommands(t *testing.T) {
	onlyLong(t)
	n := &newcomer{t: t, repository: newRepository(t), address: serverstest.FreeAddress(t)}
	used := make(map[string]bool)
	for _, command := range readmeCommands(n.read("README.md")) {
		first, _, _ := strings.Cut(command, "\n")
		i := slices.IndexFunc(readmeRules, func(r readmeRule) bool { return r.command == first })
		if i < 0 {
			t.Errorf("no rule tests the command %q", first)
			continue
		}
		if rule := readmeRules[i]; rule.elsewhere == "" && !used[first] {
			rule.test(n, command)
		}
		used[first] = true
	}
	for _, r := range readmeRules {
		if !used[r.command] {
			t.Errorf("there is a rule for %q, which the README does not have", r.command)
		}
	}
}

var (
	readmeBlock  = regexp.MustCompile("(?s)```(\\w*)\n(.*?)```")
	readmeSpan   = regexp.MustCompile("`((?:bin/kymo|kymo|make|go get|go install) [^`]+)`")
	continuation = regexp.MustCompile(`\\\n`)
)

// readmeCommands returns the commands of all sh blocks, and then those in the text.
func readmeCommands(text string) []string {
	var commands []string
	for _, block := range readmeBlock.FindAllStringSubmatch(text, -1) {
		if block[1] != "sh" {
			continue
		}
		// Lines that end with a backslash go on.
		joined := continuation.ReplaceAllString(block[2], "\\\x00")
		for line := range strings.Lines(joined) {
			line = strings.TrimSpace(strings.ReplaceAll(line, "\x00", "\n"))
			if line != "" && !strings.HasPrefix(line, "#") {
				commands = append(commands, line)
			}
		}
	}
	for _, span := range readmeSpan.FindAllStringSubmatch(readmeBlock.ReplaceAllString(text, ""), -1) {
		commands = append(commands, span[1])
	}
	return commands
}

func TestReadmeCommandsAreFound(t *testing.T) {
	const text = "Run `make x`, not `x`:\n```sh\n# first\na 1\nb \\\n  2\n```\n```go\nnot `make this`\n```\n```sh\nc\n```\n| `kymo d` | `go` |\n"
	want := []string{"a 1", "b \\\n  2", "c", "make x", "kymo d"}
	if got := readmeCommands(text); !slices.Equal(got, want) {
		t.Errorf("found %q, want %q", got, want)
	}
}

// newcomer has a fresh clone, and at most one hub.
type newcomer struct {
	t *testing.T
	*repository
	address string // of the hub
}

// shell returns a command line of the README, with flags, as a process.
func (n *newcomer) shell(line, flags string) *exec.Cmd {
	if strings.HasPrefix(line, "kymo ") {
		line = "bin/" + line // as if bin were in PATH
	}
	line = strings.ReplaceAll(line+flags, readmeHub, "http://"+n.address)
	// With exec a signal reaches the command itself.
	command := n.command("bash", "-c", "exec "+line)
	command.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + os.Getenv("HOME")}
	return command
}

// prints is the test of a command that ends: successfully, with an output that
// matches.
func prints(flags, pattern string) func(*newcomer, string) {
	want := regexp.MustCompile(pattern)
	return func(n *newcomer, command string) {
		n.t.Helper()
		if out, err := n.shell(command, flags).CombinedOutput(); err != nil || !want.Match(out) {
			n.t.Fatalf("%s: %v, want output like %s:\n%s", command, err, pattern, out)
		}
	}
}

// interrupted tests a command that runs until Ctrl-C. It is interrupted once its output
// matches, and must succeed.
func interrupted(flags, pattern string) func(*newcomer, string) {
	want := regexp.MustCompile(pattern)
	return func(n *newcomer, command string) {
		n.t.Helper()
		process := n.shell(command, flags)
		var out output
		process.Stdout, process.Stderr = &out, &out
		if err := process.Start(); err != nil {
			n.t.Fatal(err)
		}
		eventually(n.t, 30*time.Second, command+" prints "+pattern, func() bool { return want.MatchString(out.String()) })
		if err := process.Process.Signal(os.Interrupt); err != nil {
			n.t.Fatal(err)
		}
		if err := process.Wait(); err != nil {
			n.t.Errorf("%s, interrupted: %v\n%s", command, err, out.String())
		}
	}
}

// output is a buffer that may be read while a process writes to it.
type output struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String()
}

// serves starts the hub of the commands that follow, until the test ends.
func serves(n *newcomer, command string) {
	n.t.Helper()
	process := n.shell(command, " --listen "+n.address)
	var out output
	process.Stderr = &out
	process.Cancel = func() error { return process.Process.Signal(syscall.SIGTERM) }
	process.WaitDelay = 20 * time.Second
	if err := process.Start(); err != nil {
		n.t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		_ = process.Wait()
		close(ended)
	}()
	n.t.Cleanup(func() { <-ended })
	eventually(n.t, 30*time.Second, command+" answers", func() bool {
		select {
		case <-ended:
			n.t.Fatalf("%s ended:\n%s", command, out.String())
		default:
		}
		resp, err := client.Get("http://" + n.address + "/health/ready")
		if err != nil {
			return false
		}
		resp.Body.Close()
		return resp.StatusCode == http.StatusOK
	})
	// make build has built the dashboard.
	if page := fetch(n.t, "http://"+n.address+"/", "text/html"); !strings.Contains(page, "<script") {
		n.t.Errorf("the hub has no dashboard:\n%s", page)
	}
}

// imports tests a command with a file to import.
func imports(n *newcomer, command string) {
	n.t.Helper()
	n.write("requests.csv", fmt.Sprintf("%d,/old,GET,3,200,\n", time.Now().UnixMilli()))
	prints(" --service old --hub "+readmeHub, `: 1 row imported`)(n, strings.Replace(command, "FILE", "requests.csv", 1))
}

// backsUp tests a command that makes a directory.
func backsUp(n *newcomer, command string) {
	n.t.Helper()
	prints(" --hub "+readmeHub, ` -> backup: .* copied `)(n, strings.Replace(command, "DIR", "backup", 1))
}

// checks runs those of the README's configuration, against ports that are closed.
func checks(n *newcomer, command string) {
	n.t.Helper()
	config := ""
	for _, block := range readmeBlock.FindAllStringSubmatch(n.read("README.md"), -1) {
		if block[1] == "yaml" && strings.HasPrefix(block[2], "# kymo.yaml") {
			config = block[2]
		}
	}
	config = regexp.MustCompile(`127\.0\.0\.1:\d+`).ReplaceAllStringFunc(config, func(string) string { return serverstest.FreeAddress(n.t) })
	n.write("kymo.yaml", config)
	out, err := n.shell(command, "").Output()
	if exit, _ := err.(*exec.ExitError); exit == nil || exit.ExitCode() != 1 {
		n.t.Errorf("%s: %v, want exit status 1, as nothing runs there:\n%s", command, err, out)
	}
	for _, name := range []string{"database", "redis", "ml_models", "orders"} {
		if !regexp.MustCompile("(?m)^" + name + ": down, ").Match(out) {
			n.t.Errorf("%s does not tell that %s is down:\n%s", command, name, out)
		}
	}
}
