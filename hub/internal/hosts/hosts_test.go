package hosts

import (
	"strings"
	"testing"
)

func TestAnswer(t *testing.T) {
	listed := Listed([]string{"Kymo.Example.com.", "kymo"})
	for _, c := range []struct {
		header       string
		none, listed bool
	}{
		{"", true, true}, // HTTP/1.0
		{"localhost", true, true},
		{"LOCALHOST.:5966", true, true},
		{"kymo.localhost:80", true, true},
		{"127.0.0.1", true, true},
		{"127.8.8.8:5966", true, true},
		{"[::1]", true, true},
		{"[::1]:5966", true, true},
		{"10.1.2.3:5966", true, true}, // a pod's
		{"[2001:db8::7]:5966", true, true},
		{"kymo.example.com", false, true},
		{"KYMO.example.com.:8443", false, true},
		{"kymo:5966", false, true},
		{"example.com", false, false},
		{"a.kymo.example.com", false, false},
		{"kymo.example.com.evil.example", false, false},
		{"localhost.evil.example", false, false},
		{"notlocalhost", false, false},
		{"127.0.0.1.evil.example", false, false},
		{"127.1", false, false}, // a browser writes addresses out
		{"0x7f000001", false, false},
		{"2130706433", false, false},
		{"localhost@evil.example", false, false},
		{"::::", false, false},
	} {
		if got := (Names{}).Answer(c.header); got != c.none {
			t.Errorf("%q without a list: %v", c.header, got)
		}
		if got := listed.Answer(c.header); got != c.listed {
			t.Errorf("%q with a list: %v", c.header, got)
		}
		if !Any().Answer(c.header) {
			t.Errorf("%q is not any name", c.header)
		}
	}
}

func TestCheck(t *testing.T) {
	for host, want := range map[string]string{
		"kymo":                   "",
		"Kymo_1.example.com.":    "",
		"10.0.0.7":               "",
		"2001:db8::7":            "",
		strings.Repeat("a", 253): "",
		"":                       "is empty; write a name alone, like kymo.example.com",
		"https://kymo.example":   `"https://kymo.example" is a URL; write a name alone, like kymo.example.com`,
		"kymo.example/hub":       `"kymo.example/hub" is a URL; write a name alone, like kymo.example.com`,
		"kymo.example:5966":      `"kymo.example:5966" has a port; write a name alone, like kymo.example.com`,
		"*.example.com":          `"*.example.com" is a pattern; write each name out, like kymo.example.com`,
		"bücher.example":         `"b\u00fccher.example" is not what a browser sends; write it in Punycode, like xn--bcher-kva.example`,
		"a b":                    `"a b" is not a host name; write a name alone, like kymo.example.com`,
		"a..b":                   `"a..b" is not a host name; write a name alone, like kymo.example.com`,
		".":                      `"." is not a host name; write a name alone, like kymo.example.com`,
		"a\x00":                  `"a\x00" is not a host name; write a name alone, like kymo.example.com`,
	} {
		got := ""
		if err := Check(host); err != nil {
			got = err.Error()
		}
		if got != want {
			t.Errorf("%q: %s\nwant %s", host, got, want)
		}
	}
	if Check(strings.Repeat("a", 254)) == nil {
		t.Error("a name too long for DNS is right")
	}
}
