package parsers

import (
	"unsafe"

	"culprit"
)

// A pending is a record that waits: for more of its lines, or for its turn.
type pending struct {
	key        key
	env        Envelope
	format     *format
	rule       *rule
	state      int
	start, end culprit.Position
	from, to   int // line numbers
	first, at  int // its first and its last line, counted by the stream
	lines      int
	mark       culprit.Mark
	raw        []byte // lines as written, joined by \n
	body       []byte // the same without envelopes, unless bare
	bare       bool   // no line has an envelope: the body is raw
	strings    []byte // what env's strings lie in
	cursors    []byte // and those of start and end

	open     bool
	brief    bool       // it only waits for indented lines right behind it
	partial  bool       // its one line is not whole yet
	absorbed bool       // it has become part of another record
	maybe    []*pending // later lines that belong to it if more follow
	older    *pending   // neighbours among the open records
	younger  *pending
}

// add appends a record of one line to the queue.
func (s *Stream) add(l *Line, e *Envelope, body []byte, f *format) *pending {
	var p *pending
	if n := len(s.free); n > 0 {
		p = s.free[n-1]
		s.free = s.free[:n-1]
	} else {
		p = new(pending)
	}
	p.strings = e.keep(&p.env, p.strings)
	p.format, p.start, p.from, p.to, p.mark = f, l.Start, l.No, l.No, l.Mark
	p.cursors = append(p.cursors[:0], l.Start.Cursor...)
	p.start.Cursor = text(p.cursors)
	p.endsAt(l)
	p.first, p.at, p.lines = s.lines, s.lines, 1
	p.raw = append(p.raw[:0], l.Text...)
	if p.bare = same(body, l.Text); !p.bare {
		p.body = append(p.body[:0], body...)
	}
	p.env.Body = p.text()
	if len(body) == len(e.looked) && text(body) == e.looked {
		p.env.looked = text(p.env.Body) // found holds for the copy, too
	}
	s.queue = append(s.queue, p)
	s.bytes += len(p.raw)
	return p
}

// same reports whether a and b are the same memory.
func same(a, b []byte) bool {
	return len(a) == len(b) && unsafe.SliceData(a) == unsafe.SliceData(b)
}

// text returns the lines of p without envelopes, joined by \n.
func (p *pending) text() []byte {
	if p.bare {
		return p.raw
	}
	return p.body
}

// part gives p a body of its own, since what follows has an envelope.
func (p *pending) part() {
	if p.bare {
		p.bare, p.body = false, append(p.body[:0], p.raw...)
	}
}

// wait opens p for more lines of its program.
func (s *Stream) wait(p *pending, k key, r *rule) {
	if p.mark&culprit.MarkTruncated != 0 {
		return // its own line goes on, and nobody sees the rest
	}
	// The key's strings have to live as long as p does. They are nearly always
	// those of env; an inner format may have given it others.
	kept := func(s, mine string) string {
		if s == mine {
			return mine
		}
		return own(s)
	}
	p.key = key{kept(k.host, p.env.Host), kept(k.process, p.env.Process), k.pid, kept(k.prefix, p.env.Prefix)}
	p.rule, p.open = r, true
	if p.key == (key{}) {
		s.bare = p
	} else {
		s.open[p.key] = p
	}
	s.touch(p)
}

// openAt returns the open record of a program, nil if there is none.
func (s *Stream) openAt(k key) *pending {
	switch {
	case s.young == nil:
		return nil
	case s.young.key == k: // nearly always
		return s.young
	case k == (key{}):
		return s.bare
	}
	return s.open[k]
}

// touch makes p the youngest of the open records.
func (s *Stream) touch(p *pending) {
	if s.young == p || p.brief {
		return
	}
	s.unlink(p)
	p.older = s.young
	if s.young != nil {
		s.young.younger = p
	}
	s.young = p
	if s.old == nil {
		s.old = p
	}
}

func (s *Stream) unlink(p *pending) {
	if p.older != nil {
		p.older.younger = p.younger
	} else if s.old == p {
		s.old = p.younger
	}
	if p.younger != nil {
		p.younger.older = p.older
	} else if s.young == p {
		s.young = p.older
	}
	p.older, p.younger = nil, nil
}

// join appends a line to p, after what only waited for it. It reports false,
// and p is complete, if a bound is in the way.
func (s *Stream) join(p *pending, l *Line, body []byte) bool {
	lines, size := p.lines+1, len(p.raw)+1+len(l.Text)
	for _, q := range p.maybe {
		lines, size = lines+q.lines, size+1+len(q.raw)
	}
	if lines > MaxLines || size > MaxBytes {
		p.mark |= culprit.MarkTruncated
		s.complete(p)
		return false
	}
	for _, q := range p.maybe {
		p.grow(q.raw, q.text(), q.mark, q.lines)
		q.absorbed = true
		s.bytes += 1 + len(q.raw)
	}
	p.maybe = p.maybe[:0]
	p.grow(l.Text, body, l.Mark, 1)
	s.bytes += 1 + len(l.Text)
	p.to, p.at = l.No, s.lines
	p.endsAt(l)
	s.touch(p)
	return true
}

// endsAt moves the end of p to that of a line.
func (p *pending) endsAt(l *Line) {
	p.end = l.End
	if l.End.Cursor != "" { // an entry of a journal
		n := len(p.start.Cursor)
		p.cursors = append(p.cursors[:n], l.End.Cursor...)
		p.end.Cursor = text(p.cursors[n:])
	}
}

