package probe

import (
	"encoding/json"
	"testing"
)

func TestLookUp(t *testing.T) {
	document, err := decodeJSON([]byte(`{"a": {"b.c": 1, "b": {"c": 2, "d": [3, {"e": 4}]}}, "0": [[5]], "n": null}`))
	if err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{
		"a.b.c": "1", "a.b.d.0": "3", "a.b.d.1.e": "4", "0.0.0": "5", "n": "null", "a.b": `{"c":2,"d":[3,{"e":4}]}`,
		"x": "", "a.x": "", "a.b.d.2": "", "a.b.d.-1": "", "a.b.d.e": "", "n.a": "", "a.b.c.d": "", "0.0.0.0": "",
	} {
		got, ok := lookUp(document, path)
		if ok != (want != "") || ok && encodeJSON(got) != want {
			t.Errorf("%s is %s, %v; not %s", path, encodeJSON(got), ok, want)
		}
	}
}

func TestSameJSON(t *testing.T) {
	for _, c := range []struct {
		a, b string
		same bool
	}{
		{`1`, `1.0`, true}, {`1e3`, `1000`, true}, {`1`, `2`, false}, {`1`, `"1"`, false}, {`"1"`, `1`, false},
		{`9007199254740993`, `9007199254740992`, false}, {`1e999`, `1e999`, true}, {`1e999`, `2e999`, false},
		{`true`, `true`, true}, {`true`, `false`, false}, {`null`, `null`, true}, {`null`, `0`, false},
		{`{"a": 1, "b": [1, 2]}`, `{"b": [1.0, 2], "a": 1}`, true}, {`{"a": 1}`, `{"a": 1, "b": 1}`, false},
		{`{"a": 1}`, `[1]`, false}, {`[1]`, `{"a": 1}`, false}, {`[1, 2]`, `[2, 1]`, false},
	} {
		a, err := decodeJSON([]byte(c.a))
		b, err2 := decodeJSON([]byte(c.b))
		if err != nil || err2 != nil {
			t.Fatal(err, err2)
		}
		if sameJSON(a, b) != c.same || sameJSON(b, a) != c.same {
			t.Errorf("%s and %s are the same: %v", c.a, c.b, !c.same)
		}
	}
}

// A configured value comes from other decoders: it must mean what the same text means in JSON.
func TestExpectations(t *testing.T) {
	all, err := expectations(map[string]any{"b": uint8(1), "a": json.Number("1.50"), "c": map[string]any{"d": float32(2)}})
	if err != nil || len(all) != 3 || all[0].path != "a" {
		t.Fatal(all, err)
	}
	document, _ := decodeJSON([]byte(`{"a": 1.5, "b": 1, "c": {"d": 2}}`))
	for _, e := range all {
		if problem := e.judge(document, nil); problem != "" {
			t.Error(problem)
		}
	}
	if _, err := expectations(map[string]any{"a": json.RawMessage("{")}); err == nil {
		t.Error("half a value is one")
	}
}

// No document and no path cause a panic.
func FuzzLookUp(f *testing.F) {
	f.Add(`{"a": [{"b.c": 1}]}`, "a.0.b.c")
	f.Add(`[[[]]]`, "0..-1")
	f.Fuzz(func(t *testing.T, text, path string) {
		document, err := decodeJSON([]byte(text))
		if err != nil {
			return
		}
		if is, ok := lookUp(document, path); ok && !sameJSON(is, is) {
			t.Errorf("%s is not itself", encodeJSON(is))
		}
	})
}
