package wire

import (
	"math/rand/v2"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/kymohq/kymo/internal/printable"
)

func TestClean(t *testing.T) {
	for _, c := range []struct {
		in    string
		limit int
		want  string
	}{
		{"", 5, ""},
		{"plain", 5, "plain"},
		{"plainer", 5, "plain"},
		{"~ \u0080", 5, "~ \uFFFD"},
		{"~ \u0080", 4, "~ "}, // has no room for it
		{"a\u202eb\u200b", 20, "a\uFFFDb\uFFFD"},
		{"\U000e0041\U000e0041\U000e0041\U000e0041z", 13, "\uFFFD\uFFFD\uFFFD\uFFFDz"}, // takes less than it did
		{"世\u200c界", 9, "世\u200c界"},
		{"a\tb\x7f\x00", 20, "a\uFFFDb\uFFFD\uFFFD"},
		{"a\x1f", 3, "a"},
		{"a\xff\xfeb", 10, "a\uFFFDb"},
		{"\xff", 2, ""},
		{"éé", 3, "é"},
		{"世世", 5, "世"},
		{"a🚀", 4, "a"},
		{"x", 0, ""},
		{strings.Repeat("\x80", 100), 6, "\uFFFD"},
		// Rubbish that shrinks leaves room for what comes after it.
		{"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xffabc世x", 10, "\uFFFDabc世x"},
	} {
		if got := Clean(c.in, c.limit); got != c.want {
			t.Errorf("Clean(%q, %d) = %q, want %q", c.in, c.limit, got, c.want)
		}
	}
}

func TestCleanedTextsAreFit(t *testing.T) {
	r := rand.New(rand.NewPCG(6, 1))
	for range 20_000 {
		raw := []byte(randomText(r, 0, 60))
		for range r.IntN(4) {
			if len(raw) > 0 {
				raw[r.IntN(len(raw))] = byte(r.IntN(256))
			}
		}
		limit := r.IntN(70)
		got := Clean(string(raw), limit)
		if !fit(got, limit) || !printable.Is(got) {
			t.Fatalf("Clean(%q, %d) = %q, which is not fit", raw, limit, got)
		}
		if again := Clean(got, limit); again != got {
			t.Fatalf("Clean(%q, %d) = %q, want it unchanged", got, limit, again)
		}
		if utf8.Valid(raw) && !strings.Contains(got, "\uFFFD") && !strings.HasPrefix(string(raw), got) {
			t.Fatalf("Clean(%q, %d) = %q, want its start", raw, limit, got)
		}
	}
}

func TestCleanOfFitTextAllocatesNothing(t *testing.T) {
	if n := testing.AllocsPerRun(10, func() { Clean("/users/{id}/éé", MaxEndpoint) }); n != 0 {
		t.Errorf("%v allocations, want 0", n)
	}
}

func TestKnownMethod(t *testing.T) {
	for _, method := range []string{"GET", "POST", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS", "CONNECT", "TRACE"} {
		if got := KnownMethod(method); got != method {
			t.Errorf("KnownMethod(%q) = %q", method, got)
		}
	}
	for _, method := range []string{"", "get", "PROPFIND", "GET "} {
		if got := KnownMethod(method); got != MethodOther {
			t.Errorf("KnownMethod(%q) = %q, want %q", method, got, MethodOther)
		}
	}
}
