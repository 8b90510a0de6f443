package pebblestore

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// The journal is a directory of segments, which are files named by their number. A
// segment holds the batches of one memory, and is removed once Pebble has made them
// durable.
//
//	magic    the 4 bytes "KYMJ"
//	version  1 byte: 1
//	valid    8 bytes, little-endian: how many bytes of the previous segment count.
//	         The bytes beyond were never acknowledged: their write or sync failed.
//	-- then, for each batch
//	size     4 bytes, little-endian, not 0
//	sum      4 bytes, little-endian: CRC-32C of what follows
//	batch    size bytes: package wire's format
//
// segment.go tells the parts of it that cannot be read apart.
const (
	journalMagic   = "KYMJ"
	journalVersion = 1
	journalHeader  = len(journalMagic) + 1 + 8
	journalSuffix  = ".journal"
	recordHeader   = 8 // size and sum
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// journal writes the newest segment. Only the committer uses it.
type journal struct {
	fs     vfs.FS
	dir    string
	number uint64   // of the newest segment
	file   vfs.File // nil if no more may be written to the segment
	valid  int64    // how many bytes of the newest segment are durable
}

func segmentName(dir string, number uint64) string {
	return path.Join(dir, fmt.Sprintf("%016x%s", number, journalSuffix))
}

// segments lists the numbers of the segments in dir, in order.
func segments(fs vfs.FS, dir string) ([]uint64, error) {
	names, err := fs.List(dir)
	if err != nil {
		return nil, err
	}
	var numbers []uint64
	for _, name := range names {
		hex, ok := strings.CutSuffix(name, journalSuffix)
		if n, err := strconv.ParseUint(hex, 16, 64); ok && err == nil {
			numbers = append(numbers, n)
		}
	}
	slices.Sort(numbers)
	return numbers, nil
}

// appendRecord appends a batch's record to b.
func appendRecord(b []byte, encode func([]byte) []byte) []byte {
	at := len(b)
	b = encode(append(b, make([]byte, recordHeader)...))
	batch := b[at+recordHeader:]
	binary.LittleEndian.PutUint32(b[at:], uint32(len(batch)))
	binary.LittleEndian.PutUint32(b[at+4:], crc32.Checksum(batch, castagnoli))
	return b
}

// write makes records durable. After an error none of them counts, and the segment is
// left for good: whether a failed sync left bytes behind, and which, cannot be known,
// so the next segment's header records where this one ends.
func (j *journal) write(records []byte) error {
	if j.file == nil {
		if err := j.rotate(); err != nil {
			return err
		}
	}
	_, err := j.file.Write(records)
	if err == nil {
		err = j.file.SyncData()
	}
	if err != nil {
		j.abandon()
		return err
	}
	j.valid += int64(len(records))
	return nil
}

// rotate starts the next segment. After an error the current one stays in use, unless
// the header of the next one, which records where this one ends, may be on the disk.
func (j *journal) rotate() error {
	name := segmentName(j.dir, j.number+1)
	header := append([]byte(journalMagic), journalVersion)
	header = binary.LittleEndian.AppendUint64(header, uint64(j.valid))
	file, err := j.fs.Create(name, "kymo-journal")
	if err != nil {
		return err
	}
	if _, err = file.Write(header); err == nil {
		err = file.Sync()
	}
	if err == nil {
		err = syncDir(j.fs, j.dir)
	}
	if err != nil {
		gone := errors.Join(j.fs.Remove(name), syncDir(j.fs, j.dir))
		if gone != nil && j.file != nil {
			j.abandon()
		}
		return errors.Join(err, file.Close(), gone)
	}
	if j.file != nil {
		// What was written to it is durable, so nothing is lost if closing fails.
		_ = j.file.Close()
	}
	j.number, j.file, j.valid = j.number+1, file, int64(len(header))
	return nil
}

func (j *journal) abandon() {
	_ = j.file.Close()
	j.file = nil
}

func (j *journal) close() error {
	if j.file == nil {
		return nil
	}
	return j.file.Close()
}

func syncDir(fs vfs.FS, dir string) error {
	d, err := fs.OpenDir(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

func readFile(fs vfs.FS, name string) ([]byte, error) {
	f, err := fs.Open(name)
	if err != nil {
		return nil, err
	}
	b, err := io.ReadAll(f)
	return b, errors.Join(err, f.Close())
}
