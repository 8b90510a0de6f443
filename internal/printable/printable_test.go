package printable

import (
	"encoding/json"
	"fmt"
	"testing"
	"unicode/utf8"
)

// deceivers are characters that no name may have, with what they are for.
var deceivers = map[string][]rune{
	"controls":              {0, '\t', '\n', '\r', 0x1b, 0x1f, 0x7f, 0x80, 0x85, 0x9b, 0x9f},
	"bidirectional":         {0x61c, 0x200e, 0x200f, 0x202a, 0x202b, 0x202c, 0x202d, 0x202e, 0x2066, 0x2067, 0x2068, 0x2069},
	"lines, paragraphs":     {0x2028, 0x2029},
	"tags":                  {0xe0000, 0xe0001, 0xe0020, 0xe0041, 0xe007f},
	"of no width, or blank": {0xad, 0x34f, 0x115f, 0x1160, 0x17b4, 0x180e, 0x200b, 0x2060, 0x2061, 0x2064, 0x206a, 0x206f, 0x2800, 0x3164, 0xfeff, 0xffa0, 0xfff9, 0x1d173, 0xe0fff},
}

// honest are texts that stay as they are.
var honest = []string{
	"", " ", "/users/{id}", "~", "ünïcødé", "世界", "🚀", "\uFFFD", "שלום", "\u0600\u0661", "a\u00a0b",
	"\u0646\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645", // Persian, with a joiner that its spelling asks for
	"👩\u200d🚀", "❤\ufe0f", "葛\U000e0100",
}

func TestClean(t *testing.T) {
	for kind, runes := range deceivers {
		for _, r := range runes {
			for _, before := range []string{"", "a", "世"} {
				s := before + string(r) + "z"
				if got := Clean(s); got != before+"\uFFFDz" {
					t.Errorf("%s: %+q became %+q", kind, s, got)
				}
				if got, found := First(s); !found || got != r || Is(s) {
					t.Errorf("%s: the first of %+q is %U", kind, s, got)
				}
			}
		}
	}
	for _, s := range honest {
		if got := Clean(s); got != s || !Is(s) {
			t.Errorf("%+q became %+q", s, got)
		}
	}
	for s, want := range map[string]string{
		"sh\u200dop": "sh\uFFFDop", "\ufe0f": "\uFFFD", "1\u200c": "1\uFFFD", // hidden in ASCII
		"a\xff\xfeb": "a\uFFFDb", "\u202e\u202e": "\uFFFD\uFFFD",
	} {
		if got := Clean(s); got != want {
			t.Errorf("%+q became %+q, want %+q", s, got, want)
		}
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
