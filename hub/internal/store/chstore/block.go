package chstore

import (
	"cmp"
	"hash/fnv"
	"math"
	"slices"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"github.com/kymohq/kymo/hub/internal/rollup"
	"github.com/kymohq/kymo/internal/hist"
	"github.com/kymohq/kymo/internal/wire"
)

// spanMillis is the length of the shortest span with sums, and of that by which
// requests are ordered.
const spanMillis = int64(rollup.FiveMinutes)

// noBucket is the bucket of a duration of 0, which has none.
const noBucket = math.MinInt16

// lastSecond is the last second that DateTime can hold, in the year 2106. What is later
// is counted there; the hub accepts nothing so far in the future.
const lastSecond = math.MaxUint32

// block is what a group writes to a shard.
type block struct {
	requests requestColumns
	rollups  rollupColumns
}

// requestColumns are rows of api_metrics.
type requestColumns struct {
	endpoint, method, service           []string
	instance, version, class, trace     []string
	millis, status                      []int32
	user                                []*string
	start                               []time.Time
	startMillis                         []uint16
	duration, firstByte, lifetime, size []int64
	bucket                              []int16
	span, row                           []uint32
	day                                 []time.Time
	group                               []uint64
}

// rollupColumns are rows of kymo_rollups.
type rollupColumns struct {
	tier, level                      []uint8
	day                              []time.Time
	span                             []uint32
	service, endpoint, method        []string
	status                           []int32
	group, piece                     []uint64
	requests, zeros, sumHigh, sumLow []uint64
	least, most                      []int64
	index                            [][]int16
	counts                           [][]uint64
}

// request identifies a request of a group by its position.
type request struct {
	order uint64 // by shard, span and series
	start int64
	batch *wire.Batch
	row   int
}

const (
	spanBits   = 32
	seriesBits = 22
)

// blocks makes the blocks of a group, one for each shard.
func (s *Store) blocks(number uint64, fresh []*wire.Batch) []block {
	blocks := make([]block, len(s.shards))
	series := orderOf(fresh)
	var all []request
	for _, b := range fresh {
		places := make([]uint64, len(b.Keys))
		for i, k := range b.Keys {
			places[i] = uint64(shardOf(&k, len(s.shards)))<<(spanBits+seriesBits) | uint64(series[k])
		}
		for i, start := range b.Start {
			start = clamp(start)
			all = append(all, request{places[b.Key[i]] | uint64(start/spanMillis)<<seriesBits, start, b, i})
		}
	}
	slices.SortFunc(all, func(a, b request) int {
		return cmp.Or(cmp.Compare(a.order, b.order), cmp.Compare(a.start, b.start))
	})
	var h hist.Histogram
	for i := range all {
		r := &all[i]
		b := &blocks[r.order>>(spanBits+seriesBits)]
		b.requests.add(r, number)
		h.Record(r.batch.Duration[r.row])
		if i == len(all)-1 || all[i+1].order != r.order {
			b.rollups.add(r, &h, number)
			h.Reset()
		}
	}
	return blocks
}

func clamp(start int64) int64 { return min(max(start, 0), lastSecond*1000+999) }

// orderOf numbers the series of batches in their order.
func orderOf(batches []*wire.Batch) map[wire.Key]int {
	series := make(map[wire.Key]int)
	for _, b := range batches {
		for _, k := range b.Keys {
			series[k] = 0
		}
	}
	keys := make([]wire.Key, 0, len(series))
	for k := range series {
		keys = append(keys, k)
	}
	slices.SortFunc(keys, func(a, b wire.Key) int { return rollup.CompareKeys(&a, &b) })
	for i, k := range keys {
		series[k] = i
	}
	return series
}

// shardOf returns the shard of an endpoint's requests. The sums of a series are added
// up within one shard.
func shardOf(k *wire.Key, shards int) int {
	h := fnv.New64a()
	_, _ = h.Write([]byte(k.Service)) // it cannot fail
	_, _ = h.Write([]byte{0})
	_, _ = h.Write([]byte(k.Endpoint))
	return int(h.Sum64() % uint64(shards))
}

