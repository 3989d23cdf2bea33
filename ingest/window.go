package ingest

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"culprit"
	"culprit/parsers"
)

// probeSize is how much of a file is looked at to find a record with a time.
const probeSize = 64 << 10

// entry returns where to enter a plain file so that nothing from Since on is
// missed, and the number of that line, 0 if it is too far to count.
func (i *Input) entry(f *os.File) (off int64, no int) {
	if i.Since.IsZero() || i.Class != ClassLog {
		return 0, 1
	}
	fi, err := f.Stat()
	if err != nil || fi.Size() < seekable {
		return 0, 1
	}
	want := i.Since.Add(-slack)
	// Invariant: what is before lo is too old, what is from hi on is wanted.
	lo, hi := int64(0), fi.Size()
	for hi-lo > 2*probeSize {
		mid := lo + (hi-lo)/2
		t, at, ok := i.timeNear(f, mid)
		if !ok {
			return 0, 1 // times are too rare to search by them
		}
		if at >= hi {
			// No record with a time between mid and hi.
			hi = mid
			continue
		}
		if t.Before(want) {
			lo = at
		} else {
			hi = mid
		}
	}
	if lo == 0 {
		return 0, 1
	}
	if lo > countable {
		return lo, 0
	}
	n, err := countLines(f, lo)
	if err != nil {
		return lo, 0
	}
	return lo, n + 1
}

// timeNear returns the time of the first record with one that begins at or
// after off, and where it begins.
func (i *Input) timeNear(f io.ReaderAt, off int64) (t time.Time, at int64, ok bool) {
	var buf [probeSize]byte
	for size := probeSize; size <= 16*probeSize; size *= 4 {
		b := buf[:]
		if size > len(b) {
			b = make([]byte, size)
		}
		n, err := f.ReadAt(b, off)
		b = b[:n]
		if off > 0 {
			// off may be in the middle of a line.
			nl := bytes.IndexByte(b, '\n')
			if nl < 0 {
				if err != nil {
					return t, 0, false
				}
				continue
			}
			b = b[nl+1:]
			at = off + int64(nl) + 1
		} else {
			at = 0
		}
		var pos int64
		if t, pos, ok = i.firstTime(b, at); ok {
			return t, pos, true
		}
		if errors.Is(err, io.EOF) {
			return t, 0, false
		}
	}
	return t, 0, false
}

// firstTime parses the lines of b, which begins at byte at of the file, up to
// the first record with a time.
func (i *Input) firstTime(b []byte, at int64) (t time.Time, pos int64, ok bool) {
	s := parsers.NewStream(i.Options)
	take := func(r *culprit.Record) {
		if !ok && !r.Time.IsZero() {
			t, pos, ok = r.Time, r.Start.Offset, true
		}
	}
	for len(b) > 0 && !ok {
		n := bytes.IndexByte(b, '\n')
		if n < 0 {
			break // cut by the end of the probe
		}
		s.Push(parsers.Line{Text: b[:n], No: 1, Start: culprit.Position{Offset: at}, End: culprit.Position{Offset: at + int64(n) + 1}}, take)
		at += int64(n) + 1
		b = b[n+1:]
	}
	if !ok {
		s.Close(take)
	}
	return t, pos, ok
}

// lastTime returns the latest time in the last bytes of a plain file.
func (i *Input) lastTime(f *os.File) (t time.Time, ok bool) {
	fi, err := f.Stat()
	if err != nil {
		return t, false
	}
	for size := int64(probeSize); ; size *= 8 {
		off := max(fi.Size()-size, 0)
		b := make([]byte, fi.Size()-off)
		n, err := f.ReadAt(b, off)
		if err != nil && !errors.Is(err, io.EOF) {
			return t, false
		}
		b = b[:n]
		if off > 0 {
			b = b[bytes.IndexByte(b, '\n')+1:]
		}
		s := parsers.NewStream(i.Options)
		take := func(r *culprit.Record) {
			if r.Time.After(t) {
				t, ok = r.Time, true
			}
		}
		for len(b) > 0 {
			n := bytes.IndexByte(b, '\n')
			if n < 0 {
				n = len(b)
			}
			s.Push(parsers.Line{Text: b[:n], No: 1}, take)
			b = b[min(n+1, len(b)):]
		}
		s.Close(take)
		if ok || off == 0 || size >= 64*probeSize {
			return t, ok
		}
	}
}

// Span returns the times of the first and the last record of an input, zero
// where they cannot be had cheaply (the end of a packed file, a pipe).
func (i *Input) Span() (first, last time.Time) {
	if i.pipe != nil {
		return first, last
	}
	if i.Class == ClassJournal {
		return i.journalSpan()
	}
	if i.Class != ClassLog {
		return first, last
	}
	if i.coding != codingNone {
		head, _, err := sample(i.Paths[0])
		if err == nil {
			first, _, _ = i.firstTime(head, 0)
		}
		return first, last
	}
	f, err := os.Open(i.Paths[0])
	if err != nil {
		return first, last
	}
	defer f.Close()
	first, _, _ = i.timeNear(f, 0)
	last, _ = i.lastTime(f)
	return first, last
}

// LineAt returns the number of the line that begins at a byte of a plain file,
// for records whose number is not known.
func (i *Input) LineAt(offset int64) (int, error) {
	if i.Class != ClassLog || i.pipe != nil || i.coding != codingNone {
		return 0, fmt.Errorf("count lines of %s: %w", i.Name, errors.ErrUnsupported)
	}
	f, err := os.Open(i.Paths[0])
	if err != nil {
		return 0, fmt.Errorf("count lines: %w", err)
	}
	defer f.Close()
	n, err := countLines(f, offset)
	return n + 1, err
}

// countLines counts the newlines before an offset.
func countLines(f io.ReaderAt, offset int64) (int, error) {
	r := io.NewSectionReader(f, 0, offset)
	b := make([]byte, chunk)
	count := 0
	for {
		n, err := r.Read(b)
		count += bytes.Count(b[:n], []byte{'\n'})
		if errors.Is(err, io.EOF) {
			return count, nil
		}
		if err != nil {
			return 0, fmt.Errorf("count lines: %w", err)
		}
	}
}
