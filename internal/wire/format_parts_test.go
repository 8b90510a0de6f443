package wire

import (
	"bytes"
	"encoding/hex"
	"testing"
)

// golden5 is what follows golden, but for the byte of the version and the reason of the drop,
// when sound has processes and traces.
const golden5 = "00" + "00" + "00" + "00" + "00" + // nothing of versions 2 to 4
	"03" + // both parts
	"02" + "0500" + "7765622d31" + // instances "web-1" and none
	"02" + "0003" + "312e32" + // versions none and "1.2"
	"01" + "000201" + // process
	"08" + "0000000000000000" + "a64db377352ff94b" + "0000000000000000" + // the upper half
	"08" + "0000000000000000" + "36470e0e9d92cea3" + "0100000000000000" // the lower half

func soundWithProcesses() *Batch {
	b := sound()
	b.Processes, b.Process = []Process{{}, {"web-1", ""}, {"", "1.2"}}, []uint32{0, 2, 1}
	id, _ := ParseTraceID([]byte("4bf92f3577b34da6a3ce929d0e0e4736"))
	b.Traces = []TraceID{{}, id, {15: 1}}
	return b
}

func TestGoldenBytesOfVersion5(t *testing.T) {
	want, err := hex.DecodeString(golden + golden5)
	if err != nil {
		t.Fatal(err)
	}
	want[4] = 5
	if got := soundWithProcesses().AppendBinary(nil); !bytes.Equal(got, want) {
		t.Errorf("encoded %x\nwant    %x", got, want)
	}
	var b Batch
	if err := Decode(want, &b); err != nil {
		t.Fatal(err)
	}
	same(t, &b, soundWithProcesses())
	for i, want := range []Process{{"orders-1", ""}, {"orders-1", "1.2"}, {"web-1", ""}} {
		if got := b.Request(i).Process; got != want {
			t.Errorf("request %d is of %q, want %q", i, got, want)
		}
	}
}
