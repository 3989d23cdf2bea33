package ingest

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"culprit"
	"culprit/parsers"
)

// Read reads an input once, from its beginning or from near Since, and hands
// each record to emit, which must not keep it (see [culprit.Record]). It returns
// what was read and for which stretches evidence is missing; an error only if
// emit or ctx gave one, or nothing could be read at all.
//
// A plain file that begins long before Since is entered by its times; up to
// countable bytes before that place the newlines are counted, so that line
// numbers are exact, and beyond they are 0 (not known; [Input.LineAt] counts
// them for a single record). Records with a time outside of [Since, Until] are
// not handed out, nor those without a time that follow them.
func Read(ctx context.Context, i *Input, emit func(*culprit.Record) error) (culprit.SourceInfo, []culprit.Gap, error) {
	r := &reading{in: i, emit: emit, info: culprit.SourceInfo{Path: i.Name, Format: i.Format}}
	var err error
	switch {
	case i.Class == ClassJournal:
		err = r.journal(ctx)
	case i.pipe != nil:
		err = r.bytes(ctx, i.pipe.r, 0, 1)
	default:
		err = r.file(ctx)
	}
	if err != nil && !errors.Is(err, errEnough) {
		return r.info, r.gaps, fmt.Errorf("read %s: %w", i.Name, err)
	}
	return r.info, r.gaps, nil
}

const (
	// slack is how far the lines of one log may be out of order in time, and
	// how far clocks are trusted when a stretch is cut out.
	slack = 2 * time.Minute

	// countable is how many bytes before the window are looked through for
	// newlines: 512 MiB take a tenth of a second.
	countable = 512 << 20

	// seekable is the size from which a file is worth the search.
	seekable = 1 << 20
)

// errEnough ends a reading whose window is covered.
var errEnough = errors.New("enough")

// A reading is one call of Read.
type reading struct {
	in        *Input
	emit      func(*culprit.Record) error
	info      culprit.SourceInfo
	gaps      []culprit.Gap
	first     time.Time
	last      time.Time
	uncounted bool  // the first line that is read has no known number
	outside   bool  // the last record with a time was not in the window
	after     int   // records in a row that are later than the window
	err       error // of emit
}

// take is what a stream emits to.
func (r *reading) take(rec *culprit.Record) {
	if r.err != nil {
		return
	}
	if t := rec.Time; !t.IsZero() {
		if r.bounded() {
			late := !r.in.Until.IsZero() && t.After(r.in.Until)
			r.outside = late || !r.in.Since.IsZero() && t.Before(r.in.Since)
			if late && t.After(r.in.Until.Add(slack)) {
				if r.after++; r.after > 1000 {
					r.err = errEnough
				}
			} else {
				r.after = 0
			}
			if r.outside {
				return
			}
		}
		if r.first.IsZero() || t.Before(r.first) {
			r.first = t
		}
		if t.After(r.last) {
			r.last = t
		}
	} else if r.outside {
		return
	}
	if r.uncounted {
		rec.LineFrom, rec.LineTo = 0, 0
	}
	r.info.Records++
	switch {
	case rec.Kind != "":
		r.info.Events++
	case rec.Time.IsZero() && rec.Process == "" && rec.Severity == culprit.SeverityNone:
		r.info.Unparsed++
	}
	if err := r.emit(rec); err != nil {
		r.err = err
	}
}

func (r *reading) bounded() bool { return !r.in.Since.IsZero() || !r.in.Until.IsZero() }

// finish completes what is told about the source.
func (r *reading) finish(s *parsers.Stream) {
	if f := s.Format(); f != "" {
		r.info.Format = f
	}
	if !r.first.IsZero() {
		first, last := r.first, r.last
		r.info.First, r.info.Last = &first, &last
	}
}

// file reads a file on disk.
func (r *reading) file(ctx context.Context) error {
	i := r.in
	f, err := os.Open(i.Paths[0])
	if err != nil {
		r.gaps = append(r.gaps, unreadable(i.Name, i.Paths[0], err))
		return nil
	}
	defer f.Close()
	if i.base == "" { // made by hand, not collected
		var head [512]byte
		n, _ := f.ReadAt(head[:], 0)
		if i.coding = codingOf(head[:n]); i.coding == codingNone && bytes.HasPrefix(head[:n], []byte(journalMagic)) {
			i.Class = ClassJournal
			return r.journal(ctx)
		} else if bytes.HasPrefix(head[:n], []byte(exportMagic)) {
			i.Class = ClassExport
		}
	}
	if i.coding == codingNone {
		if i.old() {
			return nil
		}
		off, no := i.entry(f)
		if no == 0 {
			no, r.uncounted = 1, true
		}
		if off > 0 {
			if _, err := f.Seek(off, io.SeekStart); err != nil {
				return err
			}
		}
		return r.bytes(ctx, f, off, no)
	}
	if i.old() {
		return nil
	}
	z, err := i.coding.decode(f, defaultStreamBytes)
	if err != nil {
		r.gap(i.coding, "cannot be unpacked ("+err.Error()+")")
		return nil
	}
	defer z.Close()
	return r.bytes(ctx, z, 0, 1)
}

// old reports whether a file was last written long before the window. What packs
// a rotated file keeps its time.
func (i *Input) old() bool {
	return !i.Since.IsZero() && !i.ModTime.IsZero() && i.ModTime.Before(i.Since.Add(-time.Hour))
}

// bytes runs the lines of src through a stream. pos and no are the position and
// the number of the first one.
func (r *reading) bytes(ctx context.Context, src io.Reader, pos int64, no int) error {
	s := parsers.NewStream(r.in.Options)
	defer r.finish(s)
	take := r.take
	push := func(l parsers.Line) error {
		s.Push(l, take)
		return r.err
	}
	var err error
	head := bufio.NewReaderSize(src, 4<<10)
	_, _ = head.Peek(1) // the first read, which may be short: a pipe's writer may wait
	sample, _ := head.Peek(head.Buffered())
	switch {
	case r.in.Class == ClassExport:
		err = pushEntries(ctx, parsers.NewExportReader(head), push)
	case pos == 0 && parsers.IsJournalDump(sample):
		err = pushEntries(ctx, parsers.NewJournalDumpReader(head), push)
	default:
		err = newCutter(pos, no).run(ctx, head, push)
	}
	if r.err != nil {
		return r.err
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	s.Close(take)
	if r.err != nil {
		return r.err
	}
	switch {
	case err == nil:
	case errors.Is(err, errBomb):
		r.gap(r.in.coding, "read in part only: it "+err.Error())
	case errors.Is(err, culprit.ErrCorrupt):
		r.gap(r.in.coding, "damaged, read up to the damage ("+err.Error()+")")
	default:
		r.gaps = append(r.gaps, unreadable(r.in.Name, r.in.Name, err))
	}
	return nil
}

// gap tells that the source could be read up to its last record only.
func (r *reading) gap(c coding, why string) {
	g := culprit.Gap{Source: r.in.Name, Reason: why, Remedy: c.test(r.in.Name)}
	if !r.last.IsZero() {
		from := r.last
		g.From = &from
	}
	r.gaps = append(r.gaps, g)
}
