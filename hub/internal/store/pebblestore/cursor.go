package pebblestore

import "encoding/binary"

// cursor reads varints and sections from a slice. After an error it returns zeros.
type cursor struct {
	b   []byte
	bad bool
}

func (c *cursor) byte() byte {
	if len(c.b) == 0 {
		c.bad = true
		return 0
	}
	v := c.b[0]
	c.b = c.b[1:]
	return v
}

func (c *cursor) uvarint() uint64 {
	v, n := binary.Uvarint(c.b)
	if n <= 0 {
		c.bad, c.b = true, nil
		return 0
	}
	c.b = c.b[n:]
	return v
}

func (c *cursor) int(limit int) int {
	v := c.uvarint()
	if v > uint64(limit) {
		c.bad, c.b = true, nil
		return 0
	}
	return int(v)
}

// section reads a number of bytes that follow that number.
func (c *cursor) section() []byte {
	n := c.int(len(c.b))
	if n > len(c.b) {
		c.bad, c.b = true, nil
		return nil
	}
	s := c.b[:n]
	c.b = c.b[n:]
	return s
}
