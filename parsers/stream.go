package parsers

import (
	"bytes"
	"time"
	"unicode/utf8"

	"culprit"
)

// Options say how to read one source.
type Options struct {
	Source    string    // path or journal, as it goes into the records
	Format    string    // name of a format, "" to detect it from the content; tried first, other lines are still understood
	Zone      Zone      // for times that state no offset; nil is UTC
	Ref       time.Time // an instant near the end of the source, for times without a year (a file's mtime); zero if unknown
	Boot      time.Time // when the kernel's clock was zero, for seconds since boot; zero if unknown
	After     time.Time // the last time before the first line, for a source that is read on ([Stream.Last]); zero if unknown
	LogFormat []string  // texts of nginx's log_format that an access log may use
	Service   string    // the program that writes the source, where it is known from configuration or the path
}

// A Line is one physical line of a file or one entry of a journal.
type Line struct {
	Text  []byte           // without its newline; of a journal entry what a person would see, IDENTIFIER[PID]: MESSAGE. Only valid during the call
	No    int              // its number from 1
	Start culprit.Position // of its first byte
	End   culprit.Position // after its newline
	Mark  culprit.Mark     // what the reader noticed; MarkTruncated: the rest of the line follows with the same No
	Entry *Envelope        // the envelope of a journal entry and its message as Body, nil for a line of a file
}

// Bounds of a record. What lies behind a bound begins a new record, and the one
// before is marked as truncated.
const (
	MaxLines = 4096    // lines of one record
	MaxBytes = 1 << 20 // bytes of one record
	maxAway  = 1024    // lines of others after which a record that waits for more is complete

	maxHeldLines = 2 * MaxLines // lines from the first record that waits to the last line
	maxHeldBytes = 8 * MaxBytes // bytes of all records that wait
)

// A Stream turns the lines of one source into records. It is not safe for
// concurrent use.
//
// Records of different programs may overlap (the trace of one process between
// the lines of another's). A record is handed out when no record that began
// before it is open and when none of those has lines behind its first: so every
// record lies behind [Stream.Resume] with all of its lines or before it.
type Stream struct {
	opts   Options
	clock  clock
	access []*format // compiled from Options.LogFormat
	forced *format   // named by Options.Format
	only   *body     // named by Options.Format

	env   Envelope       // of the line at hand
	none  Envelope       // of a line that has none
	rec   culprit.Record // the record at hand
	clean []byte         // the line at hand without terminal colours and NULs
	last  *format        // exact format of the line before
	prev  time.Time      // the last time of a record
	above *pending       // the record of the line before, which indented lines go on
	cut   bool           // the rest of a line follows
	cutNo int            // and its number
	lines int            // lines so far
	end   culprit.Position
	tally map[string]*int // records by format
	count *int            // that of the record before
	named string          // and its name
	known bool            // the last record was understood

	queue []*pending // records that wait, in the order of their first lines
	bytes int        // of their text
	done  int        // how many at the head of the queue are complete
	reach int        // the last line of those
	open  map[key]*pending
	bare  *pending // the open record of lines whose program is not named
	old   *pending // open records by when they last grew
	young *pending
	free  []*pending
}

// NewStream returns a stream for one source.
func NewStream(o Options) *Stream {
	s := &Stream{
		opts:  o,
		clock: clock{zone: o.Zone, ref: o.Ref, boot: o.Boot, last: o.After},
		prev:  o.After,
		tally: make(map[string]*int),
		open:  make(map[key]*pending),
		none:  Envelope{Severity: culprit.SeverityNone, plain: true},
	}
	for _, text := range o.LogFormat {
		if f := compileLogFormat(text); f != nil {
			s.access = append(s.access, f)
		}
	}
	if o.Format != "" {
		if s.forced = formatOf(o.Format); s.forced == nil {
			for _, b := range bodies {
				if b.name == o.Format {
					s.only = b
				}
			}
		}
	}
	return s
}

// Push reads one line. Records that are complete are handed to emit in the
// order of their first lines; a record is only valid during the call of emit.
func (s *Stream) Push(l Line, emit func(*culprit.Record)) {
	for len(l.Text) > MaxBytes { // the reader gave more at once than a record holds
		piece := l
		piece.Text = l.Text[:MaxBytes]
		piece.Mark |= culprit.MarkTruncated
		if l.Entry == nil {
			piece.End.Offset = l.Start.Offset + MaxBytes
		} else if before := len(l.Text) - len(l.Entry.Body); before >= 0 && before < MaxBytes && l.Entry.Body != nil {
			first := *l.Entry
			first.Body = first.Body[:MaxBytes-before]
			piece.Entry = &first
			l.Entry = &Envelope{Severity: culprit.SeverityNone}
		}
		s.push(&piece, emit)
		l.Text, l.Start = l.Text[MaxBytes:], piece.End
	}
	s.push(&l, emit)
}

