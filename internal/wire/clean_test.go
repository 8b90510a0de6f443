package wire

import (
	"slices"
	"strings"
	"testing"

	"github.com/kymohq/kymo/health"
)

// TestCleanBatch: what a batch of another version may hold is fit to be shown
// afterwards, and the batch is still valid.
func TestCleanBatch(t *testing.T) {
	const rlo, clean = "a\u202eb", "a\uFFFDb"
	build := func(text, details string) *Batch {
		b := NewBuilder()
		b.Add(&Request{Key: Key{Service: text, Endpoint: "/" + text, Method: text, Status: 200}, User: text, Error: text, Process: Process{text, text}})
		batch := b.Batch(text, 1)
		batch.Version = text
		batch.Drops = []Drop{{Service: text, Count: 1}}
		batch.Health = []HealthResult{{Service: text, Check: text, Status: health.Down, Reason: text, Details: details}}
		return batch
	}
	got, want := build(rlo, "{\"a\u202e\":\"\\u202e\"}"), build(clean, "{\"a\uFFFD\":\"\\ufffd\"}")
	var decoded Batch
	if err := Decode(got.AppendBinary(nil), &decoded); err != nil {
		t.Fatalf("the format refuses what can be cleaned: %v", err)
	}
	decoded.Clean()
	if err := decoded.Validate(); err != nil {
		t.Error(err)
	}
	if !slices.Equal(decoded.AppendBinary(nil), want.AppendBinary(nil)) {
		t.Errorf("%+v\nwant %+v", decoded, want)
	}

	long := build(strings.Repeat("\u0085", 5), `{"a":"`+strings.Repeat("\u0085", MaxDetails/2-5)+`"}`)
	long.Users[1] = strings.Repeat("\u0085", MaxUser/2)
	long.Clean()
	if err := long.Validate(); err != nil || len(long.Users[1]) != MaxUser || !strings.Contains(long.Health[0].Details, "too long") {
		t.Errorf("%v: %d bytes, %s", err, len(long.Users[1]), long.Health[0].Details)
	}
}

func TestTextProblem(t *testing.T) {
	for text, want := range map[string]string{
		"":          "",
		"orders":    "",
		"a\u202e":   "contains U+202E; must be at most 8 bytes of UTF-8 without control characters",
		"a\n":       "contains U+000A; must be at most 8 bytes of UTF-8 without control characters",
		"a\xff":     "must be at most 8 bytes of UTF-8 without control characters",
		"123456789": "must be at most 8 bytes of UTF-8 without control characters",
	} {
		if got := TextProblem(text, 8); got != want {
			t.Errorf("%+q: %s", text, got)
		}
	}
}
