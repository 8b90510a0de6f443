package main

import (
	"testing"
	"time"
)

func TestNumbers(t *testing.T) {
	tests := []struct{ got, want string }{
		{thousands(0), "0"},
		{thousands(999), "999"},
		{thousands(1000), "1,000"},
		{thousands(-1234567), "-1,234,567"},

		{threeDigits(0), "0.00"},
		{threeDigits(0.0042), "0.004"},
		{threeDigits(0.4249), "0.42"},
		{threeDigits(9.994), "9.99"},
		{threeDigits(9.996), "10.0"},
		{threeDigits(99.94), "99.9"},
		{threeDigits(99.96), "100"},
		{threeDigits(1234.5), "1,235"},

		{percent(0), "0.00"},
		{percent(0.00001), "<0.01"},
		{percent(0.0123), "1.23"},
		{percent(0.999999), ">99.99"},
		{percent(1), "100.00"},

		{seconds(400 * time.Millisecond), "0 s"},
		{seconds(59 * time.Second), "59 s"},
		{seconds(125 * time.Second), "2 min 5 s"},
		{seconds(3*time.Hour + 10*time.Minute + 59*time.Second), "3 h 10 min"},

		{plural(1, "row"), "1 row"},
		{plural(0, "row"), "0 rows"},
		{plural(2500, "row"), "2,500 rows"},
	}
	for _, test := range tests {
		if test.got != test.want {
			t.Errorf("got %q, want %q", test.got, test.want)
		}
	}
}