func (s *Stream) push(l *Line, emit func(*culprit.Record)) {
	s.lines++
	s.end = l.End
	printed := printable(l.Text)
	if !printed {
		if bytes.IndexByte(l.Text, 0) >= 0 {
			l.Mark |= culprit.MarkNUL
		}
		if !utf8.Valid(l.Text) {
			l.Mark |= culprit.MarkInvalidUTF8
		}
	}

	e := &s.env
	rest := s.cut && s.cutNo == l.No
	s.cut, s.cutNo = l.Mark&culprit.MarkTruncated != 0, l.No
	if rest {
		e.reset()
		s.place(l, e, l.Text, restOfLine, emit)
		return
	}
	line := l.Text
	if l.Entry != nil && l.Entry.Body != nil {
		line = s.visible(l.Entry.Body, l.Mark)
	} else if !printed {
		line = s.visible(line, l.Mark)
	}
	var frame, plain bool
	if l.Entry == nil {
		var indent int
		var opens bool
		if indent, opens, frame = frameOf(text(line)); frame && s.joinFrame(l, line, indent, opens) {
			s.bound(emit)
			return
		}
		plain = frame && s.bare != nil || len(line) == 0 || s.forced == nil && s.access == nil && unpeeled(line)
		if plain && s.bare != nil && s.joinPlain(l, line, emit) {
			return
		}
	}
	var f *format
	switch {
	case l.Entry != nil:
		attrs, buf := e.Attrs[:0], e.buf[:0]
		*e = *l.Entry
		e.Attrs, e.buf = append(attrs, l.Entry.Attrs...), buf
		e.Body = line
	case plain:
		e.reset()
		e.plain, e.Body = true, line
	default:
		e.reset()
		if f = s.quick(line, e); f == nil {
			s.peel(line, e)
		}
	}
	k := e.key()
	if f != nil {
		k = key{}
	}

	if p := s.above; p != nil {
		s.above = nil
		bare := e.Format == "" && len(line) > 0 && (line[0] == ' ' || line[0] == '\t')
		if bare && p.open && s.join(p, l, line) {
			s.above = p
			s.bound(emit)
			return
		}
		if p.brief {
			s.complete(p)
			s.settle(emit)
		}
	}

	if s.young != nil {
		s.expire()
		if p := s.openAt(k); p != nil {
			if p.partial {
				s.piece(p, l, e, emit)
				return
			}
			if !e.Partial && f == nil {
				f = s.inner(e)
			}
			switch s.next(p, e, f) {
			case stepJoin:
				if s.join(p, l, e.Body) {
					if e.indented {
						s.above = p
					}
					s.bound(emit)
					return
				}
			case stepLast:
				if s.join(p, l, e.Body) {
					s.complete(p)
					s.settle(emit)
					return
				}
			case stepMaybe:
				if q := s.add(l, e, e.Body, f); !s.tentative(p, q) {
					s.complete(p)
				}
				s.settle(emit)
				s.bound(emit)
				return
			case stepPass:
				s.add(l, e, e.Body, f)
				s.bound(emit)
				return
			case stepEnd:
				s.complete(p)
				s.settle(emit)
			}
		} else if !e.Partial && f == nil {
			f = s.inner(e)
		}
	} else if !e.Partial && f == nil {
		f = s.inner(e)
	}
	if e.Partial && l.Mark&culprit.MarkTruncated == 0 {
		p := s.add(l, e, e.Body, nil)
		p.partial = true
		s.wait(p, k, nil)
		s.bound(emit)
		return
	}
	r := s.head(e, f)
	brief := false
	if r == nil && (f == nil || !f.sticky) {
		if brief = e.indented && s.openAt(k) == nil; !brief {
			s.place(l, e, e.Body, f, emit)
			return
		}
	}
	p := s.add(l, e, e.Body, f)
	if brief {
		p.brief, p.open = true, p.mark&culprit.MarkTruncated == 0
	} else {
		if r != nil && r.start != nil {
			p.state = r.start(e.Body)
		}
		s.wait(p, k, r)
	}
	if e.indented {
		s.above = p
	}
	s.bound(emit)
}

// place hands out a record of one line at once if none waits, and lets it wait
// its turn if one does.
func (s *Stream) place(l *Line, e *Envelope, body []byte, f *format, emit func(*culprit.Record)) {
	if len(s.queue) > 0 {
		s.add(l, e, body, f)
		s.settle(emit)
		s.bound(emit)
		return
	}
	r := &s.rec
	r.Reset()
	r.Text, r.Start, r.End, r.LineFrom, r.LineTo, r.Mark = l.Text, l.Start, l.End, l.No, l.No, l.Mark
	s.parse(r, e, body, f)
	emit(r)
}

