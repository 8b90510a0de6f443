package wire

import "testing"

func TestTraceID(t *testing.T) {
	for text, want := range map[string]string{
		"4bf92f3577b34da6a3ce929d0e0e4736": "4bf92f3577b34da6a3ce929d0e0e4736", "4BF92F3577B34DA6A3CE929D0E0E4736": "4bf92f3577b34da6a3ce929d0e0e4736",
		"": "", "00000000000000000000000000000000": "", "4bf92f3577b34da6a3ce929d0e0e473": "", "4bf92f3577b34da6a3ce929d0e0e47361": "",
		"4bf92f3577b34da6a3ce929d0e0e473g": "", "4bf92f35-77b3-4da6-a3ce-929d0e0e4736": "",
	} {
		id, ok := ParseTraceID([]byte(text))
		if id.String() != want || ok != (want != "") {
			t.Errorf("%q is %q, %t", text, id, ok)
		}
	}
}