func (p *pending) grow(raw, body []byte, m culprit.Mark, lines int) {
	if p.bare && !same(raw, body) {
		p.part()
	}
	if p.raw = append(append(p.raw, '\n'), raw...); !p.bare {
		p.body = append(append(p.body, '\n'), body...)
	}
	p.mark |= m
	p.lines += lines
}

// tentative notes that q belongs to p if a later line does.
func (s *Stream) tentative(p, q *pending) bool {
	if len(p.maybe) >= maxMaybe {
		return false
	}
	p.maybe = append(p.maybe, q)
	p.at = s.lines
	s.touch(p)
	return true
}

// maxMaybe bounds the lines in a row that only belong to a record if more follow.
const maxMaybe = 64

// piece appends the next part of a line that a transport has cut.
func (s *Stream) piece(p *pending, l *Line, e *Envelope, emit func(*culprit.Record)) {
	whole := !e.Partial
	if p.lines+1 > MaxLines || len(p.raw)+1+len(l.Text) > MaxBytes {
		p.mark |= culprit.MarkTruncated
		s.complete(p)
		s.place(l, e, e.Body, nil, emit)
		return
	}
	p.part()
	p.raw = append(append(p.raw, '\n'), l.Text...)
	p.body = append(p.body, e.Body...)
	p.mark |= l.Mark
	p.lines++
	s.bytes += 1 + len(l.Text)
	p.to, p.at = l.No, s.lines
	p.endsAt(l)
	s.touch(p)
	if whole {
		s.whole(p)
		if p.open {
			p.rule = s.head(&p.env, p.format)
			if p.rule == nil && (p.format == nil || !p.format.sticky) {
				s.complete(p)
			}
		}
		s.settle(emit)
	}
	s.bound(emit)
}

// whole peels the line that was put together from pieces.
func (s *Stream) whole(p *pending) {
	p.partial = false
	p.env.Partial = false
	p.part()
	p.env.Body = p.body
	p.format = s.inner(&p.env)
	if p.format != nil {
		// Its strings lie in the line; the body must not move over them.
		p.body = append([]byte(nil), p.env.Body...)
		p.env.Body = p.body
	}
}

// complete closes p.
func (s *Stream) complete(p *pending) {
	if !p.open {
		return
	}
	if p.partial {
		s.whole(p)
	}
	p.open = false
	p.maybe = p.maybe[:0]
	if p.brief {
		return // only s.above knows it
	}
	if s.bare == p {
		s.bare = nil
	} else {
		delete(s.open, p.key)
	}
	s.unlink(p)
}

// completeAll closes all records with a mark.
func (s *Stream) completeAll(m culprit.Mark) {
	if s.above != nil && s.above.open {
		s.above.mark |= m
		s.complete(s.above)
	}
	for s.old != nil {
		s.old.mark |= m
		s.complete(s.old)
	}
}

// expire closes the records that got no line for too long.
func (s *Stream) expire() {
	for s.old != nil && s.lines-s.old.at > maxAway {
		s.complete(s.old)
	}
}

// bound closes all records when too much waits.
func (s *Stream) bound(emit func(*culprit.Record)) {
	if len(s.queue) == 0 || s.bytes <= maxHeldBytes && s.lines-s.queue[0].first < maxHeldLines {
		return
	}
	s.completeAll(culprit.MarkTruncated)
	s.settle(emit)
}

// settle hands out the records at the head of the queue that are complete and
// that no other record overlaps.
func (s *Stream) settle(emit func(*culprit.Record)) {
	for s.done < len(s.queue) {
		p := s.queue[s.done]
		if p.open {
			return
		}
		s.reach = max(s.reach, p.at)
		s.done++
		if s.done < len(s.queue) && s.queue[s.done].first <= s.reach {
			continue
		}
		for i, q := range s.queue[:s.done] {
			s.bytes -= len(q.raw)
			if !q.absorbed {
				s.emit(q, emit)
			}
			s.queue[i] = nil
			s.release(q)
		}
		s.queue = s.queue[:copy(s.queue, s.queue[s.done:])]
		s.done, s.reach = 0, 0
		if len(s.queue) == 0 {
			s.bytes = 0
		}
	}
}

// emit parses p and hands it out.
func (s *Stream) emit(p *pending, emit func(*culprit.Record)) {
	r := &s.rec
	r.Reset()
	r.Text, r.Start, r.End, r.LineFrom, r.LineTo, r.Mark = p.raw, p.start, p.end, p.from, p.to, p.mark
	p.env.Body = p.text()
	s.parse(r, &p.env, p.env.Body, p.format)
	emit(r)
}

// release keeps p for another record, unless it has become large.
func (s *Stream) release(p *pending) {
	if cap(p.raw) > 64<<10 || len(s.free) >= 256 {
		return
	}
	// add sets all else.
	p.key, p.rule, p.state, p.maybe = key{}, nil, 0, p.maybe[:0]
	p.open, p.brief, p.partial, p.absorbed = false, false, false, false
	s.free = append(s.free, p)
}

// own returns a copy of s that shares no memory with it.
func own(s string) string {
	if s == "" {
		return ""
	}
	return string([]byte(s))
}
