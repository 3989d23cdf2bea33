package store

import (
	"encoding/binary"
)

// blockVersion is the version of a block's columns; it is their first byte.
const blockVersion = 1

// maxBlockText bounds in bytes what is decoded of a block: its text, or its columns.
// A block of one long record is the largest.
const maxBlockText = 16 << 20

// appendColumns writes the columns of the rows from to to. The layout, numbers
// being varints:
//
//	version, rows,
//	number of names that are not in knownNames, then each with its length,
//	number of templates, then each with its length,
//	the number columns (time, observed, start, length, first line, lines between,
//	lines), see appendNumbers,
//	the template numbers, likewise,
//	the loose values.
func (b *builder) appendColumns(dst []byte, from, to int) []byte {
	rows := b.rows[from:to]
	dst = append(dst, blockVersion)
	dst = binary.AppendUvarint(dst, uint64(len(rows)))
	dst = binary.AppendUvarint(dst, uint64(len(b.names)))
	for _, name := range b.names {
		dst = appendString(dst, name)
	}
	dst = binary.AppendUvarint(dst, uint64(len(b.templates)))
	for _, t := range b.templates {
		dst = binary.AppendUvarint(dst, uint64(len(t)))
		dst = append(dst, t...)
	}
	textStart, looseStart := 0, 0
	if from > 0 {
		textStart, looseStart = b.rows[from-1].textEnd+1, b.rows[from-1].looseEnd
	}
	dst = appendNumbers(dst, rows, func(r *row) int64 { return r.time })
	dst = appendNumbers(dst, rows, func(r *row) int64 { return r.observed })
	// Where a record begins is where the one before ended, and it ends after its
	// text and a newline: written as the difference from that.
	previous := int64(0)
	dst = appendNumbers(dst, rows, func(r *row) int64 {
		gap := r.start - previous
		previous = r.end
		return gap
	})
	at := textStart
	dst = appendNumbers(dst, rows, func(r *row) int64 {
		over := r.end - r.start
		if b.templates[r.template][0]&flagCursor == 0 {
			over -= int64(r.textEnd - at)
		}
		at = r.textEnd + 1
		return over
	})
	line := int64(0)
	dst = appendNumbers(dst, rows, func(r *row) int64 {
		gap := r.lineFrom - line
		line = r.lineTo
		return gap
	})
	dst = appendNumbers(dst, rows, func(r *row) int64 { return r.lineTo - r.lineFrom - int64(r.lines) })
	dst = appendNumbers(dst, rows, func(r *row) int64 { return int64(r.lines) })
	dst = appendNumbers(dst, rows, func(r *row) int64 { return int64(r.template) })
	looseEnd := looseStart
	if len(rows) > 0 {
		looseEnd = rows[len(rows)-1].looseEnd
	}
	return append(dst, b.loose[looseStart:looseEnd]...)
}

// appendNumbers writes one number a row: the first, then the unit of the
// differences (their greatest common divisor), 0 if all are equal. Then follow
// that difference, or all of them in the unit.
func appendNumbers(dst []byte, rows []row, of func(*row) int64) []byte {
	var buffer [blockRecords]int64
	n := buffer[:0]
	for i := range rows {
		n = append(n, of(&rows[i]))
	}
	if len(n) == 0 {
		return dst
	}
	dst = binary.AppendVarint(dst, n[0])
	if len(n) == 1 {
		return dst
	}
	same := true
	unit := uint64(0)
	for i := len(n) - 1; i > 0; i-- {
		n[i] -= n[i-1]
		same = same && n[i] == n[len(n)-1]
		if unit != 1 {
			unit = divisor(unit, magnitude(n[i]))
		}
	}
	if same {
		dst = binary.AppendUvarint(dst, 0)
		return binary.AppendVarint(dst, n[1])
	}
	dst = binary.AppendUvarint(dst, unit)
	for _, d := range n[1:] {
		dst = binary.AppendVarint(dst, d/int64(unit))
	}
	return dst
}

func magnitude(n int64) uint64 {
	if n < 0 {
		return -uint64(n)
	}
	return uint64(n)
}

func divisor(a, b uint64) uint64 {
	for b != 0 {
		a, b = b, a%b
	}
	if a > 1<<62 { // the difference of the extremes; it would not fit an int64
		return 1
	}
	return a
}

// A reader cuts values off the front of columns; it fails once and for all.
type reader struct {
	b   []byte
	bad bool
}

func (r *reader) uvarint() uint64 {
	n, k := binary.Uvarint(r.b)
	if k <= 0 {
		r.bad, r.b = true, nil
		return 0
	}
	r.b = r.b[k:]
	return n
}

func (r *reader) varint() int64 {
	n, k := binary.Varint(r.b)
	if k <= 0 {
		r.bad, r.b = true, nil
		return 0
	}
	r.b = r.b[k:]
	return n
}

func (r *reader) byte() byte {
	if len(r.b) == 0 {
		r.bad = true
		return 0
	}
	c := r.b[0]
	r.b = r.b[1:]
	return c
}

func (r *reader) bytes() []byte { return r.take(r.uvarint()) }

func (r *reader) take(n uint64) []byte {
	if n > uint64(len(r.b)) {
		r.bad, r.b = true, nil
		return nil
	}
	v := r.b[:n]
	r.b = r.b[n:]
	return v
}

// count reads a number of things of at least one byte each.
func (r *reader) count() int {
	n := r.uvarint()
	if n > uint64(len(r.b)) {
		r.bad, r.b = true, nil
		return 0
	}
	return int(n)
}

// numbers reads what appendNumbers wrote for n rows.
func (r *reader) numbers(dst []int64, n int) []int64 {
	dst = dst[:0]
	if n == 0 {
		return dst
	}
	v := r.varint()
	dst = append(dst, v)
	if n == 1 {
		return dst
	}
	unit := int64(r.uvarint())
	if unit == 0 {
		d := r.varint()
		for len(dst) < n {
			v += d
			dst = append(dst, v)
		}
		return dst
	}
	for len(dst) < n && !r.bad {
		v += r.varint() * unit
		dst = append(dst, v)
	}
	return dst
}
