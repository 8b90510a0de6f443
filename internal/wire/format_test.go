package wire

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"runtime"
	"strings"
	"testing"
)

// golden is sound's byte form in version 1, which programs in the field send
// and stores keep: it may not change without a new version.
const golden = "4b594d42" + "01" + // magic, version
	"086f72646572732d31" + "09" + // "orders-1", 9
	"05" + "0602030704" + // 5 texts and their lengths
	"6f7264657273" + "2f61" + "474554" + "2f622f7b69647d" + "504f5354" +
	"02" + "000102c801" + "000304f403" + // 2 keys
	"02" + "0303" + "616e6e" + "626f62" + // 2 users after the empty one
	"01" + "00b00903" + // 1 drop
	"03" + "e807" + // 3 requests, from 1000 ms on
	"01" + "000100" + // key
	"01" + "000201" + // user
	"02" + "000013006c02" + // start
	"03" + "404b4c" + "701101" + "000000" + // duration
	"02" + "e903" + "0000" + "0000" + // first byte
	"05" + "0000000000" + "0000000000" + "001a711802" + // lifetime
	"03" + "000000" + "701101" + "0c0000" // size

func TestGoldenBytes(t *testing.T) {
	want, err := hex.DecodeString(golden)
	if err != nil {
		t.Fatal(err)
	}
	if got := sound().AppendBinary(nil); !bytes.Equal(got, want) {
		t.Errorf("encoded %x\nwant    %x", got, want)
	}
	var b Batch
	if err := Decode(want, &b); err != nil {
		t.Fatal(err)
	}
	same(t, &b, sound())
}

// golden3 is what follows golden, but for the byte of the version, when sound has a
// release and errors.
const golden3 = "00" + "00" + // kept, no health results
	"06" + "76312e342e32" + // "v1.4.2"
	"02" + "0708" + "74696d656f7574" + "4b65794572726f72" + // 2 errors after the empty one
	"01" + "020001" // error

// soundWithErrors is sound with all that version 3 of the format brought.
func soundWithErrors() *Batch {
	b := sound()
	b.Version = "v1.4.2"
	b.Errors, b.Error = []string{"", "timeout", "KeyError"}, []uint32{2, 0, 1}
	return b
}

func TestGoldenBytesOfVersion3(t *testing.T) {
	want, err := hex.DecodeString(golden + golden3)
	if err != nil {
		t.Fatal(err)
	}
	want[4] = 3
	if got := soundWithErrors().AppendBinary(nil); !bytes.Equal(got, want) {
		t.Errorf("encoded %x\nwant    %x", got, want)
	}
	var b Batch
	if err := Decode(want, &b); err != nil {
		t.Fatal(err)
	}
	same(t, &b, soundWithErrors())
	if got := b.Request(0).Error + b.Request(1).Error + b.Request(2).Error; got != "KeyErrortimeout" {
		t.Errorf("errors %q", got)
	}
}

// A reason follows what version 3 has. One of a later version is unknown, and costs nothing.
func TestReasonsOfDrops(t *testing.T) {
	for code, want := range map[string]DropReason{"\x00": UnknownReason, "\x01": BufferFull, "\x07": InFuture, "\x08": UnknownReason, "\xff": UnknownReason} {
		var b Batch
		if err := Decode(dropForm4(code), &b); err != nil {
			t.Fatal(err)
		}
		drop := Drop{"s", 500, 5, want}
		same(t, &b, &Batch{Instance: "a", Users: []string{""}, Drops: []Drop{drop}})
		if data := b.AppendBinary(nil); want != UnknownReason && !bytes.Equal(data, dropForm4(code)) {
			t.Errorf("encoded %x, want %x", data, dropForm4(code))
		}
		if key := (Key{Service: "s", Status: int(want)}); drop.Key() != key {
			t.Errorf("the key of %v is %v", drop, drop.Key())
		}
	}
	names := make(map[string]bool)
	for reason := range DropReasons {
		names[reason.String()] = true
	}
	if len(names) != int(DropReasons) || DropReasons.String() != "unknown" {
		t.Errorf("the reasons are named %v, and what is none %s", names, DropReasons)
	}
}

