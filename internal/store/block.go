package store

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"

	"culprit"
	"culprit/internal/query"
)

// A block is what was read of stored records: the columns, and the text once it
// is asked for. It is a [query.Block]. Its memory is used again by the next
// decode.
type block struct {
	source, format string

	rows      []row
	templates []template
	names     []string
	loose     []byte

	residue  residueReader
	text     []byte
	folded   []byte
	ends     []int
	hasText  bool
	isFolded bool

	columns []byte // expanded; names alias it
	numbers []int64
	slots   []slot // arena of the templates
	values  []value
}

// A template is what records of one shape share.
type template struct {
	flags    uint8
	mark     culprit.Mark
	severity culprit.Severity
	columns  [len(columns)]string
	journal  string
	slots    []slot // TimeText, PID, Message, then the attributes
}

type slot struct {
	key  string
	typ  culprit.ValueType
	code uint8
	end  uint8
	rel  int

	length int // if end is endFixed
}

// A value is a slot of one record, resolved.
type value struct {
	start, end int    // in the record's text, if loose is nil
	loose      []byte // of a string; never nil then
	number     int64
}

// blocks are used again: a decoded one takes about a megabyte.
var blocks = sync.Pool{New: func() any { return &block{} }}

func getBlock() *block { return blocks.Get().(*block) }

// release gives the block back; nothing may hold on to its memory.
func (b *block) release() {
	if cap(b.text) > 4*blockBytes || cap(b.residue.numbers)+cap(b.residue.literals) > 4*blockBytes || cap(b.columns) > 4*blockBytes {
		return
	}
	b.rows = b.rows[:0]
	b.source, b.format = "", ""
	blocks.Put(b)
}

var errBlock = fmt.Errorf("read block: %w", culprit.ErrCorrupt)

// decode reads columns; the text is set later by setText.
func (b *block) decode(stored []byte) error {
	var err error
	if b.columns, err = expand(b.columns, stored); err != nil {
		return err
	}
	b.hasText, b.isFolded = false, false
	b.text, b.ends = b.text[:0], b.ends[:0]
	b.rows, b.templates, b.names, b.slots = b.rows[:0], b.templates[:0], b.names[:0], b.slots[:0]
	r := &reader{b: b.columns}
	if v := r.byte(); v != blockVersion {
		return fmt.Errorf("read block: version %d: %w", v, culprit.ErrCorrupt)
	}
	n := r.uvarint()
	if n > blockRecords {
		return errBlock
	}
	for range n {
		b.rows = append(b.rows, row{})
	}
	for range r.count() {
		name := r.bytes()
		b.names = append(b.names, view(name))
	}
	templates := r.count()
	for range templates {
		t := reader{b: r.bytes()}
		if r.bad {
			return errBlock
		}
		if err := b.decodeTemplate(&t); err != nil {
			return err
		}
	}
	read := func(set func(r *row, v int64)) {
		b.numbers = r.numbers(b.numbers, len(b.rows))
		if len(b.numbers) != len(b.rows) {
			r.bad = true
			return
		}
		for i := range b.rows {
			set(&b.rows[i], b.numbers[i])
		}
	}
	read(func(r *row, v int64) { r.time = v })
	read(func(r *row, v int64) { r.observed = v })
	read(func(r *row, v int64) { r.start = v }) // gaps; resolved with the text
	read(func(r *row, v int64) { r.end = v })
	line, wrong := int64(0), false
	read(func(r *row, v int64) { r.lineFrom = v })
	read(func(r *row, v int64) { r.lineTo = v })
	read(func(r *row, v int64) {
		if v < 1 || v > maxBlockText {
			wrong = true
			v = 1
		}
		r.lines = int(v)
	})
	if r.bad || wrong || uint64(len(b.rows)) != n {
		return errBlock
	}
	for i := range b.rows {
		m := &b.rows[i]
		m.lineFrom += line
		m.lineTo += m.lineFrom + int64(m.lines)
		line = m.lineTo
	}
	read(func(r *row, v int64) { r.template = uint32(min(uint64(v), 1<<31)) })
	if r.bad {
		return errBlock
	}
	for i := range b.rows {
		if int(b.rows[i].template) >= len(b.templates) {
			return errBlock
		}
	}
	b.loose = r.b
	return nil
}

