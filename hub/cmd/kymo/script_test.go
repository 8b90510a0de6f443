package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/kymohq/kymo/hub/internal/fileimport"
	"github.com/kymohq/kymo/hub/internal/store/engines"
)

// TestMain lets the scripts run the command: as processes of the test binary,
// so that what they run counts as covered.
func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"kymo": main})
}

// TestCommand runs the scripts in testdata, each of which is named for the
// behavior it shows.
func TestCommand(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir: "testdata",
		Setup: func(env *testscript.Env) error {
			// A Kymo of the developer's is not the test's, nor is one that listens where commands
			// look for one.
			env.Setenv("KYMO_HUB", "http://127.0.0.1:1")
			for _, name := range []string{"KYMO_TOKEN", "KYMO_CONFIG"} {
				env.Setenv(name, "")
			}
			env.Setenv("FORMATS", fileimport.Formats())
			// A process with the race detector rests for a second before it ends.
			env.Setenv("GORACE", "atexit_sleep_ms=50")
			return nil
		},
		Cmds: map[string]func(ts *testscript.TestScript, neg bool, args []string){
			"await":      await,
			"terminate":  signaling(syscall.SIGTERM),
			"hangup":     signaling(syscall.SIGHUP),
			"get":        get,
			"prune":      prune,
			"requests":   requests,
			"hubport":    hubport,
			"answering":  answeringFile,
			"until":      until,
			"documented": documented,
		},
		RequireExplicitExec: true,
	})
}

// await FILE VARIABLE waits until the file exists and puts its one line into
// the variable.
func await(ts *testscript.TestScript, _ bool, args []string) {
	path := ts.MkAbs(args[0])
	for range 3000 {
		if content, err := os.ReadFile(path); err == nil {
			ts.Setenv(args[1], strings.TrimSpace(string(content)))
			return
		}
		time.Sleep(10 * time.Millisecond) // between two attempts, not instead of one
	}
	ts.Fatalf("%s did not appear in 30 s", args[0])
}

// signaling sends a signal to the commands in the background.
func signaling(signal os.Signal) func(*testscript.TestScript, bool, []string) {
	return func(ts *testscript.TestScript, _ bool, _ []string) {
		for _, c := range ts.BackgroundCmds() {
			// That one has ended already is not the script's fault.
			_ = c.Process.Signal(signal)
		}
	}
}

// hubport URL PORT puts the port of the URL in one variable into another.
func hubport(ts *testscript.TestScript, _ bool, args []string) {
	u, err := url.Parse(ts.Getenv(args[0]))
	ts.Check(err)
	ts.Setenv(args[1], u.Port())
}

// answeringFile VARIABLE FILE starts a server that answers everything with the
// status in the first line of the file and with the rest of it, and puts the
// server's host:port into the variable. A script changes the answer by changing
// the file.
func answeringFile(ts *testscript.TestScript, _ bool, args []string) {
	path := ts.MkAbs(args[1])
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		content, err := os.ReadFile(path)
		first, body, _ := strings.Cut(string(content), "\n")
		status, bad := strconv.Atoi(first)
		if err != nil || bad != nil {
			status = http.StatusInternalServerError
		}
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}))
	ts.Defer(server.Close)
	ts.Setenv(args[0], server.Listener.Addr().String())
}

// until PATTERN URL asks until what is at the URL matches.
func until(ts *testscript.TestScript, _ bool, args []string) {
	pattern, err := regexp.Compile(args[0])
	ts.Check(err)
	body := []byte(nil)
	for range 3000 {
		if resp, err := http.Get(args[1]); err == nil {
			body, _ = io.ReadAll(resp.Body)
			resp.Body.Close()
			if pattern.Match(body) {
				return
			}
		}
		time.Sleep(10 * time.Millisecond) // between two attempts, not instead of one
	}
	ts.Fatalf("%s did not match in 30 s: %s", args[1], body)
}

// get URL FILE writes what is at the URL to the file.
func get(ts *testscript.TestScript, _ bool, args []string) {
	resp, err := http.Get(args[0])
	ts.Check(err)
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	ts.Check(err)
	ts.Check(os.WriteFile(ts.MkAbs(args[1]), body, 0o666))
}

// prune DURATION STORE deletes everything until a time ahead of now, as a hub does whose
// clock is wrong.
func prune(ts *testscript.TestScript, _ bool, args []string) {
	ahead, err := time.ParseDuration(args[0])
	ts.Check(err)
	st, err := engines.Open(ts.MkAbs(args[1]), engines.Options{Logger: slog.New(slog.DiscardHandler)})
	ts.Check(err)
	ts.Check(st.Prune(context.Background(), time.Now().Add(ahead).UnixMilli()))
	ts.Check(st.Close())
}

// requests N AGE FILE writes CSV with N requests that began AGE ago, one a
// millisecond: request i took i milliseconds, and each tenth failed.
func requests(ts *testscript.TestScript, _ bool, args []string) {
	n, err := strconv.Atoi(args[0])
	ts.Check(err)
	age, err := time.ParseDuration(args[1])
	ts.Check(err)
	begin := time.Now().Add(-age).UnixMilli()
	var b bytes.Buffer
	for i := 1; i <= n; i++ {
		status := 200
		if i%10 == 0 {
			status = 503
		}
		fmt.Fprintf(&b, "%d,/items/{id},GET,%d,%d,user-%d\n", begin+int64(i), i*1e6, status, i%7)
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[2]), b.Bytes(), 0o666))
}