// joinPlain joins a line that no format peels to the record of the lines right
// above it, or lets it wait there, if its rule wants it. It does what push would,
// without an envelope, and reports false, with nothing done, for all other lines.
func (s *Stream) joinPlain(l *Line, line []byte, emit func(*culprit.Record)) bool {
	p := s.bare
	if p != s.young || s.above != nil || p.partial || p.rule == nil {
		return false
	}
	if s.expire(); p != s.bare {
		return false
	}
	s.none.looked = "" // may be that of a line before, in the same memory
	state := p.state
	switch p.rule.next(&s.none, line, &p.state) {
	case stepJoin:
		if !s.join(p, l, line) {
			return false
		}
	case stepLast:
		if !s.join(p, l, line) {
			return false
		}
		s.complete(p)
		s.settle(emit)
		return true
	case stepMaybe:
		if q := s.add(l, &s.none, line, nil); !s.tentative(p, q) {
			s.complete(p)
		}
		s.settle(emit)
	default:
		p.state = state
		return false
	}
	s.bound(emit)
	return true
}

// joinFrame joins a line that is nothing but a call of a stack to the trace of
// the lines right above it. It does what push would: most lines of a trace are
// such calls.
func (s *Stream) joinFrame(l *Line, line []byte, indent int, opens bool) bool {
	p := s.bare
	if p == nil || p != s.young || s.above != nil || p.partial || p.rule == nil || !p.rule.frames || p.state == 0 || p.state&braceBit != 0 || p.state&phaseMask == phaseBlock {
		return false
	}
	if s.expire(); p != s.bare {
		return false
	}
	frameNext(indent, opens, &p.state)
	return s.join(p, l, line)
}

// restOfLine is what follows in a line that was cut: the middle of a line says
// nothing about what it means.
var restOfLine = &format{parse: func(*clock, *Envelope, []byte, *culprit.Record) bool { return false }}

// visible returns a line as a person would see it: without a carriage return
// at its end, NULs and terminal colours.
func (s *Stream) visible(line []byte, m culprit.Mark) []byte {
	if n := len(line); n > 0 && line[n-1] == '\r' {
		line = line[:n-1]
	}
	if m&culprit.MarkNUL != 0 || bytes.IndexByte(line, 0x1b) >= 0 {
		s.clean = appendVisible(s.clean[:0], line)
		line = s.clean
	}
	return line
}

// quick peels a line without a look at transports: one of the log_format that
// the source is known to have, or of the same exact format as the line before.
func (s *Stream) quick(line []byte, e *Envelope) *format {
	if f := s.forced; f != nil && !f.transport && len(line) > 0 && f.peel(&s.clock, line, e) {
		e.Format = f.name
		return f
	}
	for _, f := range s.access {
		if f.peel(&s.clock, line, e) {
			e.Format = f.name
			return f
		}
	}
	if s.last != nil && s.forced == nil && s.last.peel(&s.clock, line, e) {
		e.Format = s.last.name
		return s.last
	}
	return nil
}

// maxLayers bounds how many transports are taken off a line.
const maxLayers = 4

// peel takes the transports off a line.
func (s *Stream) peel(line []byte, e *Envelope) {
	e.Body = line
	for range maxLayers {
		if len(e.Body) == 0 || !s.layer(e.Body, e) {
			return
		}
	}
}

func (s *Stream) layer(line []byte, e *Envelope) bool {
	if f := s.forced; f != nil && f.transport && e.Format == "" && f.peel(&s.clock, line, e) {
		e.Format, e.indented = f.name, f.indented
		return true
	}
	for _, f := range transportsByFirst[line[0]] {
		if f.peel(&s.clock, line, e) {
			e.Format, e.indented = f.name, f.indented
			return true
		}
	}
	return false
}

// inner takes the program's own envelope off the body of e.
func (s *Stream) inner(e *Envelope) *format {
	if len(e.Body) == 0 || e.plain || e.Format != "" && isFrame(text(e.Body)) {
		return nil // no envelope looks like a call of a stack
	}
	outer, stamp, bare := e.Time, e.TimeText, e.Format == ""
	fixed := e.Zoned && !outer.IsZero()
	e.Zoned = false
	f := s.program(e)
	if f == nil {
		e.Zoned = fixed
		return nil
	}
	e.Format = f.name
	if fixed && !e.Zoned {
		// A reading of the clock without a zone adds nothing to an instant.
		e.Time, e.Zoned = outer, true
	}
	if e.ownTime && stamp != "" {
		e.TimeText = stamp
	}
	if f.exact && bare {
		s.last = f
	}
	return f
}

