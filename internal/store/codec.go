package store

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"sync"

	"github.com/klauspost/compress/s2"
	"github.com/klauspost/compress/zstd"

	"culprit"
)

// Codecs of a stored value, its first byte. Behind all but codecPlain follows the
// checksum of the rest, CRC-32C, little-endian. Text that nothing has looked through
// is for zstd. Numbers and templates are small already and are read more often than
// any text: s2 makes them a little larger than zstd, and is much faster.
const (
	codecPlain   = 0
	codecZstd    = 1
	codecResidue = 2 // of a text only: the length of its numbers as s2 has them, those, its literals as zstd has them
	codecS2      = 3
)

// sealed is the length of the codec and the checksum.
const sealed = 1 + crc32.Size

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// compressLevel is the level of blocks. Measured on nginx error lines: the next level
// saves next to nothing for 30 % more time.
const compressLevel = zstd.SpeedFastest

// A compressor writes values. It is not safe for concurrent use.
type compressor struct {
	enc *zstd.Encoder
	raw []byte // to be compressed
	s2  []byte // compressed
	out []byte // the value
}

func newCompressor() (*compressor, error) {
	enc, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(compressLevel), zstd.WithEncoderConcurrency(1), zstd.WithWindowSize(512<<10), zstd.WithSingleSegment(true), zstd.WithEncoderCRC(false))
	if err != nil {
		return nil, fmt.Errorf("make compressor: %w", err)
	}
	return &compressor{enc: enc, out: make([]byte, sealed)}, nil
}

// smallValue is the length in bytes below which a value stays as it is.
const smallValue = 128

// text returns a text, compressed unless it is small.
func (c *compressor) text(src []byte) []byte {
	if len(src) < smallValue {
		return append([]byte{codecPlain}, src...)
	}
	c.out = c.enc.EncodeAll(src, c.out[:sealed])
	return c.seal(codecZstd)
}

// columns returns the columns of the rows from to to.
func (c *compressor) columns(b *builder, from, to int) []byte {
	c.raw = b.appendColumns(c.raw[:0], from, to)
	if len(c.raw) < smallValue {
		return append([]byte{codecPlain}, c.raw...)
	}
	c.s2 = s2.Encode(c.s2[:cap(c.s2)], c.raw)
	c.out = append(c.out[:sealed], c.s2...)
	return c.seal(codecS2)
}

// residue returns a text by its residue.
func (c *compressor) residue(d *residue) []byte {
	c.raw = d.appendNumbers(c.raw[:0])
	c.s2 = s2.Encode(c.s2[:cap(c.s2)], c.raw)
	c.out = binary.AppendUvarint(c.out[:sealed], uint64(len(c.s2)))
	c.raw = d.appendLiterals(c.raw[:0])
	c.out = c.enc.EncodeAll(c.raw, append(c.out, c.s2...))
	return c.seal(codecResidue)
}

// seal returns a copy of the value with its codec and checksum.
func (c *compressor) seal(codec byte) []byte {
	c.out[0] = codec
	binary.LittleEndian.PutUint32(c.out[1:], crc32.Checksum(c.out[sealed:], castagnoli))
	return bytes.Clone(c.out)
}

// unseal returns what follows the checksum.
func unseal(stored []byte) ([]byte, error) {
	if len(stored) < sealed || binary.LittleEndian.Uint32(stored[1:]) != crc32.Checksum(stored[sealed:], castagnoli) {
		return nil, fmt.Errorf("read block: checksum: %w", culprit.ErrCorrupt)
	}
	return stored[sealed:], nil
}

// decoder is shared: DecodeAll is safe for concurrent use.
var decoder = sync.OnceValues(func() (*zstd.Decoder, error) {
	return zstd.NewReader(nil, zstd.WithDecoderConcurrency(2), zstd.WithDecoderMaxMemory(maxBlockText), zstd.WithDecoderLowmem(true))
})

// expand reads a stored value into dst, whose memory it uses if it is large enough.
func expand(dst, stored []byte) ([]byte, error) {
	if len(stored) == 0 {
		return nil, fmt.Errorf("read block: empty: %w", culprit.ErrCorrupt)
	}
	if stored[0] == codecPlain {
		return append(dst[:0], stored[1:]...), nil
	}
	value, err := unseal(stored)
	if err != nil {
		return nil, err
	}
	switch stored[0] {
	case codecZstd:
		return expandZstd(dst, value)
	case codecS2:
		return expandS2(dst, value)
	}
	return nil, fmt.Errorf("read block: codec %d: %w", stored[0], culprit.ErrCorrupt)
}

func expandZstd(dst, src []byte) ([]byte, error) {
	dec, err := decoder()
	if err != nil {
		return nil, fmt.Errorf("make decompressor: %w", err)
	}
	dst, err = dec.DecodeAll(src, dst[:0])
	if err != nil {
		return nil, fmt.Errorf("decompress block: %w: %w", culprit.ErrCorrupt, err)
	}
	return dst, nil
}

func expandS2(dst, src []byte) ([]byte, error) {
	if n, err := s2.DecodedLen(src); err != nil || n > maxBlockText {
		return nil, fmt.Errorf("decompress block: %d bytes: %w", n, culprit.ErrCorrupt)
	}
	dst, err := s2.Decode(dst[:cap(dst)], src)
	if err != nil {
		return nil, fmt.Errorf("decompress block: %w: %w", culprit.ErrCorrupt, err)
	}
	return dst, nil
}

// expand reads a stored residue.
func (d *residueReader) expand(stored []byte) error {
	value, err := unseal(stored)
	if err != nil {
		return err
	}
	r := reader{b: value}
	numbers := r.take(r.uvarint())
	if r.bad {
		return errBlock
	}
	if d.numbers, err = expandS2(d.numbers, numbers); err != nil {
		return err
	}
	d.literals, err = expandZstd(d.literals, r.b)
	return err
}
