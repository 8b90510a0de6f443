package wire

import (
	"errors"
	"slices"
	"strings"
	"testing"
)

// sound returns a valid batch of three requests of two series and two users.
func sound() *Batch {
	return &Batch{
		Instance: "orders-1", Sequence: 9,
		Keys:  []Key{{"orders", "/a", "GET", 200}, {"orders", "/b/{id}", "POST", 500}},
		Users: []string{"", "ann", "bob"},
		Key:   []uint32{0, 1, 0}, User: []uint32{0, 2, 1},
		Start: []int64{1000, 990, 1300}, Duration: []int64{5_000_000, 70_000, 0},
		FirstByte: []int64{4_999_000, 0, 0}, Lifetime: []int64{0, 0, 9_000_000_000},
		Size:  []int64{0, 70_000, 12},
		Drops: []Drop{{"orders", 1200, 3, UnknownReason}},
	}
}

var long = strings.Repeat("x", 256)

// faults each make one field of a sound batch invalid.
var faults = []struct {
	name  string
	index int
	field string
	spoil func(b *Batch)
}{
	{"no instance", -1, "instance", func(b *Batch) { b.Instance = "" }},
	{"long instance", -1, "instance", func(b *Batch) { b.Instance = long[:MaxInstance+1] }},
	{"no service", 0, "service", func(b *Batch) { b.Keys[0].Service = "" }},
	{"long service", 1, "service", func(b *Batch) { b.Keys[1].Service = long[:MaxService+1] }},
	{"no endpoint", 1, "endpoint", func(b *Batch) { b.Keys[1].Endpoint = "" }},
	{"long endpoint", 1, "endpoint", func(b *Batch) { b.Keys[1].Endpoint = long[:MaxEndpoint+1] }},
	{"endpoint with a newline", 0, "endpoint", func(b *Batch) { b.Keys[0].Endpoint = "/a\n" }},
	{"no method", 0, "method", func(b *Batch) { b.Keys[0].Method = "" }},
	{"long method", 0, "method", func(b *Batch) { b.Keys[0].Method = long[:MaxMethod+1] }},
	{"low status", 1, "status_code", func(b *Batch) { b.Keys[1].Status = MinStatus - 1 }},
	{"high status", 1, "status_code", func(b *Batch) { b.Keys[1].Status = MaxStatus + 1 }},
	{"bad key that no request has", -1, "method", func(b *Batch) { b.Keys = append(b.Keys, Key{"a", "b", "", 200}) }},
	{"long user", 2, "user_id", func(b *Batch) { b.Users[1] = long[:MaxUser+1] }},
	{"user not in UTF-8", 1, "user_id", func(b *Batch) { b.Users[2] = "b\xffb" }},
	{"user with DEL", 1, "user_id", func(b *Batch) { b.Users[2] = "b\x7f" }},
	{"long version", -1, "version", func(b *Batch) { b.Version = long[:MaxVersion+1] }},
	{"version with a newline", -1, "version", func(b *Batch) { b.Version = "v1\n" }},
	{"long error", 1, "error", func(b *Batch) { b.Errors, b.Error = []string{"", long[:MaxError+1]}, []uint32{0, 1, 0} }},
	{"error not in UTF-8", 2, "error", func(b *Batch) { b.Errors, b.Error = []string{"", "a", "b\xff"}, []uint32{0, 1, 2} }},
	{"error out of range", 2, "error", func(b *Batch) { b.Errors, b.Error = []string{"", "a"}, []uint32{0, 1, 2} }},
	{"long instance of a request", 1, "instance", func(b *Batch) { b.Processes, b.Process = []Process{{}, {long[:MaxInstance+1], ""}}, []uint32{0, 1, 0} }},
	{"long version of a request", 2, "version", func(b *Batch) { b.Processes, b.Process = []Process{{}, {"", long[:MaxVersion+1]}}, []uint32{0, 0, 1} }},
	{"process out of range", 2, "instance", func(b *Batch) { b.Processes, b.Process = []Process{{}, {"a", ""}}, []uint32{0, 1, 2} }},
	{"key out of range", 1, "endpoint", func(b *Batch) { b.Key[1] = 2 }},
	{"user out of range", 2, "user_id", func(b *Batch) { b.User[2] = 1 << 31 }},
	{"early start", 1, "timestamp", func(b *Batch) { b.Start[1] = -1 }},
	{"late start", 2, "timestamp", func(b *Batch) { b.Start[2] = MaxStart + 1 }},
	{"negative duration", 1, "response_time_ms", func(b *Batch) { b.Duration[1] = -1 }},
	{"long duration", 2, "response_time_ms", func(b *Batch) { b.Duration[2] = int64(MaxDuration) + 1 }},
	{"negative first byte", 0, "first_byte_ms", func(b *Batch) { b.FirstByte[0] = -1 }},
	{"first byte after the end", 1, "first_byte_ms", func(b *Batch) { b.FirstByte[1] = 70_002 }},
	{"negative lifetime", 2, "lifetime_ms", func(b *Batch) { b.Lifetime[2] = -1 }},
	{"long lifetime", 0, "lifetime_ms", func(b *Batch) { b.Lifetime[0] = int64(MaxDuration) + 1 }},
	{"negative size", 0, "response_bytes", func(b *Batch) { b.Size[0] = -1 }},
	{"huge size", 2, "response_bytes", func(b *Batch) { b.Size[2] = MaxSize + 1 }},
	{"drop without service", -1, "drops.service", func(b *Batch) { b.Drops[0].Service = "" }},
	{"drop of a long service", -1, "drops.service", func(b *Batch) { b.Drops[0].Service = long[:MaxService+1] }},
	{"early drop", -1, "drops.at", func(b *Batch) { b.Drops[0].At = -1 }},
	{"late drop", -1, "drops.at", func(b *Batch) { b.Drops[0].At = MaxStart + 1 }},
	{"the first of two faulty requests", 0, "response_bytes", func(b *Batch) { b.Start[1], b.Size[0] = -1, -1 }},
	{"the first of two faulty fields", 1, "timestamp", func(b *Batch) { b.Start[1], b.Size[1] = -1, -1 }},
}

