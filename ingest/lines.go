package ingest

import (
	"bytes"
	"context"
	"errors"
	"io"
	"unicode/utf8"

	"culprit"
	"culprit/parsers"
)

// chunk is how much is read at once. Larger ones gain nothing measurable.
const chunk = 256 << 10

// A cutter cuts bytes into lines without copying them. A line of more than
// parsers.MaxBytes is handed on in pieces of one number, all but the last
// marked as truncated, so that memory stays bounded whatever the source holds.
// The NUL bytes of a hole that copytruncate left are stepped over, in front of
// a line; the line is marked.
type cutter struct {
	buf    []byte
	lo, hi int // bytes that were read and not handed on
	scan   int // bytes from lo that hold no newline
	pos    int64
	no     int  // of the line at lo
	cont   bool // the last piece was cut
	nul    bool // there may be NUL bytes in the buffer
	hole   bool // NUL bytes were stepped over since the last line
	follow bool // the source may grow: what stands after the last newline is left for later
}

// newCutter starts at byte pos, whose line has the number no.
func newCutter(pos int64, no int) *cutter {
	return &cutter{buf: make([]byte, chunk), pos: pos, no: no}
}

// run reads r to its end and hands each line to push, whose error it returns. At
// the end a rest without a newline is handed on as an unterminated line.
func (c *cutter) run(ctx context.Context, r io.Reader, push func(parsers.Line) error) error {
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		n, err := r.Read(c.room())
		if n > 0 {
			if !c.nul && bytes.IndexByte(c.buf[c.hi:c.hi+n], 0) >= 0 {
				c.nul = true
			}
			c.hi += n
			if perr := c.drain(push); perr != nil {
				return perr
			}
		}
		switch {
		case errors.Is(err, io.EOF):
			return c.rest(push)
		case err != nil:
			if perr := c.rest(push); perr != nil {
				return perr
			}
			return err
		}
	}
}

// room returns space to read into; the bytes that are kept move to the front.
func (c *cutter) room() []byte {
	if c.lo > 0 {
		copy(c.buf, c.buf[c.lo:c.hi])
		c.hi -= c.lo
		c.lo = 0
	}
	if c.hi == 0 {
		c.nul = false
	}
	if c.hi == len(c.buf) {
		c.buf = append(c.buf, make([]byte, len(c.buf))...)
	}
	return c.buf[c.hi:]
}

// drain hands on the whole lines of the buffer, and pieces of one that is too long.
func (c *cutter) drain(push func(parsers.Line) error) error {
	for {
		data := c.buf[c.lo:c.hi]
		if c.nul && c.scan == 0 && !c.cont {
			if n := leadingNULs(data); n > 0 {
				c.lo += n
				c.pos += int64(n)
				c.hole = true
				data = data[n:]
			}
		}
		i := bytes.IndexByte(data[c.scan:], '\n')
		if i < 0 || c.scan+i > parsers.MaxBytes {
			if len(data) <= parsers.MaxBytes {
				c.scan = len(data)
				return nil
			}
			if err := c.hand(wholeRunes(data[:parsers.MaxBytes]), 0, culprit.MarkTruncated, push); err != nil {
				return err
			}
			c.cont = true
			continue
		}
		if err := c.hand(data[:c.scan+i], 1, 0, push); err != nil {
			return err
		}
		c.cont = false
	}
}

// rest hands on what stands after the last newline.
func (c *cutter) rest(push func(parsers.Line) error) error {
	if c.lo == c.hi || c.follow {
		return nil
	}
	return c.hand(c.buf[c.lo:c.hi], 0, culprit.MarkUnterminated, push)
}

// hand passes a line of text on; newline is the number of bytes after it that
// belong to it.
func (c *cutter) hand(text []byte, newline int, mark culprit.Mark, push func(parsers.Line) error) error {
	size := len(text) + newline
	end := c.pos + int64(size)
	if c.hole || c.nul && bytes.IndexByte(text, 0) >= 0 {
		mark |= culprit.MarkNUL
		c.hole = false
	}
	l := parsers.Line{
		Text: text, No: c.no, Mark: mark,
		Start: culprit.Position{Offset: c.pos}, End: culprit.Position{Offset: end},
	}
	c.lo += size
	c.pos = end
	c.scan = 0
	if newline > 0 {
		c.no++
	}
	return push(l)
}

func leadingNULs(b []byte) int {
	n := 0
	for n < len(b) && b[n] == 0 {
		n++
	}
	return n
}

// wholeRunes returns b without a rune at its end that is cut.
func wholeRunes(b []byte) []byte {
	for i := 1; i < utf8.UTFMax && i <= len(b); i++ {
		if c := b[len(b)-i]; utf8.RuneStart(c) {
			if c >= utf8.RuneSelf && !utf8.FullRune(b[len(b)-i:]) {
				return b[:len(b)-i]
			}
			break
		}
	}
	return b
}
