package wire

import "testing"

func TestFieldErrorNamesItsPlace(t *testing.T) {
	for _, c := range []struct {
		err            FieldError
		text, location string
	}{
		{FieldError{Index: -1, Problem: "wrong"}, "body: wrong", "body"},
		{FieldError{Index: -1, Field: "drops.at", Problem: "wrong"}, "drops.at: wrong", "body.drops.at"},
		{FieldError{Index: 3, Problem: "wrong"}, "element 3: wrong", "body[3]"},
		{FieldError{Index: 3, Field: "method", Problem: "wrong"}, "element 3: method: wrong", "body[3].method"},
		{FieldError{Index: 3, Field: "method", Line: 4, Problem: "wrong"}, "line 4: method: wrong", "body[3].method"},
	} {
		if got := c.err.Error(); got != c.text {
			t.Errorf("%q, want %q", got, c.text)
		}
		if got := c.err.Location(); got != c.location {
			t.Errorf("%q, want %q", got, c.location)
		}
	}
}
