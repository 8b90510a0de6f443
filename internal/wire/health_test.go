package wire

import (
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/kymohq/kymo/health"
	"github.com/kymohq/kymo/internal/hist"
)

func randomHealth(r *rand.Rand) HealthResult {
	h := HealthResult{
		Service: randomText(r, 0, 40), Check: randomText(r, 1, 50), Status: health.Status(1 + r.IntN(3)),
		Flapping: r.IntN(2) == 0, Critical: r.IntN(2) == 0,
		From: pick(r, 0, MaxStart-MaxSpan), Reason: randomText(r, 0, MaxReason),
	}
	h.To = h.From + pick(r, 0, MaxSpan)
	for range r.IntN(20) {
		h.Latency.Record(pick(r, 0, 1<<62))
		h.Failures += r.Uint64N(2)
	}
	if r.IntN(2) == 0 {
		h.Details = fmt.Sprintf(`{"connections":%d}`, r.IntN(100))
	}
	return h
}

// plain is a result as a text that says all of it.
func plain(h HealthResult) string {
	var latency []byte
	if h.Latency.Count() > 0 {
		latency = h.Latency.AppendBinary(nil)
	}
	h.Latency = hist.Histogram{}
	return fmt.Sprintf("%+v %x", h, latency)
}

func down() HealthResult {
	h := HealthResult{
		Service: "orders", Check: "redis", Status: health.Down, Flapping: true, Critical: true,
		From: 1000, To: 61_000, Failures: 1, Reason: "refused", Details: `{"a":1}`,
	}
	h.Latency.Record(3)
	return h
}

// goldenHealth is what version 2 adds to a batch without requests: programs in
// the field send it and stores keep it.
const goldenHealth = "4b594d42" + "02" + "0161" + "05" + "0000000000" + // magic, version, "a", 5, and nothing
	"00" + "01" + // kept, 1 result
	"066f7264657273" + "057265646973" + "0772656675736564" + "077b2261223a317d" +
	"0f" + "e807" + "e0d403" + "01" // flags, from, span, failures

func TestGoldenHealth(t *testing.T) {
	b := &Batch{Instance: "a", Sequence: 5, Users: []string{""}, Health: []HealthResult{down()}}
	latency := b.Health[0].Latency.AppendBinary(nil)
	want := goldenHealth + hex.EncodeToString(append([]byte{byte(len(latency))}, latency...))
	if got := hex.EncodeToString(b.AppendBinary(nil)); got != want {
		t.Errorf("encoded %s\nwant    %s", got, want)
	}
	data, err := hex.DecodeString(want)
	if err != nil {
		t.Fatal(err)
	}
	var got Batch
	if err := Decode(data, &got); err != nil {
		t.Fatal(err)
	}
	same(t, &got, b)
}

// A reader of version 1 alone can read what needs no more.
func TestOldestVersionThatWillDo(t *testing.T) {
	b := sound()
	if v := b.AppendBinary(nil)[4]; v != 1 {
		t.Errorf("version %d without health", v)
	}
	b.Health = []HealthResult{down()}
	if v := b.AppendBinary(nil)[4]; v != 2 {
		t.Errorf("version %d with health", v)
	}
	if v := (&Batch{Instance: "a", Kind: Leaving}).AppendBinary(nil)[4]; v != 2 {
		t.Errorf("version %d of another kind", v)
	}
}

func TestHealthNames(t *testing.T) {
	for want, h := range map[string]HealthResult{
		"redis": {Check: "redis"}, "orders": {Service: "orders"}, "orders/redis": {Service: "orders", Check: "redis"},
	} {
		if got := h.Name(); got != want {
			t.Errorf("%+v is called %q", h, got)
		}
	}
}

func TestValidateHealth(t *testing.T) {
	for _, c := range []struct {
		name  string
		spoil func(*Batch, *HealthResult)
		want  string // "" if it is valid
	}{
		{"sound", func(*Batch, *HealthResult) {}, ""},
		{"unknown at present", func(b *Batch, h *HealthResult) { b.Kind, h.Status = Present, health.Unknown }, ""},
		{"long at present", func(b *Batch, h *HealthResult) { b.Kind, h.To = Leaving, h.From+10*MaxSpan }, ""},
		{"service", func(_ *Batch, h *HealthResult) { h.Service = long }, "health[1].service: must be at most 100 bytes"},
		{"check", func(_ *Batch, h *HealthResult) { h.Check = "a\x00" }, "health[1].check: must be at most 100 bytes"},
		{"neither", func(_ *Batch, h *HealthResult) { h.Service, h.Check = "", "" }, "health[1].check: is missing, and so is the service"},
		{"name", func(_ *Batch, h *HealthResult) { h.Check = long[:94] }, "health[1].check: makes a name of 101 bytes with its service; at most 100"},
		{"unknown", func(_ *Batch, h *HealthResult) { h.Status = health.Unknown }, "health[1].status: must be healthy, degraded or down"},
		{"status", func(_ *Batch, h *HealthResult) { h.Status = 4 }, "health[1].status"},
		{"from", func(_ *Batch, h *HealthResult) { h.From = -1 }, "health[1].from: must lie between"},
		{"to", func(_ *Batch, h *HealthResult) { h.To = h.From - 1 }, "health[1].to: must not lie before from"},
		{"late", func(_ *Batch, h *HealthResult) { h.To = MaxStart + 1 }, "health[1].to: must lie between"},
		{"span", func(_ *Batch, h *HealthResult) { h.To = h.From + MaxSpan + 1 }, "health[1].to: must lie within an hour"},
		{"failures", func(_ *Batch, h *HealthResult) { h.Failures = 2 }, "health[1].failures: are more than there were runs"},
		{"reason", func(_ *Batch, h *HealthResult) { h.Reason = "a\nb" }, "health[1].reason: must be at most 512 bytes"},
		{"details that are no object", func(_ *Batch, h *HealthResult) { h.Details = "[1]" }, "health[1].details: must be a JSON object"},
		{"details that are no JSON", func(_ *Batch, h *HealthResult) { h.Details = "{" }, "health[1].details"},
		{"details", func(_ *Batch, h *HealthResult) { h.Details = `{"a":"` + strings.Repeat("x", MaxDetails) + `"}` }, "health[1].details"},
		{"too many", func(b *Batch, h *HealthResult) { b.Health = slices.Repeat([]HealthResult{*h}, MaxHealth+1) }, "health: has 1025 entries; at most 1024"},
		{"kind", func(b *Batch, _ *HealthResult) { b.Kind = 3 }, "kind: is 3; must be 0 to 2"},
		{"heartbeat with drops", func(b *Batch, _ *HealthResult) { b.Kind, b.Drops = Present, []Drop{{"a", 1, 1, UnknownReason}} }, "kind: is a heartbeat"},
	} {
		b := &Batch{Instance: "a", Health: []HealthResult{down(), down()}}
		c.spoil(b, &b.Health[1])
		err := b.Validate()
		switch {
		case c.want == "" && err != nil:
			t.Errorf("%s: %v", c.name, err)
		case c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)):
			t.Errorf("%s: %v, want %q", c.name, err, c.want)
		}
	}
}

func TestMostHealth(t *testing.T) {
	b := NewBuilder()
	r := rand.New(rand.NewPCG(8, 1))
	for range MaxHealth {
		b.AddHealth(randomHealth(r))
	}
	want := b.Batch("a", 1)
	var got Batch
	if err := Decode(want.AppendBinary(nil), &got); err != nil {
		t.Fatal(err)
	}
	same(t, &got, want)
}
