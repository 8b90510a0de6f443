package pebblestore

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"math/bits"
	"strings"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
)

// checkedFile is one of Pebble's tables, whose blocks are verified as they are read.
// Pebble verifies them, too, but of a damaged block it then searches for the bit that was
// flipped, which takes a minute of the processor for each read of a large one.
type checkedFile struct {
	vfs.File
	name string
}

const (
	tableSuffix = ".sst"
	// longestFooter is the size of the longest read of a table that is not a block.
	longestFooter = 64
	crcMask       = 0xa282ead8
)

// checked returns the file, checked if it is a table.
func checked(file vfs.File, name string, err error) (vfs.File, error) {
	if err != nil || !strings.HasSuffix(name, tableSuffix) {
		return file, err
	}
	return &checkedFile{file, name}, nil
}

// ReadAt reads a block and its trailer: a byte that tells how it is compressed, and
// the masked CRC-32C of both, little-endian.
func (f *checkedFile) ReadAt(b []byte, at int64) (int, error) {
	n, err := f.File.ReadAt(b, at)
	if err != nil || n <= longestFooter {
		return n, err
	}
	sum := crc32.Checksum(b[:n-4], castagnoli)
	if bits.RotateLeft32(sum, -15)+crcMask != binary.LittleEndian.Uint32(b[n-4:]) {
		return n, fmt.Errorf("%s: %d bytes at %d do not have their checksum (%w)", f.name, n, at, pebble.ErrCorruption)
	}
	return n, nil
}
