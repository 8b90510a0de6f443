package storecopy

import (
	"bytes"
	"cmp"
	"iter"
	"slices"
	"strings"

	"github.com/kymohq/kymo/hub/internal/store"
)

// inOrder calls f with records that come by instant, and sorts those of one
// instant, which are all that it holds.
func inOrder[R any](records iter.Seq2[*R, error], instant func(*R) int64, compare func(a, b *R) int, f func(*R) error) error {
	var equal []R
	var order []*R
	flush := func() error {
		for i := range equal {
			order = append(order, &equal[i])
		}
		slices.SortFunc(order, compare)
		for _, r := range order {
			if err := f(r); err != nil {
				return err
			}
		}
		equal, order = equal[:0], order[:0]
		return nil
	}
	for r, err := range records {
		if err != nil {
			return err
		}
		if len(equal) > 0 && instant(&equal[0]) != instant(r) {
			if err := flush(); err != nil {
				return err
			}
		}
		equal = append(equal, *r)
	}
	return flush()
}

// compareRequests orders requests of one start. Those of several instances go
// into several batches, so they need no order.
func compareRequests(a, b *store.Record) int {
	return cmp.Or(
		cmp.Compare(a.Duration, b.Duration),
		cmp.Compare(a.Size, b.Size),
		cmp.Compare(a.FirstByte, b.FirstByte),
		cmp.Compare(a.Lifetime, b.Lifetime),
		cmp.Compare(a.Status, b.Status),
		strings.Compare(a.User, b.User),
		strings.Compare(a.Endpoint, b.Endpoint),
		strings.Compare(a.Method, b.Method),
		strings.Compare(a.Service, b.Service),
		strings.Compare(a.Version, b.Version),
		strings.Compare(a.Error, b.Error),
		bytes.Compare(a.Trace[:], b.Trace[:]),
	)
}

func compareHealth(a, b *store.HealthRecord) int {
	return cmp.Or(
		strings.Compare(a.Service, b.Service),
		strings.Compare(a.Check, b.Check),
		cmp.Compare(a.To, b.To),
		cmp.Compare(a.Status, b.Status),
		compareBools(a.Flapping, b.Flapping),
		compareBools(a.Critical, b.Critical),
		cmp.Compare(a.Failures, b.Failures),
		strings.Compare(a.Reason, b.Reason),
		strings.Compare(a.Details, b.Details),
		bytes.Compare(a.Latency.AppendBinary(nil), b.Latency.AppendBinary(nil)),
	)
}

func compareBools(a, b bool) int {
	switch {
	case a == b:
		return 0
	case b:
		return -1
	}
	return 1
}