func (b *block) decodeTemplate(r *reader) error {
	var t template
	t.flags, t.mark, t.severity = r.byte(), culprit.Mark(r.byte()), culprit.Severity(r.byte())-1
	name := func() string {
		name, ok := nameOf(b.names, r.uvarint())
		r.bad = r.bad || !ok
		return name
	}
	for i := range t.columns {
		t.columns[i] = name()
	}
	t.journal = name()
	first := len(b.slots)
	attrs := 0
	for i := 0; i < 3+attrs; i++ {
		s := slot{typ: culprit.TypeString}
		switch {
		case i == 1:
			s.typ = culprit.TypeInt
		case i >= 3:
			if s.key = name(); nameIDs[s.key] == 0 {
				s.key = strings.Clone(s.key) // keys are kept, and the memory of columns is used again
			}
			s.typ = culprit.ValueType(r.byte())
			if s.typ > culprit.TypeFrame {
				r.bad = true
			}
		}
		s.code = r.byte()
		switch s.code {
		case codeLoose, codeZero, codeTrue:
		case codeAfter, codeFrom, codeAbsolute:
			rel := r.uvarint()
			if rel > maxBlockText {
				r.bad = true
			}
			s.rel = int(rel)
			if s.typ == culprit.TypeString {
				if s.end = r.byte(); s.end == endFixed {
					length := r.uvarint()
					if length > maxBlockText {
						r.bad = true
					}
					s.length = int(length)
				}
			} else if s.typ != culprit.TypeInt {
				r.bad = true
			}
		default:
			r.bad = true
		}
		b.slots = append(b.slots, s)
		if i == 2 {
			attrs = r.count()
		}
		if r.bad {
			return errBlock
		}
	}
	if len(r.b) > 0 {
		return errBlock
	}
	t.slots = b.slots[first:len(b.slots):len(b.slots)]
	b.templates = append(b.templates, t)
	return nil
}

// setText reads the text and resolves what depends on it.
func (b *block) setText(stored []byte) error {
	var err error
	if len(stored) > 0 && stored[0] == codecResidue {
		if err = b.residue.expand(stored); err != nil {
			return err
		}
		b.text, err = b.residue.read(b.text[:0], b.rows, len(b.templates))
	} else {
		b.text, err = expand(b.text, stored)
	}
	if err != nil {
		return err
	}
	b.ends = b.ends[:0]
	at, position := 0, int64(0)
	loose := reader{b: b.loose}
	for i := range b.rows {
		m := &b.rows[i]
		if i > 0 {
			if at >= len(b.text) {
				return errBlock
			}
			at++ // the newline between two records
		}
		start := at
		for range m.lines - 1 {
			k := bytes.IndexByte(b.text[at:], '\n')
			if k < 0 {
				return errBlock
			}
			at += k + 1
		}
		if k := bytes.IndexByte(b.text[at:], '\n'); k >= 0 {
			at += k
		} else {
			at = len(b.text)
		}
		m.textEnd = at
		b.ends = append(b.ends, at)
		m.start += position
		m.end += m.start
		if b.templates[m.template].flags&flagCursor == 0 {
			m.end += int64(at - start)
		}
		position = m.end
		// Loose values have no directory: reading them finds their ends. Where
		// there are none, values are only resolved when they are asked for.
		if len(b.loose) > 0 {
			b.resolve(i, start, &loose)
			if loose.bad {
				return errBlock
			}
		}
		m.looseEnd = len(b.loose) - len(loose.b)
	}
	if at != len(b.text) || len(loose.b) > 0 {
		return errBlock
	}
	b.hasText = true
	return nil
}

// bound is what resolve returns of a template's flags.
type bound struct {
	cursorFrom, cursorTo []byte
	notBefore, notAfter  int64
}

// resolve fills b.values with the slots of record i, whose text begins at start,
// and reads its loose values.
func (b *block) resolve(i, start int, loose *reader) (extra bound) {
	m := &b.rows[i]
	t := &b.templates[m.template]
	text := b.text[start:m.textEnd]
	if t.flags&flagRawCursor != 0 {
		extra.cursorFrom, extra.cursorTo = loose.bytes(), loose.bytes()
	}
	if t.flags&flagNotBefore != 0 {
		extra.notBefore = m.time + loose.varint()
	}
	if t.flags&flagNotAfter != 0 {
		extra.notAfter = m.time + loose.varint()
	}
	b.values = b.values[:0]
	prevStart, prevEnd := 0, 0
	for k := range t.slots {
		s := &t.slots[k]
		var v value
		switch s.code {
		case codeZero:
		case codeTrue:
			v.number = 1
		case codeLoose:
			if s.typ == culprit.TypeInt {
				v.number = loose.varint()
			} else {
				v.loose = loose.bytes()
				if v.loose == nil {
					v.loose = []byte{}
				}
			}
		default:
			v.start = s.rel
			switch s.code {
			case codeAfter:
				v.start += prevEnd
			case codeFrom:
				v.start += prevStart
			}
			if v.start > len(text) {
				loose.bad = true
				v.start = len(text)
			}
			v.end = v.start
			switch {
			case s.typ == culprit.TypeInt:
				for v.end < len(text) && text[v.end] >= '0' && text[v.end] <= '9' && v.end-v.start < 18 {
					v.number = v.number*10 + int64(text[v.end]-'0')
					v.end++
				}
			case s.end == endOfText:
				v.end = len(text)
			case s.end == endFixed:
				v.end += s.length
				if v.end > len(text) {
					loose.bad = true
					v.end = v.start
				}
			case s.end == endLoose:
				n := loose.uvarint()
				if n > uint64(len(text)-v.start) {
					loose.bad = true
					n = 0
				}
				v.end += int(n)
			default:
				n := bytes.IndexByte(text[v.start:], s.end)
				if n < 0 {
					loose.bad = true
					n = 0
				}
				v.end += n
			}
			prevStart, prevEnd = v.start, v.end
		}
		if k == 2 {
			prevEnd = prevStart // attributes stand in the message
		}
		b.values = append(b.values, v)
	}
	return extra
}

