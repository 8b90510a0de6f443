package etag

import "testing"

func TestMatch(t *testing.T) {
	tag := Of([]byte("content"))
	if tag == Of([]byte("other")) || len(tag) != 18 {
		t.Errorf("tag %s", tag)
	}
	for header, want := range map[string]bool{
		"": false, "*": true, tag: true, "W/" + tag: true, `"a", ` + tag: true, tag + `,"a"`: true, `"a","b"`: false,
		tag[1 : len(tag)-1]: false, "x" + tag: false,
	} {
		for _, tag := range []string{tag, Weak([]byte("content"))} {
			if got := Match(header, tag); got != want {
				t.Errorf("If-None-Match: %s is %t for %s; want %t", header, got, tag, want)
			}
		}
	}
}