func (s *Stream) program(e *Envelope) *format {
	line := e.Body
	if f := s.forced; f != nil && !f.transport && f.peel(&s.clock, line, e) {
		return f
	}
	for _, f := range s.access {
		if f.peel(&s.clock, line, e) {
			return f
		}
	}
	for _, f := range innerByFirst[line[0]] {
		if f.peel(&s.clock, line, e) {
			return f
		}
	}
	return nil
}

// head returns the rule of the record that a line begins, nil if it cannot go
// on.
func (s *Stream) head(e *Envelope, f *format) *rule {
	if f != nil && (f.rules != nil || f.parse != nil) {
		for _, r := range f.rules {
			if (r.words == 0 || e.holds(text(e.Body), r.words)) && r.head(e, e.Body) {
				return r
			}
		}
		return nil
	}
	list := rules
	if len(e.Body) > 0 {
		list = rulesByFirst[e.Body[0]]
	}
	found := e.words(text(e.Body))
	for _, r := range list {
		if (r.words == 0 || found&r.words != 0) && r.head(e, e.Body) {
			return r
		}
	}
	return nil
}

// next decides whether a line belongs to the open record of its program.
func (s *Stream) next(p *pending, e *Envelope, f *format) step {
	if e.Partial {
		return stepEnd
	}
	if p.rule != nil {
		if f != nil && !p.rule.enveloped {
			return stepEnd
		}
		if st := p.rule.next(e, e.Body, &p.state); st != stepEnd || p.format == nil || !p.format.sticky {
			return st
		}
	}
	if f != nil || s.head(e, nil) != nil {
		return stepEnd
	}
	return stepJoin
}

// parse gives r its meaning.
func (s *Stream) parse(r *culprit.Record, e *Envelope, body []byte, f *format) {
	r.Source, r.Service = s.opts.Source, s.opts.Service
	r.Time, r.TimeText, r.Severity = e.Time, e.TimeText, e.Severity
	r.Host, r.Process, r.PID, r.Unit = e.Host, e.Process, e.PID, e.Unit
	r.Message = text(body)
	r.Attrs = append(r.Attrs, e.Attrs...)
	name := e.Format
	s.known = f != nil && f != restOfLine
	switch {
	case f != nil && f.parse != nil:
		f.parse(&s.clock, e, body, r)
	case s.only != nil && s.only.parse(&s.clock, e, body, r):
		name, s.known = s.only.name, true
	default:
		if by := parseBody(&s.clock, e, body, r); by != "" && f == nil {
			name, s.known = by, true
		}
	}
	if e.Stream != "" {
		r.Attrs.Add("stream", e.Stream)
		if name != e.Format || f != nil {
			r.Attrs.Add("inner_source_type", name)
		}
	}
	// A name before a bar or a time alone is little to go by.
	s.known = s.known || e.Format != "" && e.Format != "prefixed" && e.Format != "stamped"
	if s.known {
		if name != s.named {
			if s.named, s.count = name, s.tally[name]; s.count == nil {
				s.count = new(int)
				s.tally[name] = s.count
			}
		}
		*s.count++
	}
	if r.Time.IsZero() {
		r.NotBefore = s.prev
	} else {
		s.prev, s.clock.last = r.Time, r.Time
	}
}

// parseBody asks the body parsers in turn and returns the name of the one that
// knew the body, "" if none did.
func parseBody(c *clock, e *Envelope, b []byte, r *culprit.Record) string {
	list := bodies
	if len(b) > 0 {
		list = bodiesByFirst[b[0]]
	}
	for _, p := range list {
		if (p.words == 0 || e.holds(text(b), p.words)) && p.parse(c, e, b, r) {
			return p.name
		}
	}
	return ""
}

// Close ends the source: what still waited for more lines is complete.
func (s *Stream) Close(emit func(*culprit.Record)) {
	s.completeAll(0)
	s.settle(emit)
}

// Open hands out the records that may still grow, and those that have to wait
// for them, as they would be if the source ended here, and keeps them.
func (s *Stream) Open(emit func(*culprit.Record)) {
	if len(s.queue) == 0 {
		return
	}
	last, prev := s.clock.last, s.prev
	for _, p := range s.queue {
		if !p.absorbed {
			s.emit(p, emit)
		}
	}
	s.clock.last, s.prev = last, prev
}

// Resume returns the position from which the source has to be read again to
// get the records that were not emitted yet: the first byte of the first
// record that waits, or the end of the last line. It is valid until the next
// call of Push.
func (s *Stream) Resume() culprit.Position {
	if len(s.queue) > 0 {
		return s.queue[0].start
	}
	return s.end
}

// Last returns the time of the last record before Resume that has one.
func (s *Stream) Last() time.Time { return s.prev }

// Format returns the name of the format of most records so far, "" if no line
// was understood.
func (s *Stream) Format() string {
	best, most := "", 0
	for name, n := range s.tally {
		if *n > most || *n == most && name < best {
			best, most = name, *n
		}
	}
	return best
}