// start returns where the text of record i begins.
func (b *block) start(i int) int {
	if i == 0 {
		return 0
	}
	return b.rows[i-1].textEnd + 1
}

// looseOf returns a reader at the loose values of record i.
func (b *block) looseOf(i int) *reader {
	if i == 0 {
		return &reader{b: b.loose}
	}
	return &reader{b: b.loose[b.rows[i-1].looseEnd:]}
}

// bytesOf returns a string value of a record's text.
func (v *value) bytesOf(text []byte) []byte {
	if v.loose != nil {
		return v.loose
	}
	return text[v.start:v.end]
}

// Len returns the number of records.
func (b *block) Len() int { return len(b.rows) }

// Text returns the folded text.
func (b *block) Text() (folded []byte, ends []int) {
	if !b.isFolded {
		b.folded = query.Fold(b.folded[:0], b.text)
		b.isFolded = true
	}
	return b.folded, b.ends
}

// MatchValue implements [query.Block].
func (b *block) MatchValue(field string, ok func([]byte) bool, set query.Bits) {
	for c, name := range columns {
		if name == field {
			var folded []byte
			b.matchTemplates(func(t *template) bool {
				folded = query.Fold(folded[:0], viewString(t.columns[c]))
				return len(folded) > 0 && ok(folded)
			}, set)
			return
		}
	}
	b.eachValue(field, func(i int, value []byte) {
		if len(value) > 0 && !set.Has(i) && ok(value) {
			set.Set(i)
		}
	})
}

// eachValue calls yield for each value that a record has of a field, folded and
// only valid during the call.
func (b *block) eachValue(field string, yield func(i int, value []byte)) {
	var folded []byte
	fold := func(s string) []byte {
		folded = query.Fold(folded[:0], viewString(s))
		return folded
	}
	for c, name := range columns {
		if name == field {
			for i := range b.rows {
				yield(i, fold(b.templates[b.rows[i].template].columns[c]))
			}
			return
		}
	}
	switch field {
	case "source", "format":
		value := b.source
		if field == "format" {
			value = b.format
		}
		for i := range b.rows {
			yield(i, fold(value))
		}
		return
	case "message":
		b.eachSlot(func(i int, _ *slot, v *value, text []byte) {
			yield(i, fold(view(v.bytesOf(text))))
		}, func(*template) []int { return messageSlot })
		return
	}
	if isColumn(field) {
		return
	}
	var at []int
	b.eachSlot(func(i int, s *slot, v *value, text []byte) {
		switch s.typ {
		case culprit.TypeString:
			yield(i, fold(view(v.bytesOf(text))))
		case culprit.TypeInt:
			folded = strconv.AppendInt(folded[:0], v.number, 10)
			yield(i, folded)
		case culprit.TypeStrings:
			val := valueOf(s, v, text)
			for _, e := range val.List() {
				yield(i, fold(e))
			}
		default:
			yield(i, fold(valueOf(s, v, text).String()))
		}
	}, func(t *template) []int {
		at = at[:0]
		for k := 3; k < len(t.slots); k++ {
			if t.slots[k].key == field {
				at = append(at, k)
			}
		}
		return at
	})
}

var (
	pidSlot     = []int{1}
	messageSlot = []int{2}
)

