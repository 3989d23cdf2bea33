package store

import (
	"encoding/binary"
	"fmt"
	"math/bits"

	"github.com/FastFilter/xorfilter"

	"culprit"
)

// filterGroup is the number of blocks whose filters share a row.
const filterGroup = 64

// A filterBuilder makes binary fuse filters of 8 bits: of 256 blocks that do not
// hold a token, one is looked at in vain.
type filterBuilder struct {
	fuse xorfilter.BinaryFuseBuilder
}

// append writes the filter of the keys, each of which stands in keys once: its
// size, the logarithm of its segments' length, their number, the seed, the
// fingerprints.
func (f *filterBuilder) append(dst []byte, keys []uint64) ([]byte, error) {
	if len(keys) == 0 {
		return binary.AppendUvarint(dst, 0), nil
	}
	fuse, err := xorfilter.BuildBinaryFuse[uint8](&f.fuse, keys)
	if err != nil {
		return nil, fmt.Errorf("build filter of %d keys: %w", len(keys), err)
	}
	var head []byte
	head = append(head, uint8(bits.TrailingZeros32(fuse.SegmentLength)))
	head = binary.AppendUvarint(head, uint64(fuse.SegmentCount))
	head = binary.LittleEndian.AppendUint64(head, fuse.Seed)
	dst = binary.AppendUvarint(dst, uint64(len(head)+len(fuse.Fingerprints)))
	dst = append(dst, head...)
	return append(dst, fuse.Fingerprints...), nil
}

// appendFilterOf writes the filter of a block into a row of filters.
func appendFilterOf(dst []byte, block int64, filter []byte) []byte {
	return append(binary.AppendUvarint(dst, uint64(block)), filter...)
}

// eachFilter calls yield for the filters of a row.
func eachFilter(row []byte, yield func(block int64, filter []byte) error) error {
	for len(row) > 0 {
		id, k := binary.Uvarint(row)
		if k <= 0 {
			return fmt.Errorf("read filters: %w", culprit.ErrCorrupt)
		}
		filter, rest, err := cutFilter(row[k:])
		if err != nil {
			return err
		}
		if err := yield(int64(id), filter); err != nil {
			return err
		}
		row = rest
	}
	return nil
}

// cutFilter returns the bytes of the first filter and what follows it.
func cutFilter(b []byte) (filter, rest []byte, err error) {
	n, k := binary.Uvarint(b)
	if k <= 0 || n > uint64(len(b)-k) {
		return nil, nil, fmt.Errorf("read filter: %w", culprit.ErrCorrupt)
	}
	return b[k : k+int(n)], b[k+int(n):], nil
}

// openFilter makes a filter of the bytes that cutFilter returned; nil holds
// nothing.
func openFilter(b []byte) (*xorfilter.BinaryFuse[uint8], error) {
	if len(b) == 0 {
		return nil, nil
	}
	bad := func() (*xorfilter.BinaryFuse[uint8], error) {
		return nil, fmt.Errorf("read filter: %w", culprit.ErrCorrupt)
	}
	shift := b[0]
	count, k := binary.Uvarint(b[1:])
	if shift > 18 || k <= 0 || len(b) < 1+k+8 || count == 0 || count > 1<<32 {
		return bad()
	}
	f := &xorfilter.BinaryFuse[uint8]{
		Seed:              binary.LittleEndian.Uint64(b[1+k:]),
		SegmentLength:     1 << shift,
		SegmentLengthMask: 1<<shift - 1,
		SegmentCount:      uint32(count),
		Fingerprints:      b[1+k+8:],
	}
	f.SegmentCountLength = f.SegmentCount * f.SegmentLength
	if uint64(len(f.Fingerprints)) != (count+2)<<shift {
		return bad()
	}
	return f, nil
}
