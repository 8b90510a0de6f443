package pebblestore

import (
	"encoding/binary"
	"math/bits"
	"slices"
	"strings"

	"github.com/kymohq/kymo/internal/wire"
)

// The texts of a block, its users or its instances, are a list, whose places are the
// numbers in the column. A split column stores all numbers of the same bit length in the
// same number of bits. So texts are ranked by frequency, and those whose places have the
// same bit length are sorted alphabetically, so that each needs to store only what differs
// from the one before:
//
//	heads  a section, compressed: the number of texts, then for each the number of bytes
//	       that it shares with the one before it, and the number of those that follow
//	tails  compressed: the bytes that follow
//
// In version 1 a list is the number of texts, their lengths, and the texts, all compressed
// together.

// maxTexts is the size of the longest list: as many users as a block has rows, each with a
// name of the longest that are accepted.
const maxTexts = blockLimit * wire.MaxUser

// ordered are texts with the place of each in their alphabetical order.
type ordered struct {
	texts  []string
	places []uint32
}

func (o *ordered) sort(texts []string) {
	byText := make([]uint32, len(texts))
	for i := range byText {
		byText[i] = uint32(i)
	}
	slices.SortFunc(byText, func(a, b uint32) int { return strings.Compare(texts[a], texts[b]) })
	o.texts, o.places = texts, resize(o.places, len(texts))
	for place, id := range byText {
		o.places[id] = uint32(place)
	}
}

// arrange puts the ids, the most frequent first, into the order of the list of texts, and
// changes the places in ids to what they are afterwards.
func (o *ordered) arrange(ids, places []uint32) {
	type ranked struct{ order, place uint32 }
	list := make([]ranked, len(ids))
	for p, id := range ids {
		list[p] = ranked{o.places[id], uint32(p)}
	}
	moved, old := make([]uint32, len(ids)), slices.Clone(ids)
	for from := 0; from < len(ids); {
		to := min(1<<bits.Len(uint(from)), len(ids))
		slices.SortFunc(list[from:to], func(a, b ranked) int { return int(a.order) - int(b.order) })
		for p := from; p < to; p++ {
			moved[list[p].place] = uint32(p)
			ids[p] = old[list[p].place]
		}
		from = to
	}
	for i, p := range places {
		places[i] = moved[p]
	}
}

// appendTexts appends the list of the texts with these ids, and returns the place of each
// id in it.
func (w *blockWriter) appendTexts(dst []byte, o *ordered, ids []uint32) (list []byte, places []uint32) {
	distinct, places := byFrequency(ids)
	o.arrange(distinct, places)
	w.heads = binary.AppendUvarint(w.heads[:0], uint64(len(distinct)))
	w.tails = w.tails[:0]
	before := ""
	for _, id := range distinct {
		text := o.texts[id]
		shared := sharedPrefix(before, text)
		w.heads = binary.AppendUvarint(w.heads, uint64(shared))
		w.heads = binary.AppendUvarint(w.heads, uint64(len(text)-shared))
		w.tails = append(w.tails, text[shared:]...)
		before = text
	}
	w.heads = w.appendZipped(w.heads[:0], w.heads)
	w.zipped = zstdWriter.EncodeAll(w.tails, w.zipped[:0])
	dst = binary.AppendUvarint(dst, uint64(len(w.heads)+len(w.zipped)))
	return append(append(dst, w.heads...), w.zipped...), places
}

func sharedPrefix(a, b string) int {
	n := 0
	for n < len(a) && n < len(b) && a[n] == b[n] {
		n++
	}
	return n
}

// texts is a list of distinct texts of a block.
type texts struct {
	section []byte
	v1      bool
	all     string // one after the other
	ends    []int  // of each in all
	decoded bool
}

func (t *texts) open(section []byte, v1 bool) {
	t.section, t.v1, t.decoded = section, v1, false
}

func (t *texts) decode() error {
	if t.decoded {
		return nil
	}
	decode := t.decodeVersion2
	if t.v1 {
		decode = t.decodeVersion1
	}
	if err := decode(); err != nil {
		return err
	}
	t.decoded = true
	return nil
}

func (t *texts) decodeVersion2() error {
	c := cursor{b: t.section}
	heads, err := zstdReader.DecodeAll(c.section(), nil)
	if err != nil || c.bad {
		return errBlock
	}
	tails, err := zstdReader.DecodeAll(c.b, nil)
	if err != nil {
		return errBlock
	}
	c = cursor{b: heads}
	t.ends = resize(t.ends, c.int(blockLimit))
	var all strings.Builder
	before := 0 // where the text before begins
	for i := range t.ends {
		at := all.Len()
		shared, more := c.int(at-before), c.int(len(tails))
		if c.bad || at+shared+more > maxTexts {
			return errBlock
		}
		all.WriteString(all.String()[before : before+shared])
		all.Write(tails[:more])
		before, tails = at, tails[more:]
		t.ends[i] = all.Len()
	}
	if c.bad || len(c.b) > 0 || len(tails) > 0 {
		return errBlock
	}
	t.all = all.String()
	return nil
}

func (t *texts) decodeVersion1() error {
	b, err := zstdReader.DecodeAll(t.section, nil)
	if err != nil {
		return errBlock
	}
	c := cursor{b: b}
	t.ends = resize(t.ends, c.int(blockLimit))
	end := 0
	for i := range t.ends {
		end += c.int(len(b))
		t.ends[i] = end
	}
	if c.bad || end > len(c.b) {
		return errBlock
	}
	t.all = string(c.b)
	return nil
}

func (t *texts) at(i int) string {
	if i == 0 {
		return t.all[:t.ends[0]]
	}
	return t.all[t.ends[i-1]:t.ends[i]]
}

// find returns the place of a text.
func (t *texts) find(text string) (place uint32, ok bool) {
	for i := range t.ends {
		if t.at(i) == text {
			return uint32(i), true
		}
	}
	return 0, false
}

// of returns the list with at least the texts at the places filled in.
func (t *texts) of(places []uint32, list []string) ([]string, error) {
	if err := t.decode(); err != nil {
		return nil, err
	}
	list = resize(list, len(t.ends))
	for _, p := range places {
		if int(p) >= len(list) {
			return nil, errBlock
		}
		list[p] = t.at(int(p))
	}
	return list, nil
}
