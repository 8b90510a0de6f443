package pebblestore

import (
	"encoding/binary"
	"errors"
	"strings"

	"github.com/kymohq/kymo/hub/internal/rollup"
	"github.com/kymohq/kymo/hub/internal/store"
)

// seriesTable numbers the series from 0, in the order of their arrival. Only the
// committer adds series, and those that were added never change, so a reader that took
// the slice under the store's lock needs no lock to read it.
//
// A service's dropped requests are counted under series of their own, one for each reason:
// see wire.Drop.Key.
type seriesTable struct {
	keys  []rollup.Key
	ids   map[rollup.Key]uint32
	saved int // this many are in Pebble
}

func newSeriesTable() *seriesTable {
	return &seriesTable{ids: make(map[rollup.Key]uint32)}
}

func (t *seriesTable) id(k rollup.Key) uint32 {
	id, ok := t.ids[k]
	if !ok {
		// The texts of a decoded batch share one string, which a series would keep alive.
		k = rollup.Key{Service: strings.Clone(k.Service), Endpoint: strings.Clone(k.Endpoint),
			Method: strings.Clone(k.Method), Status: k.Status}
		id = uint32(len(t.keys))
		t.keys = append(t.keys, k)
		t.ids[k] = id
	}
	return id
}

// isDrops reports whether the key stands for a service's dropped requests.
func isDrops(k *rollup.Key) bool { return k.Endpoint == "" }

// selects reports whether the series passes the filter.
func selects(f *store.Filter, k *rollup.Key) bool {
	if isDrops(k) {
		return f.SelectsDrops(k.Service)
	}
	return f.Selects(k)
}

// encodeSeries returns the status and the three texts, each after its length.
func encodeSeries(k *rollup.Key) []byte {
	b := binary.AppendUvarint(nil, uint64(k.Status))
	for _, s := range []string{k.Service, k.Endpoint, k.Method} {
		b = binary.AppendUvarint(b, uint64(len(s)))
		b = append(b, s...)
	}
	return b
}

var errSeries = errors.New("pebblestore: corrupt series")

func decodeSeries(b []byte) (rollup.Key, error) {
	var k rollup.Key
	status, n := binary.Uvarint(b)
	if n <= 0 {
		return k, errSeries
	}
	k.Status = int(status)
	b = b[n:]
	for _, s := range []*string{&k.Service, &k.Endpoint, &k.Method} {
		size, n := binary.Uvarint(b)
		if n <= 0 || size > uint64(len(b)-n) {
			return k, errSeries
		}
		*s = string(b[n : n+int(size)])
		b = b[n+int(size):]
	}
	if len(b) > 0 {
		return k, errSeries
	}
	return k, nil
}