// Each version of the format is written only when it is needed, and what a batch
// does not have takes no byte for each of its requests.
func TestNewestVersionOnlyWhenNeeded(t *testing.T) {
	size := func(b *Batch, version byte) int {
		t.Helper()
		data := b.AppendBinary(nil)
		if data[4] != version {
			t.Errorf("written in version %d, want %d", data[4], version)
		}
		return len(data)
	}
	b := traffic(4096)
	without := size(b, 1)
	b.Version = "v1.4.2"
	if with := size(b, 3); with-without != 3+1+len(b.Version) {
		t.Errorf("a release takes %d bytes", with-without)
	}
	b.Version = ""
	b.Errors, b.Error = []string{""}, make([]uint32, b.Len())
	size(b, 1) // no request has an error
	b.Errors = []string{"", "timeout"}
	b.Error[4000] = 1
	if with := size(b, 3); with-without > 300 {
		t.Errorf("one error in %d requests takes %d bytes", b.Len(), with-without)
	}
	size(&Batch{Instance: "a", Kind: Leaving, Version: "v1"}, 3)
	b = traffic(4096)
	b.Processes, b.Process = []Process{{}}, make([]uint32, b.Len())
	size(b, 1) // all requests are the batch's own
	b.Processes = append(b.Processes, Process{"web-1", "1.2"})
	b.Process[4000] = 1
	if with := size(b, 5); with-without > 300 {
		t.Errorf("one process of %d requests takes %d bytes", b.Len(), with-without)
	}
	b.Traces = make([]TraceID, b.Len())
	b.Traces[4000] = TraceID{1}
	if with := size(b, 5); with-without > 2400 {
		t.Errorf("one trace of %d requests takes %d bytes", b.Len(), with-without)
	}
}

func TestEveryCutIsMalformed(t *testing.T) {
	for _, b := range []*Batch{soundWithErrors(), soundWithProcesses()} {
		data := b.AppendBinary(nil)
		for n := range data {
			if err := Decode(data[:n:n], new(Batch)); !errors.Is(err, ErrMalformed) {
				t.Errorf("%d of %d bytes: %v, want ErrMalformed", n, len(data), err)
			}
		}
	}
}

// form builds the bytes of a batch; a number is a varint, a string its bytes.
func form(parts ...any) []byte {
	data := []byte("KYMB\x01\x01a\x00")
	for _, p := range parts {
		switch p := p.(type) {
		case int:
			data = binary.AppendUvarint(data, uint64(p))
		case uint64:
			data = binary.AppendUvarint(data, p)
		case string:
			data = append(data, p...)
		}
	}
	return data
}

// form2 is form for version 2, with nothing before the kind.
func form2(parts ...any) []byte {
	data := form(append([]any{0, 0, 0, 0, 0}, parts...)...)
	data[4] = 2
	return data
}

// form3 is form2 for version 3, with nothing before the service's version.
func form3(parts ...any) []byte {
	data := form2(append([]any{0, 0}, parts...)...)
	data[4] = 3
	return data
}

// rowOf3 is form3 with one request.
func rowOf3(parts ...any) []byte {
	data := form(append([]any{3, 1, 1, 1, "sem", 1, 0, 1, 2, 200, 0, 0, 1, 500, zeros7, 0, 0}, parts...)...)
	data[4] = 3
	return data
}

// dropForm4 is a form of version 4 with one drop, up to its reason.
func dropForm4(reason string) []byte {
	data := form(1, 1, "s", 0, 0, 1, 0, 500, 5, 0, 0, 0, 0, 0, reason)
	data[4] = 4
	return data
}

// form5 is form2 for version 5, up to its parts.
func form5(parts ...any) []byte {
	data := form2(append([]any{0, 0, 0, 0}, parts...)...)
	data[4] = 5
	return data
}

const zeros7 = "\x00\x00\x00\x00\x00\x00\x00"

func TestFormBuildsSoundBytes(t *testing.T) {
	var b Batch
	data := form(3, 1, 1, 1, "sem", 1, 0, 1, 2, 200, 0, 0, 1, 500, zeros7)
	if err := Decode(data, &b); err != nil {
		t.Fatal(err)
	}
	want := &Batch{Instance: "a", Keys: []Key{{"s", "e", "m", 200}}, Users: []string{""},
		Key: []uint32{0}, User: []uint32{0}, Start: []int64{500}, Duration: []int64{0},
		FirstByte: []int64{0}, Lifetime: []int64{0}, Size: []int64{0}}
	same(t, &b, want)
}

const huge = uint64(1<<64 - 1)

