package chstore

import (
	"errors"
	"flag"
	"os"
	"strings"
	"testing"

	"github.com/ClickHouse/clickhouse-go/v2/lib/proto"
)

var rewrite = flag.Bool("rewrite", false, "write the golden files anew")

// The statements that make the tables are part of what users have: they change
// on purpose only.
func TestTables(t *testing.T) {
	for name, server := range map[string]struct {
		version    proto.Version
		replicated bool
	}{
		"18.16": {proto.Version{Major: 18, Minor: 16}, false}, "18.16-cluster": {proto.Version{Major: 18, Minor: 16}, true},
		"20.3-cluster": {proto.Version{Major: 20, Minor: 3}, true}, "24.8": {proto.Version{Major: 24, Minor: 8}, false},
	} {
		f, err := featuresOf(server.version, server.replicated)
		if err != nil {
			t.Fatal(err)
		}
		if pinned := len(f.settings()) > 0; pinned != (server.version.Major > 21) {
			t.Errorf("%s has the settings %v", name, f.settings())
		}
		var b strings.Builder
		for i := range tables {
			b.WriteString(tables[i].create("kymo", f) + "\n")
			if tables[i].sql && f.replicated {
				b.WriteString(tables[i].createWhole("kymo", "main", f) + "\n")
			}
		}
		if f.replicated {
			b.WriteString(createTrusted("kymo"))
		}
		file := "testdata/tables-" + name + ".sql"
		if *rewrite {
			if err := os.WriteFile(file, []byte(b.String()), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		if want, err := os.ReadFile(file); err != nil || string(want) != b.String() {
			t.Errorf("%s differs (go test -run TestTables -rewrite), or %v; now:\n%s", file, err, b.String())
		}
	}
	if _, err := featuresOf(proto.Version{Major: 1, Minor: 1}, false); err == nil {
		t.Error("a server of 2017 will do")
	}
}

func TestPartitions(t *testing.T) {
	for text, want := range map[string]struct {
		day    string
		second int
		sql    string
	}{
		"2026-11-25":        {"2026-11-25", 0, "'2026-11-25'"},
		"('2026-11-25',2)":  {"2026-11-25", 2, "('2026-11-25',2)"},
		"('2026-11-25', 1)": {"2026-11-25", 1, "('2026-11-25', 1)"},
	} {
		p, err := parsePartition(text)
		if err != nil || p.day.Format("2006-01-02") != want.day || p.second != want.second || p.text != want.sql {
			t.Errorf("%s: %+v, %v", text, p, err)
		}
	}
	for _, text := range []string{"", "201811", "all", "2026-13-01"} {
		if p, err := parsePartition(text); err == nil {
			t.Errorf("%q is %+v", text, p)
		}
	}
}

func TestNumbers(t *testing.T) {
	for _, second := range []int64{firstSecond, 1_795_000_000, 2_600_000_000} {
		n := newNumber(second)
		if secondOf(n) != second || n < numbersFrom(second) || n >= numbersFrom(second+1) {
			t.Errorf("%d is of second %d, not %d", n, secondOf(n), second)
		}
	}
	if numbersFrom(0) != 0 || numbersFrom(1<<40) < numbersFrom(2_600_000_000) {
		t.Error("seconds out of range have no bound")
	}
}

func TestRedact(t *testing.T) {
	const got = "dropping: code: 194, message: Received from 127.0.0.1:1. DB::Exception: Password gehe/im required.  Stack trace:\n\n" +
		"0. /lib/c.so(StackTrace::StackTrace()+0x16) [0x7f3a883798a6]\n1. /lib/c.so(DB::F(std::a<char> const&)+0x1) [0x7f]\n\nand more"
	const want = "dropping: code: 194, message: Received from 127.0.0.1:1. DB::Exception: Password xxxxx required and more"
	servers := namedErrors("gehe/im")
	if text := servers.Redact(errors.New(got)).Error(); text != want {
		t.Errorf("%q, want %q", text, want)
	}
}
