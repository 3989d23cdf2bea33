package parsers

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"

	"culprit"
)

// A JournalDumpReader reads the texts of journalctl that spread an entry over
// several lines or put something before it: -o verbose, json-pretty, json-seq
// and json-sse. (A file of plain json lines and the short forms are read line
// by line by a [Stream].)
type JournalDumpReader struct {
	lines ExportReader
	head  []byte // the first line of the next entry of verbose, which ends the one before
	read  int    // entries so far
	buf   []byte // an object of json-pretty
	last  journalField
	kept  bool // last is the field whose value goes on
	fresh bool // an entry of verbose has begun
}

// NewJournalDumpReader returns a reader of in, which needs no buffer of its own.
func NewJournalDumpReader(in io.Reader) *JournalDumpReader {
	return &JournalDumpReader{lines: ExportReader{in: in, buf: make([]byte, exportBuffer)}}
}

// IsJournalDump reports whether a text begins as one that [JournalDumpReader]
// reads.
func IsJournalDump(sample []byte) bool {
	for line := range bytes.Lines(sample) {
		line = bytes.TrimRight(line, "\r\n")
		switch {
		case len(line) == 0, bytes.HasPrefix(line, []byte("-- ")):
			continue
		case verboseCursor(line) != nil:
			return true
		case len(line) == 1 && line[0] == '{':
			return bytes.Contains(sample, []byte("\n\t\"__")) && bytes.Contains(sample, []byte(`" : `))
		}
		object := dumpObject(line)
		return len(object) != len(line) && len(object) > 0 && object[0] == '{' && hasJournalField(object)
	}
	return false
}

// dumpObject takes off what json-seq and json-sse put before an object.
func dumpObject(line []byte) []byte {
	if len(line) > 0 && line[0] == 0x1e {
		return line[1:]
	}
	return bytes.TrimPrefix(line, []byte("data: "))
}

// verboseCursor returns the cursor of the first line of an entry of -o verbose,
// "Sun 2026-11-22 10:00:00.123456 CET [s=...;i=...]", nil if it is none.
func verboseCursor(line []byte) []byte {
	if len(line) < 40 || line[0] == ' ' {
		return nil
	}
	i := bytes.Index(line, []byte(" [s="))
	if i < 0 || i > 64 || line[len(line)-1] != ']' {
		return nil
	}
	c := line[i+2 : len(line)-1]
	if !bytes.Contains(c, []byte(";i=")) || !bytes.Contains(c, []byte(";t=")) {
		return nil
	}
	return c
}

// Next fills j with the next entry, and returns io.EOF after the last one.
// Lines that are part of no entry are left out.
func (r *JournalDumpReader) Next(j *JournalEntry) error {
	j.reset()
	r.kept, r.fresh = false, false
	if len(r.head) > 0 {
		r.begin(j, r.head)
		r.head = r.head[:0]
	}
	for {
		line, whole, err := r.lines.line()
		if err == nil && !whole {
			var n int64
			n, err = r.lines.skipLine()
			j.Skipped += n
			j.Mark |= culprit.MarkTruncated
		}
		if err != nil && line == nil {
			if errors.Is(err, io.EOF) && r.fresh {
				r.finish(j)
				return nil
			}
			return err
		}
		line = bytes.TrimSuffix(line, []byte("\r"))
		if c := verboseCursor(line); c != nil {
			if r.fresh {
				r.head = append(r.head[:0], c...)
				r.finish(j)
				return nil
			}
			r.begin(j, c)
			continue
		}
		if r.fresh {
			r.field(j, line)
			continue
		}
		object := dumpObject(line)
		if len(object) == 1 && object[0] == '{' {
			if err := r.pretty(); err != nil {
				return err
			}
			object = r.buf
		}
		if len(object) > 1 && object[0] == '{' {
			mark, skipped := j.Mark, j.Skipped
			if !j.parseJSON(object) {
				return fmt.Errorf("read journal entry %d as JSON: %w", r.read+1, culprit.ErrCorrupt)
			}
			j.Mark, j.Skipped = j.Mark|mark, j.Skipped+skipped
			r.finish(j)
			return nil
		}
	}
}

func (r *JournalDumpReader) finish(j *JournalEntry) {
	r.read++
	j.No = r.read
}

// begin takes from a cursor what -o verbose does not show as fields: its t= and
// m= are the times in hexadecimal microseconds.
func (r *JournalDumpReader) begin(j *JournalEntry, cursor []byte) {
	r.fresh = true
	j.fields++
	j.set(jCursor, cursor)
	for part := range strings.SplitSeq(text(cursor), ";") {
		if len(part) < 3 || part[1] != '=' {
			continue
		}
		f := jRealtime
		switch part[0] {
		case 't':
		case 'm':
			f = jMonotonic
		default:
			continue
		}
		if us, ok := hexNumber(part[2:]); ok {
			j.set(f, fmt.Appendf(nil, "%d", us))
		}
	}
}

func hexNumber(s string) (n uint64, ok bool) {
	if len(s) == 0 || len(s) > 15 {
		return 0, false
	}
	for i := range len(s) {
		c := s[i]
		switch {
		case digit(c):
			c -= '0'
		case c >= 'a' && c <= 'f':
			c -= 'a' - 10
		default:
			return 0, false
		}
		n = n<<4 | uint64(c)
	}
	return n, true
}

// field keeps "    NAME=value" of -o verbose and the lines of a value that
// follow, which are indented as far as it.
func (r *JournalDumpReader) field(j *JournalEntry, line []byte) {
	rest, ok := bytes.CutPrefix(line, []byte("    "))
	if !ok {
		r.kept = false
		return
	}
	if i := bytes.IndexByte(rest, '='); i > 0 && fieldName(rest[:i]) {
		var f journalField
		if f, r.kept = journalFieldOf(rest[:i]); r.kept && !j.has(f) {
			j.set(f, rest[i+1:])
			r.last = f
		} else {
			r.kept = false
		}
		return
	}
	if !r.kept {
		return
	}
	// The value that goes on is the last in the buffer.
	s := &j.spans[r.last]
	if s.to != len(j.buf) || j.room() < 2 || s.to-s.from+len(rest)+1 > MaxJournalField {
		return
	}
	j.buf = append(append(j.buf, '\n'), bytes.TrimLeft(rest, " ")...)
	s.to = len(j.buf)
}

// pretty reads the rest of an object whose brace stands alone on its line.
func (r *JournalDumpReader) pretty() error {
	r.buf = append(r.buf[:0], '{')
	for {
		line, whole, err := r.lines.line()
		if errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		if err != nil {
			return fmt.Errorf("read journal entry %d: %w", r.read+1, err)
		}
		if !whole || len(r.buf)+len(line) > maxJournalEntry {
			return fmt.Errorf("read journal entry %d: more than %d bytes: %w", r.read+1, maxJournalEntry, culprit.ErrCorrupt)
		}
		line = bytes.TrimSuffix(line, []byte("\r"))
		r.buf = append(append(r.buf, '\n'), line...)
		if len(line) > 0 && line[0] == '}' {
			r.buf = bytes.TrimRight(r.buf, ", \t")
			return nil
		}
	}
}