var malformed = []struct {
	name string
	data []byte
}{
	{"nothing", nil},
	{"wrong magic", []byte("KYMA\x01\x01a\x00")},
	{"version 0", []byte("KYMB\x00\x01a\x00")},
	{"version 6", []byte("KYMB\x06\x01a\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00")},
	{"no reason of a drop", dropForm4("")},
	{"bytes after the reasons", dropForm4("\x01x")},
	{"no parts", form5()},
	{"a part of a later version", form5(4)},
	{"bytes after the parts", form5(0, "x")},
	{"processes without an entry", form5(1, 0, 0)},
	{"processes without a version", form5(1, 1, 1, "a", 0)},
	{"an instance over its limit", form5(1, 1, MaxInstance+1, long[:MaxInstance+1], 1, 0)},
	{"a version over its limit", form5(1, 1, 0, 1, MaxVersion+1, long[:MaxVersion+1])},
	{"no version of the service", form3()},
	{"version of the service over its limit", form3(MaxVersion+1, long[:MaxVersion+1], 0)},
	{"no errors", form3(0)},
	{"huge count of errors", form3(0, huge)},
	{"too many errors", form3(0, MaxRequests+1, strings.Repeat("\x00", MaxRequests+1))},
	{"error over its limit", form3(0, 1, MaxError+1, long[:MaxError+1])},
	{"bytes after the errors", form3(0, 0, "x")},
	{"column of errors missing", rowOf3(0, 1, 1, "e")},
	{"column of errors too wide", rowOf3(0, 1, 1, "e", 5, "\x00\x00\x00\x00\x00")},
	{"column of errors that is not announced", rowOf3(0, 0, 0)},
	{"no kind", form2()},
	{"no count of health results", form2(0)},
	{"huge count of health results", form2(0, huge)},
	{"too many health results", form2(0, MaxHealth+1, strings.Repeat("\x00", (MaxHealth+1)*minHealthBytes))},
	{"more health results than bytes", form2(0, 2, "\x00\x01a\x00\x00\x01\x00\x00\x00\x00")},
	{"service of a health result over its limit", form2(0, 1, MaxService+1, long, 0, 0, 0, 1, 0, 0, 0, 0)},
	{"unknown flags", form2(0, 1, 0, 1, "a", 0, 0, 1<<4|1, 0, 0, 0, 0)},
	{"from out of range", form2(0, 1, 0, 1, "a", 0, 0, 1, huge, 0, 0, 0)},
	{"latency cut short", form2(0, 1, 0, 1, "a", 0, 0, 1, 0, 0, 0, 9, "xx")},
	{"latency that is no histogram", form2(0, 1, 0, 1, "a", 0, 0, 1, 0, 0, 0, 2, "xx")},
	{"bytes after the health results", form2(0, 0, "x")},
	{"too many bytes", form(0, 0, 0, 0, 0, strings.Repeat("x", MaxBytes))},
	{"bytes after the end", form(0, 0, 0, 0, 0, "x")},
	{"instance longer than the rest", []byte("KYMB\x01\x05a\x00")},
	{"instance over its limit", append([]byte("KYMB\x01\x81\x01"), long...)},
	{"number of more than 64 bits", form("\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02")},
	{"huge count of texts", form(huge)},
	{"more texts than bytes", form(100, 1)},
	{"too many texts", form(maxTexts+1, strings.Repeat("\x00", maxTexts+1), 0, 0, 0, 0)},
	{"text of huge length", form(1, huge)},
	{"text over its limit", form(1, MaxEndpoint+1, long, 0, 0, 0, 0)},
	{"texts longer than the rest", form(2, 4, 100, "abcd")},
	{"huge count of keys", form(0, huge)},
	{"more keys than bytes", form(1, 1, "s", 3, 0, 0, 0, 200)},
	{"key of a text that is not there", form(1, 1, "s", 1, 0, 0, 1, 200, 0, 0, 0)},
	{"key of a huge place", form(1, 1, "s", 1, 0, huge, 0, 200, 0, 0, 0)},
	{"huge status", form(1, 1, "s", 1, 0, 0, 0, 1<<16, 0, 0, 0)},
	{"huge count of users", form(0, 0, huge)},
	{"too many users", form(0, 0, MaxRequests+1, strings.Repeat("\x00", MaxRequests+1), 0, 0)},
	{"user over its limit", form(0, 0, 1, MaxUser+1, long, 0, 0)},
	{"huge count of drops", form(0, 0, 0, huge)},
	{"too many drops", form(1, 1, "s", 0, 0, MaxDrops+1, strings.Repeat("\x00\x00\x00", MaxDrops+1), 0)},
	{"drop of a text that is not there", form(0, 0, 0, 1, 0, 5, 5, 0)},
	{"drop at a huge time", form(1, 1, "s", 0, 0, 1, 0, huge, 5, 0)},
	{"huge count of requests", form(0, 0, 0, 0, huge)},
	{"too many requests", form(0, 0, 0, 0, MaxRequests+1, 0, strings.Repeat(zeros7, 300))},
	{"late origin", form(0, 0, 0, 0, 1, MaxStart+1, zeros7)},
	{"column missing", form(0, 0, 0, 0, 1, 0, zeros7[1:])},
	{"column's second piece missing", form(0, 0, 0, 0, 257, 0, zeros7+zeros7[1:])},
	{"column's second piece missing after a wide one", form(0, 0, 0, 0, 257, 0, zeros7+zeros7[2:]+"\x01"+strings.Repeat("\x01", 256))},
	{"key column too wide", form(0, 0, 0, 0, 1, 0, "\x05\x00\x00\x00\x00\x00"+zeros7[1:])},
	{"duration column too wide", form(0, 0, 0, 0, 1, 0, "\x00\x00\x00\x09\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00")},
	{"column cut short", form(0, 0, 0, 0, 1, 0, zeros7[1:]+"\x03\x01\x01")},
}

