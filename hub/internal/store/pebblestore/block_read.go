package pebblestore

import "github.com/kymohq/kymo/internal/wire"

// The columns of a block, in their order.
const (
	columnStart = iota
	columnSeries
	columnDuration
	columnFirstByte
	columnLifetime
	columnSize
	columnUser
	columnProcess
	columnCount
)

// blockReader decodes blocks: open splits one into columns, read decodes the start and
// the series of its rows, and pick keeps some rows and decodes all of their columns. It
// reuses its buffers.
type blockReader struct {
	columns
	// rows are valid until the next block is opened.
	rows
	first    int64    // the instant of the first row or drop
	v1       bool     // whether it has version 1
	n        int      // how many rows the block has
	list     []uint32 // its series
	sections [columnCount][]byte

	parts        byte   // that it has
	classSection []byte // the column
	traceSection []byte
	userTexts    texts
	processTexts texts
	classTexts   texts
}

// endsBefore reports whether all of a block's requests started before the instant. It
// returns false for a damaged block, whose error read returns.
func endsBefore(b []byte, instant int64) bool {
	last, ok := blockLast(b)
	return ok && last < instant
}

// blockLast returns the instant of the last row or drop of a block, unless it is damaged.
func blockLast(b []byte) (last int64, ok bool) {
	c := cursor{b: b}
	version := c.byte()
	c.int(blockLimit)
	last = int64(c.uvarint() + c.uvarint())
	return last, !c.bad && knownBlock(version)
}

func knownBlock(version byte) bool { return version >= blockVersion1 && version <= blockVersion3 }

// open splits a block into its columns, without decoding them.
func (br *blockReader) open(b []byte) error {
	br.truncate()
	c := cursor{b: b}
	version := c.byte()
	if !knownBlock(version) {
		return errBlock
	}
	br.v1 = version == blockVersion1
	br.n = c.int(blockLimit)
	br.first = int64(c.uvarint())
	c.uvarint() // the span
	br.list = br.list[:0]
	for range c.int(blockLimit) {
		br.list = append(br.list, uint32(c.uvarint()))
	}
	br.userTexts.open(c.section(), br.v1)
	br.processTexts.open(c.section(), br.v1)
	br.drops = br.drops[:0]
	for range c.int(len(b)) {
		br.drops = append(br.drops, drop{uint32(c.uvarint()), int64(c.uvarint()), c.uvarint()})
	}
	for i := range br.sections {
		br.sections[i] = c.section()
	}
	br.parts = 0
	if version >= blockVersion3 {
		br.openParts(&c)
	}
	if c.bad || len(c.b) > 0 {
		return errBlock
	}
	return nil
}

func (br *blockReader) openParts(c *cursor) {
	br.parts = c.byte()
	c.bad = c.bad || br.parts&^partsKnown != 0
	if br.parts&partClasses != 0 {
		br.classTexts.open(c.section(), false)
		br.classSection = c.section()
	}
	if br.parts&partTraces != 0 {
		br.traceSection = c.section()
	}
}

// read decodes the start and the series of every row.
func (br *blockReader) read() (err error) {
	if br.start, err = br.readPacked(br.sections[columnStart], br.n, br.start); err != nil {
		return err
	}
	at := br.first
	for i, d := range br.start {
		at += d
		br.start[i] = at
	}
	if br.series, err = readSplit(&br.columns, br.sections[columnSeries], br.n, br.series); err != nil {
		return err
	}
	for i, p := range br.series {
		if int(p) >= len(br.list) {
			return errBlock
		}
		br.series[i] = br.list[p]
	}
	return nil
}

// durations decodes the duration of every row.
func (br *blockReader) durations() (err error) {
	br.duration, err = readSplit(&br.columns, br.sections[columnDuration], br.n, br.duration)
	return err
}

// lasting returns the places of rows that took at least so long, out of the given
// places, which are sorted.
func (br *blockReader) lasting(shortest int64, places []uint32) ([]uint32, error) {
	var err error
	if br.duration, err = pickSplit(&br.columns, br.sections[columnDuration], br.n, places, br.duration); err != nil {
		return nil, err
	}
	kept := places[:0]
	for k, i := range places {
		if br.duration[k] >= shortest {
			kept = append(kept, i)
		}
	}
	return kept, nil
}

// of returns the places of the user's rows, out of the given places.
func (br *blockReader) of(user string, places []uint32) ([]uint32, error) {
	if err := br.userTexts.decode(); err != nil {
		return nil, err
	}
	id, ok := br.userTexts.find(user)
	if !ok {
		return nil, nil
	}
	var err error
	if br.user, err = readSplit(&br.columns, br.sections[columnUser], br.n, br.user); err != nil {
		return nil, err
	}
	kept := places[:0]
	for _, i := range places {
		if br.user[i] == id {
			kept = append(kept, i)
		}
	}
	return kept, nil
}

// pick keeps the rows at these places, which are sorted, and decodes all columns of
// them.
func (br *blockReader) pick(places []uint32) (err error) {
	for k, i := range places {
		br.start[k], br.series[k] = br.start[i], br.series[i]
	}
	n := len(places)
	br.start, br.series = br.start[:n], br.series[:n]
	if br.duration, err = pickSplit(&br.columns, br.sections[columnDuration], br.n, places, br.duration); err != nil {
		return err
	}
	if br.firstByte, err = pickSplit(&br.columns, br.sections[columnFirstByte], br.n, places, br.firstByte); err != nil {
		return err
	}
	for i, d := range br.firstByte {
		if d != 0 {
			br.firstByte[i] = br.duration[i] - d + 1
		}
	}
	if br.lifetime, err = pickSplit(&br.columns, br.sections[columnLifetime], br.n, places, br.lifetime); err != nil {
		return err
	}
	if br.size, err = pickSplit(&br.columns, br.sections[columnSize], br.n, places, br.size); err != nil {
		return err
	}
	if br.user, err = pickSplit(&br.columns, br.sections[columnUser], br.n, places, br.user); err != nil {
		return err
	}
	if br.users, err = br.userTexts.of(br.user, br.users); err != nil {
		return err
	}
	pickProcesses := (*columns).pickPacked
	if br.v1 {
		pickProcesses = pickSplit[uint32]
	}
	if br.process, err = pickProcesses(&br.columns, br.sections[columnProcess], br.n, places, br.process); err != nil {
		return err
	}
	if br.processes, err = br.processTexts.of(br.process, br.processes); err != nil {
		return err
	}
	return br.pickParts(places)
}

// pickParts is pick for the columns that only some blocks have.
func (br *blockReader) pickParts(places []uint32) (err error) {
	if br.parts&partClasses != 0 {
		if br.class, err = pickSplit(&br.columns, br.classSection, br.n, places, br.class); err != nil {
			return err
		}
		if br.classes, err = br.classTexts.of(br.class, br.classes); err != nil {
			return err
		}
	}
	if br.parts&partTraces == 0 {
		return nil
	}
	if br.plane, err = zstdReader.DecodeAll(br.traceSection, br.plane[:0]); err != nil || len(br.plane) != br.n*len(wire.TraceID{}) {
		return errBlock
	}
	for _, i := range places {
		br.trace = append(br.trace, wire.TraceID(br.plane[int(i)*len(wire.TraceID{}):]))
	}
	return nil
}
