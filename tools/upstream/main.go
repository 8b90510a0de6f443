// Upstream runs the tests of net/http and of routers with Kymo's middleware
// around their handlers, and compares the results with those of the same tests
// without it.
//
//	upstream -kymo .. -work ../build/upstream gin echo
//
// Each suite goes through the same steps:
//
//  1. Its sources are copied twice. One copy stays as it is. The other is
//     patched so that whatever serves a request is wrapped by the middleware, and
//     the few tests in it that must see the one header that Kymo adds are adapted to
//     that: adapt.go lists them.
//  2. The tests run in the first copy, then in the second, once for each place
//     where the middleware can be.
//  3. The results are compared, test by test and subtest by subtest. A test that
//     differs runs again, alone, so that one that is flaky by itself is distinguished
//     from one that Kymo breaks.
//
// The exit status is 1 if a test differs. A patch that does not find the text it is
// for is an error: then the sources have a new version, and it needs a look.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

func main() {
	root := flag.String("kymo", "..", "the `directory` of Kymo's root module")
	work := flag.String("work", "../build/upstream", "the `directory` for copies and logs, in one that is made anew for each suite")
	flag.Usage = func() {
		fmt.Fprintf(flag.CommandLine.Output(), "upstream [flags] [suite...]\nsuites, by default all: %s\n", strings.Join(suiteNames(), " "))
		flag.PrintDefaults()
	}
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	ok, err := run(ctx, *root, *work, flag.Args())
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "upstream:", err)
	}
	if !ok || err != nil {
		os.Exit(1)
	}
}

// run checks the suites of these names, or all, and reports whether they pass.
func run(ctx context.Context, root, work string, names []string) (bool, error) {
	for _, name := range names {
		if !slices.Contains(suiteNames(), name) {
			return false, fmt.Errorf("there is no suite %q; there are %s", name, strings.Join(suiteNames(), ", "))
		}
	}
	root, err := filepath.Abs(root)
	if err != nil {
		return false, err
	}
	if work, err = filepath.Abs(work); err != nil {
		return false, err
	}
	ok := true
	for _, s := range suites {
		if len(names) != 0 && !slices.Contains(names, s.name) {
			continue
		}
		start := time.Now()
		c := check{suite: s, out: os.Stdout, work: filepath.Join(work, s.name)}
		if err := os.RemoveAll(c.work); err != nil {
			return false, err
		}
		same, err := c.run(ctx, root)
		if err != nil {
			return false, fmt.Errorf("%s: %w", s.name, err)
		}
		ok = ok && same
		fmt.Printf("%s: %s in all\n", s.name, time.Since(start).Round(time.Second))
	}
	return ok, nil
}
