package main

import (
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"
)

func TestRead(t *testing.T) {
	events := `{"Action":"start","Package":"p"}
{"Action":"run","Package":"p","Test":"TestA"}
{"Action":"output","Package":"p","Test":"TestA","Output":"=== RUN   TestA\n"}
{"Action":"pass","Package":"p","Test":"TestA/sub"}
{"Action":"pass","Package":"p","Test":"TestA"}
not an event
{"Action":"skip","Package":"p","Test":"TestB"}
{"Action":"run","Package":"p","Test":"TestC"}
{"Action":"fail","Package":"p"}
{"ImportPath":"q","Action":"build-output","Output":"a warning of the linker"}
{"Action":"pass","Package":"q"}
`
	got, err := read(strings.NewReader(events))
	if err != nil {
		t.Fatal(err)
	}
	want := results{
		{"p", "TestA"}: "pass", {"p", "TestA/sub"}: "pass", {"p", "TestB"}: "skip",
		{"p", ""}: "fail", {"q", ""}: "pass",
	}
	if !maps.Equal(got, want) {
		t.Errorf("read: %v, want %v", got, want)
	}
	counts := map[outcome]int{"pass": 2, "skip": 1}
	if n := got.count(); !maps.Equal(n, counts) {
		t.Errorf("count: %v, want %v", n, counts)
	}
	if some := got.of(test{"p", "TestA"}); len(some) != 2 {
		t.Errorf("of TestA: %v, want the test and its subtest", some)
	}
}

func TestReadNotBuilt(t *testing.T) {
	events := `{"ImportPath":"p","Action":"build-output","Output":"a.go:1: syntax error"}
{"ImportPath":"p","Action":"build-fail"}
{"Action":"fail","Package":"p","FailedBuild":"p"}
`
	if _, err := read(strings.NewReader(events)); err == nil || !strings.Contains(err.Error(), "syntax error") {
		t.Errorf("read: %v, want what the compiler said", err)
	}
	if _, err := read(strings.NewReader(`{"Action":`)); err == nil {
		t.Error("read took half an event")
	}
}

func TestCompare(t *testing.T) {
	plain := results{
		{"p", ""}: "pass", {"p", "TestSame"}: "fail", {"p", "TestSkip"}: "skip", {"p", "TestGone"}: "pass",
		{"p", "TestParent"}: "pass", {"p", "TestParent/a"}: "pass", {"p", "TestParent/b"}: "pass",
		{"p", "TestParentOther"}: "pass",
		{"q", ""}:                "pass", {"q", "TestQ"}: "pass",
	}
	kymo := results{
		{"p", ""}: "fail", {"p", "TestSame"}: "fail", {"p", "TestSkip"}: "pass", {"p", "TestNew"}: "pass",
		{"p", "TestParent"}: "fail", {"p", "TestParent/a"}: "fail", {"p", "TestParent/b"}: "pass",
		{"p", "TestParentOther"}: "pass",
		{"q", ""}:                "fail", {"q", "TestQ"}: "pass",
	}
	var got []string
	for _, d := range deepest(compare(plain, kymo)) {
		got = append(got, d.String())
	}
	want := []string{
		"p TestGone: pass without Kymo, missing with it",
		"p TestNew: missing without Kymo, pass with it",
		"p TestParent/a: pass without Kymo, fail with it",
		"p TestSkip: skip without Kymo, pass with it",
		"q: pass without Kymo, fail with it",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	if d := compare(plain, plain); len(d) != 0 {
		t.Errorf("results differ from themselves: %v", d)
	}
}

// A crash leaves the tests after it without a result.
func TestSplit(t *testing.T) {
	plain := results{
		{"p", ""}: "pass", {"p", "TestCrash"}: "pass", {"p", "TestCrash/first"}: "pass",
		{"p", "TestCrash/second"}: "pass", {"p", "TestLater"}: "pass", {"p", "TestLater/sub"}: "pass",
	}
	kymo := results{
		{"p", ""}: "fail", {"p", "TestCrash"}: "fail", {"p", "TestCrash/first"}: "fail",
	}
	rest, unseen := split(deepest(compare(plain, kymo)), kymo)
	wantRest := []difference{
		{test{"p", "TestCrash/first"}, "pass", "fail"},
		{test{"p", "TestCrash/second"}, "pass", ""},
	}
	if !reflect.DeepEqual(rest, wantRest) {
		t.Errorf("rest: %v, want %v", rest, wantRest)
	}
	if want := map[string]int{"p": 1}; !maps.Equal(unseen, want) {
		t.Errorf("unseen: %v, want %v", unseen, want)
	}
}

func TestTop(t *testing.T) {
	if got, want := (test{"p", "TestA/b/c"}).top(), (test{"p", "TestA"}); got != want {
		t.Errorf("top: %v, want %v", got, want)
	}
	if got, want := (test{pkg: "p"}).top(), (test{pkg: "p"}); got != want {
		t.Errorf("top of a package: %v, want %v", got, want)
	}
}
