package store

import (
	"encoding/binary"
	"math/bits"
)

// maxSegments is the number of segments into which the text of a record is cut: at
// the ends of its values, the rest being the last one.
const maxSegments = 32

// A residue is the text of a block without what its records have in common. The
// first record of each template stands in it whole, with its cuts: it is the model
// of those that follow. Of these it has the segments in which they differ from the
// model: how much of the segment is the model's nevertheless, and then the literal
// up to the next cut. What records have at one place stands together, so that like
// follows like. Written in two parts, the first of what is small or comes again, with
// numbers as varints:
//
//	lengths of control and whole, number of columns, then for each the lengths of its
//	numbers and of its literals;
//	control, for each record: of a model the length of its text, the number of cuts,
//	the distance of each from the one before; of another the segments that
//	differ, as bits;
//	whole, the texts of the models;
//	the numbers of each column: the prefix from where the segment begins in the
//	model, signed, for the segment before may have been cut elsewhere; the length
//	of the literal, four times, plus 1 to 3 if it is what ends at the end of the last,
//	last but one, ... literal of the record, and does not stand here;
//
// and then the literals of each column.
type residue struct {
	control, whole []byte
	columns        [maxSegments]residueColumn
	used           int // columns
}

type residueColumn struct{ numbers, literals []byte }

// maxEchoes is the number of literals before among which a literal is looked for;
// minEcho is how long it has to be.
const (
	maxEchoes = 3
	minEcho   = 4
)

func (d *residue) reset() {
	d.control, d.whole = d.control[:0], d.whole[:0]
	for i := range d.columns[:d.used] {
		c := &d.columns[i]
		c.numbers, c.literals = c.numbers[:0], c.literals[:0]
	}
	d.used = 0
}

// model adds a record that is the first of its template. Cuts are offsets in a text
// in which its own begins at start.
func (d *residue) model(text []byte, start int, cuts []int32) {
	d.control = binary.AppendUvarint(d.control, uint64(len(text)))
	d.control = binary.AppendUvarint(d.control, uint64(len(cuts)))
	for _, c := range cuts {
		d.control = binary.AppendUvarint(d.control, uint64(int(c)-start))
		start = int(c)
	}
	d.whole = append(d.whole, text...)
}

// literal adds the segment of a record that differs from the model's.
func (d *residue) literal(segment, prefix, echo int, literal []byte) {
	if segment >= d.used {
		d.used = segment + 1
	}
	c := &d.columns[segment]
	c.numbers = binary.AppendVarint(c.numbers, int64(prefix))
	c.numbers = binary.AppendUvarint(c.numbers, uint64(len(literal)*(maxEchoes+1)+echo))
	if echo == 0 {
		c.literals = append(c.literals, literal...)
	}
}

// differ ends a record by the bits of its segments that differ.
func (d *residue) differ(segments uint32) {
	d.control = binary.AppendUvarint(d.control, uint64(segments))
}

// appendNumbers writes all but the literals.
func (d *residue) appendNumbers(dst []byte) []byte {
	dst = binary.AppendUvarint(dst, uint64(len(d.control)))
	dst = binary.AppendUvarint(dst, uint64(len(d.whole)))
	dst = binary.AppendUvarint(dst, uint64(d.used))
	for i := range d.columns[:d.used] {
		dst = binary.AppendUvarint(dst, uint64(len(d.columns[i].numbers)))
		dst = binary.AppendUvarint(dst, uint64(len(d.columns[i].literals)))
	}
	dst = append(dst, d.control...)
	dst = append(dst, d.whole...)
	for i := range d.columns[:d.used] {
		dst = append(dst, d.columns[i].numbers...)
	}
	return dst
}

func (d *residue) appendLiterals(dst []byte) []byte {
	for i := range d.columns[:d.used] {
		dst = append(dst, d.columns[i].literals...)
	}
	return dst
}