func (c *requestColumns) add(r *request, number uint64) {
	b, i := r.batch, r.row
	k := &b.Keys[b.Key[i]]
	var user *string
	if u := b.Users[b.User[i]]; u != "" {
		user = &u
	}
	bucket := int16(noBucket)
	if d := b.Duration[i]; d > 0 {
		bucket = int16(hist.Index(d))
	}
	c.endpoint, c.method = append(c.endpoint, k.Endpoint), append(c.method, k.Method)
	process, class, trace := b.ProcessOf(0), "", ""
	if len(b.Processes) > 0 {
		process = b.ProcessOf(b.Process[i])
	}
	if len(b.Error) > 0 {
		class = b.Errors[b.Error[i]]
	}
	if len(b.Traces) > 0 {
		trace = b.Traces[i].String()
	}
	c.service, c.instance, c.version = append(c.service, k.Service), append(c.instance, process.Instance), append(c.version, process.Version)
	c.class, c.trace = append(c.class, class), append(c.trace, trace)
	c.millis = append(c.millis, int32(time.Duration(b.Duration[i]).Round(time.Millisecond)/time.Millisecond))
	c.status, c.user = append(c.status, int32(k.Status)), append(c.user, user)
	c.start, c.startMillis = append(c.start, time.UnixMilli(r.start).UTC()), append(c.startMillis, uint16(r.start%1000))
	c.duration, c.firstByte = append(c.duration, b.Duration[i]), append(c.firstByte, b.FirstByte[i])
	c.lifetime, c.size = append(c.lifetime, b.Lifetime[i]), append(c.size, b.Size[i])
	c.bucket, c.span = append(c.bucket, bucket), append(c.span, uint32(r.start/spanMillis))
	c.day, c.group = append(c.day, dayOf(secondOf(number))), append(c.group, number)
	c.row = append(c.row, uint32(len(c.row)))
}

func (c *requestColumns) fill(b driver.Batch) error {
	return fillColumns(b, c.endpoint, c.method, c.millis, c.status, c.user, c.start, c.startMillis, c.service, c.duration, c.firstByte,
		c.lifetime, c.size, c.instance, c.bucket, c.span, c.day, c.group, c.row, c.version, c.class, c.trace)
}

func (c *rollupColumns) add(r *request, h *hist.Histogram, number uint64) {
	k := &r.batch.Keys[r.batch.Key[r.row]]
	var p hist.Parts
	h.AppendParts(&p) // what was recorded value by value has parts
	c.tier, c.level = append(c.tier, tierGroups), append(c.level, level5m)
	c.day, c.span = append(c.day, dayOf(secondOf(number))), append(c.span, uint32(r.start/spanMillis))
	c.service, c.endpoint = append(c.service, k.Service), append(c.endpoint, k.Endpoint)
	c.method, c.status = append(c.method, k.Method), append(c.status, int32(k.Status))
	c.group, c.piece = append(c.group, number), append(c.piece, 0)
	c.requests, c.zeros = append(c.requests, p.Count), append(c.zeros, p.Zeros)
	c.sumHigh, c.sumLow = append(c.sumHigh, p.SumHigh), append(c.sumLow, p.SumLow)
	c.least, c.most = append(c.least, p.Min), append(c.most, p.Max)
	c.index, c.counts = append(c.index, p.Index), append(c.counts, p.Counts)
}

func (c *rollupColumns) fill(b driver.Batch) error {
	return fillColumns(b, c.tier, c.day, c.group, c.level, c.span, c.service, c.endpoint, c.method, c.status, c.piece,
		c.requests, c.zeros, c.sumHigh, c.sumLow, c.least, c.most, c.index, c.counts)
}

// fillColumns gives a block its columns, in the order of the insert.
func fillColumns(b driver.Batch, columns ...any) error {
	for i, values := range columns {
		if err := b.Column(i).Append(values); err != nil {
			return err
		}
	}
	return nil
}
