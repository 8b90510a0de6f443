package e2e

import (
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"io"
	"testing"
)

// Bodies that are too large, or would be, are refused before they take much memory.
func TestBombs(t *testing.T) {
	h := startHub(t, t.TempDir())
	huge := make([]byte, 300<<20)
	announced := func() io.Reader { return bytes.NewReader(huge) }
	streamed := func() io.Reader { return io.MultiReader(announced()) } // Its length is unknown.
	h.mustRefuse(t, []badBody{
		{"300 MB, announced", requestsPath, asJSON, announced(), 413, "body"},
		{"300 MB, as a stream", requestsPath, asJSON, streamed(), 413, "body"},
		{"300 MB batch", batchesPath, asBatch, streamed(), 413, "body"},
		{"gzip bomb", requestsPath, append(asJSON, "Content-Encoding", "gzip"), gzipBomb(t), 413, "body"},
		{"zstd bomb", requestsPath, append(asJSON, "Content-Encoding", "zstd"), zstdBomb(), 413, "body"},
		{"gzip bomb batch", batchesPath, append(asBatch, "Content-Encoding", "gzip"), gzipBomb(t), 413, "body"},
		{"zstd bomb batch", batchesPath, append(asBatch, "Content-Encoding", "zstd"), zstdBomb(), 413, "body"},
	})
	if peak := h.memory(t, "VmHWM"); peak > mostMemory {
		t.Errorf("the hub took %d MB", peak>>20)
	}
}

// bombSize is the decompressed size of the bombs, which is more than a body, and the hub's
// memory, may have.
const bombSize = 512 << 20

// gzipBomb is half a gigabyte of spaces in half a megabyte.
func gzipBomb(t *testing.T) io.Reader {
	t.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	spaces := bytes.Repeat([]byte{' '}, 1<<20)
	for range bombSize / len(spaces) {
		if _, err := w.Write(spaces); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return &b
}

// zstdBomb is half a gigabyte of spaces in 16 kB: a frame of blocks that each repeat one
// byte (RFC 8878, 3.1.1).
func zstdBomb() io.Reader {
	const (
		block  = 128 << 10
		rle    = 1 << 1
		window = 0x58 // 2 MiB
	)
	b := binary.LittleEndian.AppendUint32(nil, 0xFD2FB528)
	b = append(b, 0, window)
	for range bombSize / block {
		b = append(b, rle|block<<3&0xff, block<<3>>8&0xff, block<<3>>16, ' ')
	}
	return bytes.NewReader(append(b, 1, 0, 0)) // the last block, empty
}
