package ingest

import (
	"bytes"
	"encoding/binary"
	"io"
	"os"
)

// fingerprintOf sets the digests of the checkpoint from a file.
func (s *fileStream) fingerprintOf(file *os.File) {
	if cod := codingAt(file); cod != codingNone {
		s.cp.Head = digestOf(unpackedHead(file, cod))
		return
	}
	if d, err := headOf(file, min(s.cp.Offset, headSize)); err == nil {
		s.cp.Head = d
	}
	if d, err := guardOf(file, s.cp.Offset, min(s.cp.Offset, guardSize)); err == nil {
		s.cp.Guard = d
	}
}

// maxPartial bounds the line without an end that tail may hold in memory.
const maxPartial = 1 << 20

// newlineWithin reports whether there is a newline in n bytes from a position on.
func newlineWithin(f io.ReaderAt, off, n int64) bool {
	b := make([]byte, n)
	k, _ := f.ReadAt(b, off)
	return bytes.IndexByte(b[:k], '\n') >= 0
}

// complete reports whether a file has one whole line, or enough to be recognized by.
func complete(f io.ReaderAt, size int64) bool {
	return size >= headSize || newlineWithin(f, 0, min(size, headSize))
}

// codingAt returns how an open file is packed.
func codingAt(f *os.File) coding {
	var b [16]byte
	n, _ := f.ReadAt(b[:], 0)
	return codingOf(b[:n])
}

// timed reports whether the beginning of a file holds a date, so that other
// files do not hold the same by chance.
func timed(f io.ReaderAt) bool {
	b := make([]byte, 4096)
	n, _ := f.ReadAt(b, 0)
	return hasDate.Match(b[:n])
}

// sameBeginning reports whether two files hold the same up to a position.
func sameBeginning(a, b io.ReaderAt, n int64) bool {
	x, err := headOf(a, n)
	if err != nil {
		return false
	}
	y, err := headOf(b, n)
	return err == nil && x == y
}

// sameEnd reports whether two files hold the same before a position.
func sameEnd(a, b io.ReaderAt, off int64) bool {
	n := min(off, guardSize)
	x, err := guardOf(a, off, n)
	if err != nil {
		return false
	}
	y, err := guardOf(b, off, n)
	return err == nil && x == y
}

// isPacked says from its name whether a file is packed.
func isPacked(path string) bool { return unpackedName(path) != path }

// unpackedHead returns the beginning of what a packed file holds.
func unpackedHead(f *os.File, cod coding) []byte {
	z, err := cod.decode(io.NewSectionReader(f, 0, 1<<62), defaultStreamBytes)
	if err != nil {
		return nil
	}
	defer z.Close()
	b, _ := readHead(z, headSize)
	return b
}

// unpackedSize returns the size modulo 2^32 that stands at the end of a gzip
// file of one member.
func unpackedSize(f io.ReaderAt, size int64) uint32 {
	var b [4]byte
	if _, err := f.ReadAt(b[:], size-4); err != nil {
		return 0
	}
	return binary.LittleEndian.Uint32(b[:])
}

// unpackedBegins reports whether a packed file has the beginning of a checkpoint.
func unpackedBegins(f *os.File, cod coding, c *checkpoint) bool {
	b := unpackedHead(f, cod)
	return len(b) >= c.Head.Len && c.Head.Len > 0 && digestOf(b[:c.Head.Len]) == c.Head
}

// unpackedHolds reports whether a packed file holds all that a checkpoint says
// was read.
func unpackedHolds(f *os.File, cod coding, c *checkpoint) bool {
	if !unpackedBegins(f, cod, c) {
		return false
	}
	z, err := cod.decode(io.NewSectionReader(f, 0, 1<<62), defaultStreamBytes)
	if err != nil {
		return false
	}
	defer z.Close()
	n := int64(c.Guard.Len)
	if n == 0 || n > c.Offset {
		return false
	}
	if _, err := io.CopyN(io.Discard, z, c.Offset-n); err != nil {
		return false
	}
	b := make([]byte, n)
	_, err = io.ReadFull(z, b)
	return err == nil && digestOf(b) == c.Guard
}