// MatchNumber implements [query.Block].
func (b *block) MatchNumber(field string, low, high int64, set query.Bits) {
	in := func(n int64) bool { return n >= low && n <= high }
	if field == "severity" {
		b.matchTemplates(func(t *template) bool { return t.severity != culprit.SeverityNone && in(int64(t.severity)) }, set)
		return
	}
	if field != "pid" && isColumn(field) {
		return
	}
	var at []int
	b.eachSlot(func(i int, s *slot, v *value, text []byte) {
		val := valueOf(s, v, text)
		if n, ok := val.Int(); ok && in(n) && (field != "pid" || n != 0) {
			set.Set(i)
		}
		if s.typ == culprit.TypeStrings {
			for _, e := range val.List() {
				if n, ok := culprit.String(e).Int(); ok && in(n) {
					set.Set(i)
				}
			}
		}
	}, func(t *template) []int {
		if field == "pid" {
			return pidSlot
		}
		at = at[:0]
		for k := 3; k < len(t.slots); k++ {
			if t.slots[k].key == field {
				at = append(at, k)
			}
		}
		return at
	})
}

// matchTemplates sets the records of the templates that ok accepts.
func (b *block) matchTemplates(ok func(*template) bool, set query.Bits) {
	accepted := make([]bool, len(b.templates))
	for i := range b.templates {
		accepted[i] = ok(&b.templates[i])
	}
	for i := range b.rows {
		if accepted[b.rows[i].template] {
			set.Set(i)
		}
	}
}

// eachSlot calls yield for the slots of each record that pick chooses of its
// template.
func (b *block) eachSlot(yield func(i int, s *slot, v *value, text []byte), pick func(*template) []int) {
	picked := make([][]int, len(b.templates))
	for i := range b.templates {
		if at := pick(&b.templates[i]); len(at) > 0 {
			picked[i] = append([]int(nil), at...)
		}
	}
	for i := range b.rows {
		at := picked[b.rows[i].template]
		if len(at) == 0 {
			continue
		}
		start := b.start(i)
		b.resolve(i, start, b.looseOf(i))
		t := &b.templates[b.rows[i].template]
		for _, k := range at {
			yield(i, &t.slots[k], &b.values[k], b.text[start:b.rows[i].textEnd])
		}
	}
}

// valueOf makes the value of a slot. It may share the memory of the block.
func valueOf(s *slot, v *value, text []byte) culprit.Value {
	switch s.typ {
	case culprit.TypeInt:
		return culprit.Int(v.number)
	case culprit.TypeBool:
		return culprit.Bool(v.number == 1)
	case culprit.TypeStrings, culprit.TypeFrame:
		return parseComposite(s.typ, v.loose)
	}
	t := v.bytesOf(text)
	return culprit.String(view(t))
}

// record makes record i. It shares no memory with the block.
func (b *block) record(i int) (r *culprit.Record, service, upstream string) {
	m := &b.rows[i]
	t := &b.templates[m.template]
	start := b.start(i)
	extra := b.resolve(i, start, b.looseOf(i))
	text := b.text[start:m.textEnd]
	str := func(k int) string {
		s := b.values[k].bytesOf(text)
		return view(s)
	}
	r = &culprit.Record{
		Source: b.source, Text: text,
		LineFrom: int(m.lineFrom), LineTo: int(m.lineTo),
		TimeText: str(0), ObservedTime: timeAt(m.observed),
		NotBefore: timeAt(extra.notBefore), NotAfter: timeAt(extra.notAfter),
		Severity: t.severity, Kind: culprit.Kind(t.columns[0]),
		Host: t.columns[3], Process: t.columns[4], Unit: t.columns[5], PID: int(b.values[1].number), Message: str(2),
		Mark: t.mark,
	}
	if t.flags&flagTimeUnknown == 0 {
		r.Time = time.Unix(0, m.time).UTC()
	}
	switch {
	case t.flags&flagRawCursor != 0:
		r.Start.Cursor, r.End.Cursor = string(extra.cursorFrom), string(extra.cursorTo)
		fallthrough
	default:
		r.Start.Offset, r.End.Offset = m.start, m.end
	case t.flags&flagCursor != 0:
		r.Start.Cursor, r.End.Cursor = formatCursor(t.journal, m.start), formatCursor(t.journal, m.end)
	}
	if len(t.slots) > 3 {
		r.Attrs = make(culprit.Attrs, len(t.slots)-3)
		for k := range r.Attrs {
			s := &t.slots[3+k]
			r.Attrs[k] = culprit.Attr{Key: keyOf(s.key), Value: valueOf(s, &b.values[3+k], text)}
		}
	}
	c := r.Clone()
	c.Kind = culprit.Kind(strings.Clone(t.columns[0]))
	return c, strings.Clone(t.columns[1]), strings.Clone(t.columns[2])
}

// keyOf returns the key of an attribute in memory of its own; names of fields are
// shared.
func keyOf(s string) string {
	if name := query.FieldName(s); name != "" {
		return name
	}
	return strings.Clone(s)
}