// mismatches cannot be written in the byte format at all.
var mismatches = []struct {
	name, field string
	spoil       func(b *Batch)
}{
	{"too many requests", "requests", func(b *Batch) { b.Key = make([]uint32, MaxRequests+1) }},
	{"too many keys", "keys", func(b *Batch) { b.Keys = slices.Repeat(b.Keys, MaxRequests/2+1) }},
	{"too many users", "users", func(b *Batch) { b.Users = slices.Repeat([]string{""}, MaxRequests+2) }},
	{"too many drops", "drops", func(b *Batch) { b.Drops = slices.Repeat(b.Drops, MaxDrops+1) }},
	{"no empty user", "users", func(b *Batch) { b.Users[0] = "ann" }},
	{"first byte just after the end", "first_byte_ms", func(b *Batch) { b.FirstByte[1] = 70_001 }},
	{"too many errors", "errors", func(b *Batch) {
		b.Errors, b.Error = slices.Repeat([]string{""}, MaxRequests+2), []uint32{0, 0, 0}
	}},
	{"no empty error", "errors", func(b *Batch) { b.Errors, b.Error = []string{"a"}, []uint32{0, 0, 0} }},
	{"errors without a column", "requests", func(b *Batch) { b.Errors = []string{"", "a"} }},
	{"a column without errors", "requests", func(b *Batch) { b.Error = []uint32{0, 0, 0} }},
	{"short error", "requests", func(b *Batch) { b.Errors, b.Error = []string{"", "a"}, []uint32{0, 1} }},
	{"too many processes", "processes", func(b *Batch) { b.Processes, b.Process = make([]Process, MaxRequests+2), []uint32{0, 0, 0} }},
	{"no empty process", "processes", func(b *Batch) { b.Processes, b.Process = []Process{{"a", ""}}, []uint32{0, 0, 0} }},
	{"processes without a column", "requests", func(b *Batch) { b.Processes = []Process{{}, {"a", ""}} }},
	{"short traces", "requests", func(b *Batch) { b.Traces = make([]TraceID, 2) }},
	{"no users", "user_id", func(b *Batch) { b.Users = nil }},
	{"short key", "requests", func(b *Batch) { b.Key = b.Key[1:] }},
	{"short user", "requests", func(b *Batch) { b.User = b.User[1:] }},
	{"short start", "requests", func(b *Batch) { b.Start = b.Start[1:] }},
	{"short duration", "requests", func(b *Batch) { b.Duration = b.Duration[1:] }},
	{"short first byte", "requests", func(b *Batch) { b.FirstByte = b.FirstByte[1:] }},
	{"short lifetime", "requests", func(b *Batch) { b.Lifetime = b.Lifetime[1:] }},
	{"short size", "requests", func(b *Batch) { b.Size = b.Size[1:] }},
}

