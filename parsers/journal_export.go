package parsers

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"culprit"
)

// An ExportReader reads the Journal Export Format, what journalctl -o export
// writes: FIELD=value lines, or FIELD, a newline, the length as 64 bits little
// endian and the bytes for values that hold others than plain text; an empty
// line ends an entry.
type ExportReader struct {
	in       io.Reader
	buf      []byte
	pos, end int   // what is read and not used yet
	err      error // of in
	n        int   // entries so far
}

const exportBuffer = 64 << 10

// NewExportReader returns a reader of in, which needs no buffer of its own.
func NewExportReader(in io.Reader) *ExportReader {
	return &ExportReader{in: in, buf: make([]byte, exportBuffer)}
}

// Next fills j with the next entry. It returns io.EOF after the last one and an
// error that is [culprit.ErrCorrupt] where the bytes are not of the format; the
// fields of a source that ends in the middle of an entry are an entry that is
// marked.
func (r *ExportReader) Next(j *JournalEntry) error {
	j.reset()
	for {
		var line []byte
		whole, err := true, error(nil)
		if i := bytes.IndexByte(r.buf[r.pos:r.end], '\n'); i >= 0 { // nearly always
			line = r.buf[r.pos : r.pos+i]
			r.pos += i + 1
		} else {
			line, whole, err = r.line()
		}
		if err != nil {
			if errors.Is(err, io.EOF) && j.fields > 0 {
				j.Mark |= culprit.MarkUnterminated
				r.finish(j)
				return nil
			}
			return err
		}
		if len(line) == 0 && whole {
			if j.fields == 0 {
				continue
			}
			r.finish(j)
			return nil
		}
		j.fields++
		i := bytes.IndexByte(line, '=')
		if i < 0 && whole {
			err = r.binary(j, line)
		} else if i < 0 {
			return fmt.Errorf("read journal entry %d: field name of more than %d bytes: %w", r.n+1, len(line), culprit.ErrCorrupt)
		} else {
			f, keep := journalFieldOf(line[:i])
			if keep {
				j.set(f, line[i+1:])
			}
			if !whole {
				var n int64
				n, err = r.skipLine()
				if keep {
					j.Skipped += n
					j.Mark |= culprit.MarkTruncated
				}
			}
		}
		if err == nil {
			continue
		}
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			j.Mark |= culprit.MarkUnterminated
			r.finish(j)
			return nil
		}
		return err
	}
}

func (r *ExportReader) finish(j *JournalEntry) {
	r.n++
	j.No = r.n
}

// line returns the next line without its newline, or, not whole, the first part
// of one that is longer than a field may be. The last bytes of a source that
// does not end in a newline are no line.
func (r *ExportReader) line() (line []byte, whole bool, err error) {
	from := r.pos
	for {
		if i := bytes.IndexByte(r.buf[from:r.end], '\n'); i >= 0 {
			line = r.buf[r.pos : from+i]
			r.pos = from + i + 1
			return line, true, nil
		}
		held := r.end - r.pos
		if held > MaxJournalField+maxFieldName {
			line = r.buf[r.pos:r.end]
			r.pos = r.end
			return line, false, nil
		}
		if err := r.fill(); err != nil {
			if errors.Is(err, io.EOF) {
				r.pos = r.end
			}
			return nil, false, err
		}
		from = r.pos + held
	}
}

// maxFieldName is journald's own bound on names of fields.
const maxFieldName = 64

// fill reads more, after moving what is held to the front.
func (r *ExportReader) fill() error {
	if r.err != nil {
		return r.err
	}
	if r.pos > 0 {
		r.end = copy(r.buf, r.buf[r.pos:r.end])
		r.pos = 0
	}
	if r.end == len(r.buf) {
		r.buf = append(r.buf, make([]byte, len(r.buf))...)
	}
	for range 100 {
		n, err := r.in.Read(r.buf[r.end:])
		r.end += n
		if err != nil {
			if !errors.Is(err, io.EOF) {
				err = fmt.Errorf("read journal: %w", err)
			}
			r.err = err
			if n > 0 {
				return nil
			}
			return err
		}
		if n > 0 {
			return nil
		}
	}
	return fmt.Errorf("read journal: %w", io.ErrNoProgress)
}

// skipLine steps behind the next newline and returns how many bytes stood
// before it.
func (r *ExportReader) skipLine() (n int64, err error) {
	for {
		if i := bytes.IndexByte(r.buf[r.pos:r.end], '\n'); i >= 0 {
			r.pos += i + 1
			return n + int64(i), nil
		}
		n += int64(r.end - r.pos)
		r.pos = r.end
		if err := r.fill(); err != nil {
			return n, err
		}
	}
}

// need waits until n bytes are held.
func (r *ExportReader) need(n int) error {
	for r.end-r.pos < n {
		if err := r.fill(); err != nil {
			if errors.Is(err, io.EOF) {
				r.pos = r.end
			}
			return err
		}
	}
	return nil
}

// binary reads the length and the bytes of a field that has no "=".
func (r *ExportReader) binary(j *JournalEntry, name []byte) error {
	if !fieldName(name) {
		return fmt.Errorf("read journal entry %d: %q is no field: %w", r.n+1, name[:min(len(name), maxFieldName)], culprit.ErrCorrupt)
	}
	f, keep := journalFieldOf(name)
	if err := r.need(8); err != nil {
		return err
	}
	size := binary.LittleEndian.Uint64(r.buf[r.pos:])
	r.pos += 8
	if size > 1<<40 {
		return fmt.Errorf("read journal entry %d: field of %d bytes: %w", r.n+1, size, culprit.ErrCorrupt)
	}
	left := int64(size)
	if keep && !j.has(f) {
		n := int(min(left, int64(j.room())))
		if err := r.need(n); err != nil {
			return err
		}
		j.set(f, r.buf[r.pos:r.pos+n])
		r.pos += n
		left -= int64(n)
		if left > 0 {
			j.Skipped += left
			j.Mark |= culprit.MarkTruncated
		}
	}
	for left > 0 {
		n := int(min(left, int64(r.end-r.pos)))
		r.pos += n
		if left -= int64(n); left > 0 {
			if err := r.fill(); err != nil {
				return err
			}
		}
	}
	if err := r.need(1); err != nil {
		return err
	}
	if r.buf[r.pos] != '\n' {
		return fmt.Errorf("read journal entry %d: no newline after a binary field: %w", r.n+1, culprit.ErrCorrupt)
	}
	r.pos++
	return nil
}

// fieldName reports whether s can be the name of a field: upper case letters,
// digits and underscores.
func fieldName(s []byte) bool {
	if len(s) == 0 || len(s) > maxFieldName {
		return false
	}
	for _, c := range s {
		if (c < 'A' || c > 'Z') && !digit(c) && c != '_' {
			return false
		}
	}
	return true
}
