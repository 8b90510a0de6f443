package printable

import (
	"encoding/json"
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"
)

// cases are what the test of the dashboard compares with, too: it has the rule in TypeScript.
type cases struct {
	Deceivers map[string][]string // characters that no name may have, like U+202E, by what they are for
	Honest    []string            // texts that stay as they are
	Replaced  []struct{ Text, Want string }
}

func readCases(t *testing.T) (c cases) {
	t.Helper()
	content, err := os.ReadFile("testdata/cases.json")
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(content, &c); err != nil {
		t.Fatal(err)
	}
	if len(c.Deceivers) == 0 || len(c.Honest) == 0 || len(c.Replaced) == 0 {
		t.Fatal("testdata/cases.json lacks cases")
	}
	return c
}

func TestClean(t *testing.T) {
	c := readCases(t)
	for kind, characters := range c.Deceivers {
		for _, name := range characters {
			code, err := strconv.ParseInt(strings.TrimPrefix(name, "U+"), 16, 32)
			if err != nil {
				t.Fatal(err)
			}
			r := rune(code)
			for _, before := range []string{"", "a", "世"} {
				s := before + string(r) + "z"
				if got, want := Clean(s), before+"\uFFFDz"; got != want {
					t.Errorf("%s: Clean(%+q) = %+q, want %+q", kind, s, got, want)
				}
				if got, found := First(s); !found || got != r || Is(s) {
					t.Errorf("%s: First(%+q) = %U, want %U", kind, s, got, r)
				}
			}
		}
	}
	for _, s := range c.Honest {
		if got := Clean(s); got != s || !Is(s) {
			t.Errorf("Clean(%+q) = %+q, want it as it is", s, got)
		}
	}
	for _, test := range c.Replaced {
		if got := Clean(test.Text); got != test.Want {
			t.Errorf("Clean(%+q) = %+q, want %+q", test.Text, got, test.Want)
		}
	}
	if got, want := Clean("a\xff\xfeb"), "a\uFFFDb"; got != want { // bytes that no JSON holds
		t.Errorf("Clean of invalid UTF-8 = %+q, want %+q", got, want)
	}
	if Is("a\xff") {
		t.Error("what is not UTF-8 is fit")
	}
	if n := testing.AllocsPerRun(10, func() { Clean("/users/{id}/éé") }); n != 0 {
		t.Errorf("%v allocations", n)
	}
	if got := Name(0x202e) + Name(0xe0041) + Name(7); got != "U+202EU+E0041U+0007" {
		t.Error(got)
	}
}

func TestJSON(t *testing.T) {
	for document, want := range map[string]string{
		`{"a": 1}`:                         `{"a": 1}`,
		"{\n\t\"a\": \"é\"\r\n}":           "{\n\t\"a\": \"é\" \n}",
		"[\"\x7f\"]":                       "[\"\uFFFD\"]",
		"\x1b[2J\a\rnot JSON":              "\uFFFD[2J\uFFFD not JSON",
		`["\u202e","\u202E","\\u202e"]`:    `["\ufffd","\ufffd","\\u202e"]`,
		"[\"\u202e\", \"\u0085\"]":         "[\"\uFFFD\", \"\uFFFD\"]",
		`["\udb40\udc41", "\ud83d\ude80"]`: `["\ufffd", "\ud83d\ude80"]`,
		`["\u001b[2J", "\b\f\r"]`:          `["\ufffd[2J", "\ufffd\ufffd\ufffd"]`,
		`["a\n\tb\"\/\u000a"]`:             `["a\n\tb\"\/\u000a"]`,
		`["\ud83d", "\udc41x"]`:            `["\ud83d", "\udc41x"]`, // a reader makes U+FFFD of them
		`["\u12`:                           `["\u12`,
		`["\`:                              `["\`,
		"[\"\xff\x9b2J\"]":                 "[\"\uFFFD\uFFFD2J\"]", // 9B is an escape sequence to some terminals
	} {
		if got := string(JSON([]byte(document))); got != want {
			t.Errorf("%+q became %+q, want %+q", document, got, want)
		}
	}
}

// FuzzJSON: what was JSON is JSON afterwards, and nothing in it is unfit.
func FuzzJSON(f *testing.F) {
	f.Add([]byte(`{"a":["\u202e\\\"\udb40\udc41"]}`))
	f.Fuzz(func(t *testing.T, document []byte) {
		clean := JSON(document)
		var before, after any
		if json.Unmarshal(document, &before) != nil {
			return
		}
		if err := json.Unmarshal(clean, &after); err != nil {
			t.Fatalf("%q became %q: %v", document, clean, err)
		}
		for _, r := range fmt.Sprint(after) {
			if r != '\n' && r != '\t' && r != utf8.RuneError && !isFit(utf8.MaxRune, r) {
				t.Fatalf("%q became %q", document, clean)
			}
		}
	})
}