// numbers are the fields that OutOfBounds judges.
var numbers = []string{"timestamp", "response_time_ms", "first_byte_ms", "lifetime_ms", "response_bytes"}

func TestValidateNamesTheFault(t *testing.T) {
	good := sound()
	if err := good.Validate(); err != nil {
		t.Fatal(err)
	}
	for i := range good.Len() {
		r := good.Request(i)
		if field, problem := r.OutOfBounds(); problem != "" {
			t.Errorf("request %d: %s: %s", i, field, problem)
		}
	}
	for _, c := range faults {
		b := sound()
		c.spoil(b)
		var e *FieldError
		if err := b.Validate(); !errors.As(err, &e) || e.Index != c.index || e.Field != c.field || e.Problem == "" {
			t.Errorf("%s: %v; want request %d and field %q", c.name, err, c.index, c.field)
		}
		if e == nil || !slices.Contains(numbers, c.field) {
			continue
		}
		r := b.Request(c.index)
		if field, problem := r.OutOfBounds(); field != c.field || problem != e.Problem {
			t.Errorf("%s: %s: %s in the request alone; want %v", c.name, field, problem, e)
		}
	}
	for _, c := range mismatches {
		b := sound()
		c.spoil(b)
		var e *FieldError
		if err := b.Validate(); !errors.As(err, &e) || e.Field != c.field {
			t.Errorf("%s: %v; want field %q", c.name, err, c.field)
		}
	}
}

// What Validate refuses, Decode refuses from bytes that say the same.
func TestDecodeRefusesEachFault(t *testing.T) {
	for _, c := range faults {
		b := sound()
		c.spoil(b)
		err := Decode(b.AppendBinary(nil), b)
		var e *FieldError
		if !errors.Is(err, ErrMalformed) && !(errors.As(err, &e) && e.Field == c.field) {
			t.Errorf("%s: %v; want ErrMalformed or field %q", c.name, err, c.field)
		}
		if b.Len() != 0 || b.Instance != "" || len(b.Keys) != 0 {
			t.Errorf("%s: the batch is not empty after an error", c.name)
		}
	}
}

func TestLimitsThemselvesAreValid(t *testing.T) {
	b := sound()
	b.Instance = long[:MaxInstance]
	b.Keys = []Key{{long[:MaxService], long[:MaxEndpoint], long[:MaxMethod], MinStatus}, {"a", "b", "c", MaxStatus}}
	b.Users[1] = long[:MaxUser]
	b.Version = long[:MaxVersion]
	b.Errors, b.Error = []string{"", long[:MaxError]}, []uint32{0, 1, 0}
	b.Processes, b.Process = []Process{{}, {long[:MaxInstance], long[:MaxVersion]}}, []uint32{0, 1, 0}
	b.Traces = []TraceID{{}, {0: 255, 15: 255}, {}}
	b.Start = []int64{0, MaxStart, 0}
	b.Duration = []int64{0, int64(MaxDuration), int64(MaxDuration)}
	b.FirstByte = []int64{0, int64(MaxDuration), 1}
	b.Lifetime = []int64{0, 0, int64(MaxDuration)}
	b.Size = []int64{0, MaxSize, 1}
	b.Drops = []Drop{{long[:MaxService], MaxStart, 1<<64 - 1, DropReasons - 1}}
	if err := b.Validate(); err != nil {
		t.Fatal(err)
	}
	var got Batch
	if err := Decode(b.AppendBinary(nil), &got); err != nil {
		t.Fatal(err)
	}
	same(t, &got, b)
}
