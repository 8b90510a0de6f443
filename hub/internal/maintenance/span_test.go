package maintenance

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/kymohq/kymo/internal/wire"
)

func TestConcerns(t *testing.T) {
	all := []string{"database", "shop", "shop/database", "a/b", "a/b/c"}
	for _, test := range []struct {
		where Where
		want  []string
	}{
		{Where{}, all},
		{Where{Service: "shop"}, []string{"shop", "shop/database"}},
		{Where{Check: "database"}, []string{"database", "shop/database"}},
		{Where{Service: "shop", Check: "database"}, []string{"shop/database"}},
		{Where{Service: "a/b"}, []string{"a/b", "a/b/c"}},
		{Where{Service: "a/b", Check: "c"}, []string{"a/b/c"}},
		{Where{Service: "sho"}, nil},
	} {
		var got []string
		for _, name := range all {
			if test.where.Concerns(Named(name)) {
				got = append(got, name)
			}
		}
		if !slices.Equal(got, test.want) {
			t.Errorf("%+v: got %q, want %q", test.where, got, test.want)
		}
	}
}

// The merged spans are compared with an oracle that considers each millisecond.
func TestMergeEqualsTheOracle(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 5))
	for range 3000 {
		var spans []Span
		for i := range r.IntN(8) {
			from := r.Int64N(100)
			s := Span{Name: fmt.Sprint("w", i), From: from, To: from + r.Int64N(40)}
			if r.IntN(3) == 0 {
				s.Where.Service = "shop"
			}
			spans = append(spans, s)
		}
		from := r.Int64N(60)
		to := from + r.Int64N(80)
		names := make([]string, 200)
		for at := from; at < to; at++ {
			for _, s := range spans {
				if s.Where.Service == "" && s.From <= at && at < s.To {
					names[at] = "some"
				}
			}
		}
		got := make([]string, 200)
		merged := Merge(spans, Named("database"), from, to)
		for i, s := range merged {
			if s.From >= s.To || i > 0 && s.From < merged[i-1].To {
				t.Fatalf("of %+v: %+v", spans, merged)
			}
			whole := slices.IndexFunc(spans, func(w Span) bool { return w.Name == s.Name && w.From <= s.From && s.To <= w.To })
			if whole < 0 {
				t.Fatalf("of %+v: %+v is none", spans, s)
			}
			for at := s.From; at < s.To; at++ {
				got[at] = "some"
			}
		}
		if !slices.Equal(got, names) {
			t.Fatalf("of %+v from %d to %d: %+v", spans, from, to, merged)
		}
	}
	first := Merge([]Span{{"b", Where{}, 10, 30}, {"a", Where{}, 20, 40}, {"b", Where{}, 30, 35}}, Named("x"), 0, 100)
	if fmt.Sprint(first) != "[{b { } 10 30} {a { } 30 40}]" {
		t.Errorf("got %+v", first)
	}
	parts := Merge([]Span{{"b", Where{}, 20, 30}, {"b", Where{}, 10, 20}, {"b", Where{}, 10, 15}}, Named("x"), 0, 100)
	if fmt.Sprint(parts) != "[{b { } 10 30}]" {
		t.Errorf("parts of one: got %+v", parts)
	}
}

func TestRowsAreSpans(t *testing.T) {
	want := Span{`a "name"`, Where{"shop", "stock"}, 5, 9}
	row := want.Row(5, 9)
	if got, ok := OfRow(&row); !ok || got != want {
		t.Errorf("got %+v", got)
	}
	for _, row := range []wire.HealthResult{{Check: "other", Details: row.Details}, {Service: "s", Check: Series, Details: row.Details}, {Check: Series}, {Check: Series, Details: "{}"}} {
		if got, ok := OfRow(&row); ok {
			t.Errorf("%+v has %+v", row, got)
		}
	}
}
