package term

import "testing"

func TestOneLine(t *testing.T) {
	for text, want := range map[string]string{
		"":                              "",
		"one error":                     "one error",
		"one\nanother\n":                "one; another",
		"\r\n  spaced \t out\r\n\nlast": "spaced out; last",
	} {
		if got := OneLine(text); got != want {
			t.Errorf("%q: got %q, want %q", text, got, want)
		}
	}
}