// A residueModel is a model as it is read.
type residueModel struct {
	known    bool
	from, to int // in the text of the block
	cuts     int // first one in the arena
	count    int
}

// A residueReader makes the text of a block of its residue. Its memory is used
// again.
type residueReader struct {
	numbers, literals []byte         // the two parts
	models            []residueModel // by template
	cuts              []int          // arena, from the beginning of the model's text
}

// read appends the text of rows, of which it needs the templates, to dst: one
// record after another with a newline between.
func (d *residueReader) read(dst []byte, rows []row, templates int) ([]byte, error) {
	head, tail := reader{b: d.numbers}, reader{b: d.literals}
	lengths := [2 + maxSegments]uint64{head.uvarint(), head.uvarint()}
	columns := head.count()
	if columns > maxSegments {
		return dst, errBlock
	}
	var numbers, literals [maxSegments]reader
	for i := range columns {
		lengths[2+i] = head.uvarint()
		literals[i].b = tail.take(head.uvarint())
	}
	control, whole := reader{b: head.take(lengths[0])}, reader{b: head.take(lengths[1])}
	for i := range columns {
		numbers[i].b = head.take(lengths[2+i])
	}
	if head.bad || tail.bad || len(head.b)+len(tail.b) > 0 {
		return dst, errBlock
	}
	d.models = append(d.models[:0], make([]residueModel, templates)...)
	d.cuts = d.cuts[:0]
	for i := range rows {
		if i > 0 {
			dst = append(dst, '\n')
		}
		start := len(dst)
		m := &d.models[rows[i].template]
		if !m.known {
			text := whole.take(control.uvarint())
			*m = residueModel{known: true, from: start, to: start + len(text), cuts: len(d.cuts), count: control.count()}
			at := uint64(0)
			for range m.count {
				if at += control.uvarint(); at > uint64(len(text)) {
					return dst, errBlock
				}
				d.cuts = append(d.cuts, int(at))
			}
			if control.bad || whole.bad || m.count >= maxSegments {
				return dst, errBlock
			}
			dst = append(dst, text...)
			continue
		}
		cuts := d.cuts[m.cuts : m.cuts+m.count]
		like := 0 // what of the model is done with
		echoes := [maxEchoes]int{start, start, start}
		segments := control.uvarint()
		if segments >= 1<<uint(columns) {
			return dst, errBlock
		}
		for ; segments != 0; segments &= segments - 1 {
			k := bits.TrailingZeros64(segments)
			if k > m.count {
				return dst, errBlock
			}
			begin, end := 0, m.to-m.from
			if k > 0 {
				begin = cuts[k-1]
			}
			if k < m.count {
				end = cuts[k]
			}
			prefix, length := numbers[k].varint(), numbers[k].uvarint()
			if prefix < int64(like-begin) || prefix > int64(m.to-m.from-begin) || numbers[k].bad {
				return dst, errBlock
			}
			dst = append(dst, dst[m.from+like:m.from+begin+int(prefix)]...)
			echo := length % (maxEchoes + 1)
			length /= maxEchoes + 1
			if echo == 0 {
				dst = append(dst, literals[k].take(length)...)
			} else {
				from := echoes[echo-1]
				if length > uint64(from-start) {
					return dst, errBlock
				}
				dst = append(dst, dst[from-int(length):from]...)
			}
			if len(dst) > maxBlockText || literals[k].bad {
				return dst, errBlock
			}
			copy(echoes[1:], echoes[:])
			echoes[0] = len(dst)
			like = end
		}
		dst = append(dst, dst[m.from+like:m.to]...)
		if len(dst) > maxBlockText {
			return dst, errBlock
		}
	}
	left := len(control.b) + len(whole.b)
	for i := range columns {
		left += len(numbers[i].b) + len(literals[i].b)
	}
	if control.bad || left > 0 {
		return dst, errBlock
	}
	return dst, nil
}
