package figure

import (
	"testing"
)

func TestNumbers(t *testing.T) {
	tests := []struct{ got, want string }{
		{Thousands(0), "0"},
		{Thousands(999), "999"},
		{Thousands(1000), "1,000"},
		{Thousands(-1234567), "-1,234,567"},

		{ThreeDigits(0), "0.00"},
		{ThreeDigits(0.0042), "0.004"},
		{ThreeDigits(0.4249), "0.42"},
		{ThreeDigits(9.994), "9.99"},
		{ThreeDigits(9.996), "10.0"},
		{ThreeDigits(99.94), "99.9"},
		{ThreeDigits(99.96), "100"},
		{ThreeDigits(1234.5), "1,235"},

		{Percent(0), "0.00"},
		{Percent(0.00001), "<0.01"},
		{Percent(0.0123), "1.23"},
		{Percent(0.999999), ">99.99"},
		{Percent(1), "100.00"},

		{Plural(1, "row"), "1 row"},
		{Plural(0, "row"), "0 rows"},
		{Plural(2500, "row"), "2,500 rows"},

		{Bytes(1), "1 byte"},
		{Bytes(1023), "1,023 bytes"},
		{Bytes(1 << 10), "1.00 KiB"},
		{Bytes(12_900_000), "12.3 MiB"},
		{Bytes(5 << 50), "5,120 TiB"},
	}
	for _, test := range tests {
		if test.got != test.want {
			t.Errorf("got %q, want %q", test.got, test.want)
		}
	}
}
