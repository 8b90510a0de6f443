package term

import (
	"strings"
	"testing"
	"time"
)

func TestProgress(t *testing.T) {
	var out strings.Builder
	now := time.Unix(0, 0)
	p := NewProgress(&out, Screen{Terminal: true, Width: 120}, func() time.Time { return now }, "importing a.csv", 1000)
	p.Show(0, 0)
	now = now.Add(2 * time.Second)
	p.Show(5000, 250)
	now = now.Add(progressEvery / 2)
	p.Show(5001, 251) // too soon to draw
	p.Clear()
	want := "\rimporting a.csv  ░░░░░░░░░░░░░░░░░░░░░░░░   0 %  0 rows\x1b[K" +
		"\rimporting a.csv  ██████░░░░░░░░░░░░░░░░░░  25 %  5,000 rows  2,500 rows/s  ETA 6 s\x1b[K" +
		"\r\x1b[K"
	if out.String() != want {
		t.Errorf("got  %q\nwant %q", out.String(), want)
	}
}

func TestProgressOfUnknownLength(t *testing.T) {
	p := &Progress{label: "importing standard input"}
	if got, want := p.line(10, 99, time.Second), "importing standard input  10 rows  10 rows/s"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestProgressOfBytes(t *testing.T) {
	p := NewByteProgress(nil, Screen{}, time.Now, "snapshot", 4<<20)
	if got, want := p.line(1<<20, 1<<20, 2*time.Second), "snapshot  ██████░░░░░░░░░░░░░░░░░░  25 %  1.00 MiB  512 KiB/s  ETA 6 s"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestProgressFitsTheScreen(t *testing.T) {
	var out strings.Builder
	p := NewProgress(&out, Screen{Terminal: true, Width: 20}, time.Now, "importing a.csv", 1000)
	p.Show(1, 1)
	if want := "\rimporting a.csv  ░…\x1b[K"; out.String() != want {
		t.Errorf("got %q, want %q", out.String(), want)
	}
}

func TestProgressIsQuietInAFile(t *testing.T) {
	var out strings.Builder
	p := NewProgress(&out, Screen{}, time.Now, "importing a.csv", 1000)
	p.Show(1, 1)
	p.Clear()
	if out.Len() > 0 {
		t.Errorf("wrote %q", out.String())
	}
}
