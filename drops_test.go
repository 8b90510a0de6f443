package kymo

import (
	"testing"
	"time"
)

func TestDropsRememberWhen(t *testing.T) {
	d := drops{service: "test"}
	base := time.Date(2026, 1, 1, 0, 0, 3, 0, time.UTC)
	d.add(base, 0)
	d.add(base, 1)
	d.add(base.Add(time.Second), 2)
	d.add(base.Add(dropSpan), 4)
	taken := d.take()
	if len(taken) != 2 || taken[0].Count != 3 || taken[1].Count != 4 || d.take() != nil {
		t.Errorf("got %+v", taken)
	}
	for i := range 2 * maxDropSpans {
		d.add(base.Add(time.Duration(i+1)*dropSpan), 1)
	}
	d.restore(taken)
	total := uint64(0)
	for _, span := range d.spans {
		total += span.Count
	}
	if len(d.spans) != maxDropSpans || total != 2*maxDropSpans+7 {
		t.Errorf("%d spans, %d drops", len(d.spans), total)
	}
}