func TestMalformedBytesAreRefused(t *testing.T) {
	for _, c := range malformed {
		b := sound()
		if err := Decode(c.data, b); !errors.Is(err, ErrMalformed) {
			t.Errorf("%s: %v, want ErrMalformed", c.name, err)
		}
		same(t, b, &Batch{})
	}
}

// Values that only come out of range once decoded are named as fields.
func TestDecodedValuesAreValidated(t *testing.T) {
	row := func(columns string) []byte {
		return form(3, 1, 1, 1, "sem", 1, 0, 1, 2, 200, 0, 0, 1, 500, columns)
	}
	for _, c := range []struct {
		name, field, columns string
	}{
		{"key", "endpoint", "\x01\x01" + zeros7[1:]},
		{"user", "user_id", "\x00\x01\x01" + zeros7[2:]},
		{"start before 1970", "timestamp", zeros7[5:] + "\x02\xe9\x03" + zeros7[3:]},
		{"duration of 64 bits", "response_time_ms", zeros7[4:] + "\x08\xff\xff\xff\xff\xff\xff\xff\xff" + zeros7[4:]},
		{"first byte before the start", "first_byte_ms", zeros7[3:] + "\x01\x02" + zeros7[5:]},
		{"first byte of 64 bits", "first_byte_ms", zeros7[3:] + "\x08\xff\xff\xff\xff\xff\xff\xff\xff" + zeros7[5:]},
		{"size of 64 bits", "response_bytes", zeros7[1:] + "\x08\xff\xff\xff\xff\xff\xff\xff\xff"},
	} {
		var b Batch
		var e *FieldError
		if err := Decode(row(c.columns), &b); !errors.As(err, &e) || e.Field != c.field || e.Index != 0 {
			t.Errorf("%s: %v, want field %q of request 0", c.name, err, c.field)
		}
	}
}

// memoryFor returns the bytes that decoding data into a new batch allocates.
func memoryFor(data []byte) uint64 {
	var before, after runtime.MemStats
	var b Batch
	runtime.ReadMemStats(&before)
	_ = Decode(data, &b)
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

// mostMemory bounds what n bytes may allocate: 56 bytes for a key of 4, 16 for
// a text of 1, and the columns.
func mostMemory(n int) uint64 { return 40*uint64(n) + 13<<19 }

func asVersion(version byte, data []byte) []byte {
	data[4] = version
	return data
}

func TestMemoryIsBounded(t *testing.T) {
	pieces := MaxRequests / pieceLen
	for _, c := range []struct {
		name string
		data []byte
	}{
		{"columns of zeros", form(3, 1, 1, 1, "sem", 1, 0, 1, 2, 200, 0, 0, MaxRequests, 0, strings.Repeat(zeros7, pieces))},
		{"columns of zeros for a byte", form(0, 0, 0, 0, MaxRequests, 0, "\x00")},
		{"empty texts", form(maxTexts, strings.Repeat("\x00", maxTexts), 0, 0, 0, 0)},
		{"keys", form(1, 1, "s", MaxRequests, strings.Repeat("\x00\x00\x00\x01", MaxRequests), 0, 0, 0)},
		{"all columns", asVersion(5, form(3, 1, 1, 1, "sem", 1, 0, 1, 2, 200, 0, 0, MaxRequests, 0, strings.Repeat(zeros7, pieces),
			0, 0, 0, 1, 1, "e", strings.Repeat("\x00", pieces), 3, 1, 0, 1, 0, strings.Repeat("\x00", 3*pieces)))},
		{"users", form(0, 0, MaxRequests, strings.Repeat("\x00", MaxRequests), 0, 0)},
	} {
		if got, most := memoryFor(c.data), mostMemory(len(c.data)); got > most {
			t.Errorf("%s: %d bytes take %d of memory, want at most %d", c.name, len(c.data), got, most)
		}
	}
}
