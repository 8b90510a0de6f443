package pebblestore

import (
	"bytes"
	"context"
	"errors"
	"io"
	"iter"
	"slices"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/sstable"
	"github.com/cockroachdb/pebble/v2/vfs"
)

// table is one of Pebble's files, read without the database, which knows of damage only
// that the file has some.
type table struct {
	reader *sstable.Reader

	// strict takes only what was read and is wrong for damage. An error of the disk, which
	// may pass, is an error then. For a repair everything that cannot be read is damaged.
	strict bool
}

// hole is a range of keys that a table cannot read, between the last one before the
// damage, which it can read, and the first one after it. At an end of the table there is
// none.
type hole struct{ last, next []byte }

// entry is a key of a table with its value, valid until the next one is read.
type entry struct {
	kind       pebble.InternalKeyKind
	key, value []byte
	sequence   uint64 // of what is stored under a key, the entry with the highest counts
}

// openTable opens a file. If that fails, nothing in it can be read.
func openTable(fs vfs.FS, name string) (table, error) {
	file, err := fs.Open(name)
	if file, err = checked(file, name, err); err != nil {
		return table{}, err
	}
	readable, err := sstable.NewSimpleReadable(file)
	if err != nil {
		return table{}, errors.Join(err, file.Close())
	}
	reader, err := sstable.NewReader(context.Background(), readable, tableOptions().MakeReaderOptions())
	if err != nil {
		return table{}, errors.Join(err, readable.Close())
	}
	return table{reader: reader}, nil
}

// tableOptions returns what tables are read and written with.
func tableOptions() *pebble.Options {
	o := &pebble.Options{Merger: pageMerger, FormatMajorVersion: pebble.FormatNewest, Logger: silent{}}
	o.EnsureDefaults()
	return o
}

// silent is a logger that discards everything. Nothing that it is given to is fatal.
type silent struct{}

func (silent) Infof(string, ...any)  {}
func (silent) Errorf(string, ...any) {}
func (silent) Fatalf(string, ...any) {}

func (t table) close() { _ = t.reader.Close() }

// scan calls visit with each key of the table in [from, end) that can be read, in order,
// and returns where some cannot. An error is that of visit, or of the disk.
func (t table) scan(from, end []byte, visit func(entry) error) (holes []hole, err error) {
	var last []byte
	for next := from; ; {
		var damaged bool
		last, damaged, err = t.run(next, end, last, visit)
		if err != nil || !damaged {
			return holes, err
		}
		h := hole{last: bytes.Clone(last)}
		begin := last
		if bytes.Compare(last, next) < 0 {
			begin = next
		}
		if h.next, err = t.beyond(begin, end); err != nil {
			return holes, err
		}
		holes = append(holes, h)
		if h.next == nil {
			return holes, nil
		}
		next = h.next
	}
}

// run is scan up to the first damage. It returns the last key before that.
func (t table) run(from, end, last []byte, visit func(entry) error) (_ []byte, damaged bool, err error) {
	it, err := t.iterate(end)
	if err != nil {
		return last, true, t.fatal(err)
	}
	defer it.Close()
	for kv := it.SeekGE(from, 0); kv != nil; kv = it.Next() {
		value, _, err := kv.Value(nil)
		if err != nil {
			return last, true, t.fatal(err)
		}
		last = append(last[:0], kv.K.UserKey...)
		if err := visit(entry{kv.Kind(), last, value, uint64(kv.SeqNum())}); err != nil {
			return last, false, err
		}
	}
	err = it.Error()
	return last, err != nil, t.fatal(err)
}

// fatal returns an error that does not tell of damage, or nil.
func (t table) fatal(err error) error {
	if !t.strict || isDamage(err) {
		return nil
	}
	return err
}

// isDamage reports whether an error tells that what was read is wrong, or ends too early.
func isDamage(err error) bool {
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || pebble.IsCorruptionError(err)
}

// iterate returns an iterator up to end. Each seek has one of its own, since an iterator
// that met damage may remember it.
func (t table) iterate(end []byte) (sstable.Iterator, error) {
	return t.reader.NewIter(sstable.NoTransforms, nil, end, sstable.AssertNoBlobHandles)
}

// beyond returns the first key that can be read after the damage that begins behind a
// key, or nil if there is none before the end.
func (t table) beyond(key, end []byte) ([]byte, error) {
	for candidate := range successors(key) {
		if end != nil && bytes.Compare(candidate, end) >= 0 {
			break
		}
		found, err := t.first(candidate, end)
		if t.fatal(err) != nil {
			return nil, err
		}
		if err != nil {
			continue
		}
		if found == nil {
			break
		}
		return t.back(key, found, end)
	}
	return t.back(key, nil, end)
}

// first returns the first key from the given one on, or nil if there is none.
func (t table) first(from, end []byte) ([]byte, error) {
	it, err := t.iterate(end)
	if err != nil {
		return nil, err
	}
	defer it.Close()
	kv := it.SeekGE(from, 0)
	if kv == nil {
		return nil, it.Error()
	}
	return bytes.Clone(kv.K.UserKey), nil
}

// back returns the first key behind the damage that begins behind a key, going backwards
// from one that is behind it, or from the end of the table.
func (t table) back(key, from, end []byte) ([]byte, error) {
	it, err := t.iterate(nil)
	if err != nil {
		return from, t.fatal(err)
	}
	defer it.Close()
	first := bytes.Clone(from)
	if from == nil {
		from = end
	}
	kv := it.Last()
	if from != nil {
		kv = it.SeekLT(from, 0)
	}
	for ; kv != nil && bytes.Compare(kv.K.UserKey, key) > 0; kv = it.Prev() {
		first = append(first[:0], kv.K.UserKey...)
	}
	return first, t.fatal(it.Error())
}

// successors yields keys behind a key, nearer ones first: its last byte raised by 1, 2,
// 4…, then the one before it, and so on.
func successors(key []byte) iter.Seq[[]byte] {
	return func(yield func([]byte) bool) {
		for i := range slices.Backward(key) {
			for step := 1; int(key[i])+step <= 0xff; step *= 2 {
				if !yield(append(bytes.Clone(key[:i]), key[i]+byte(step))) {
					return
				}
			}
		}
	}
}
