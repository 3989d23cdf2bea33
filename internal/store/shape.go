package store

import (
	"encoding/binary"
	"slices"
	"strings"
	"unsafe"

	"culprit"
	"culprit/internal/query"
)

// A shape is a template with what it takes to see that a record has it: then the
// template need not be written to find that it is there already.
type shape struct {
	template uint32 // in this block, if written
	written  bool
	foreign  bool   // its keys stand in the dictionary of this block
	body     []byte // the template after its head
	next     int32  // number of the next one in its bucket, see builder.buckets
	attrs    int
	head     templateHead
	slots    []shapeSlot // of TimeText, PID, Message and the attributes; empty if it cannot be told by fits
}

// A templateHead is what a template begins with.
type templateHead struct {
	flags, mark, severity uint8
	columns               [len(columns) + 1]uint32 // labels
}

// A shapeSlot is a value that stands in the text, or is zero, or a small number
// that is loose.
type shapeSlot struct {
	key    *byte // of the constant that is the key
	memo   int32 // index in builder.last.attrs
	rel    int32
	length int32 // if end is endFixed
	typ    culprit.ValueType
	code   uint8
	end    uint8
	uses   uint8
}

// What is done with a value but for its being written, see attrMemo.
const (
	useIndex = 1 << iota // its tokens are asked for
	useCount
	useRange
	useStorm
)

// maxShapes is the number of shapes that a builder remembers.
const maxShapes = 256

// shapeOf returns the shape that a record with this head and so many attributes may
// have: a new one if none is remembered, nil if there are too many.
func (b *builder) shapeOf(h *templateHead, attrs int) *shape {
	n := uint32(attrs) + uint32(h.severity)*7
	for _, id := range h.columns {
		n = (n + id) * 0x9e3779b1
	}
	first := &b.buckets[n>>24]
	for i := *first; i > 0; i = b.shapes[i-1].next {
		if s := &b.shapes[i-1]; s.attrs == attrs && s.head == *h {
			return s
		}
	}
	if len(b.shapes) >= maxShapes {
		return nil
	}
	b.shapes = slices.Grow(b.shapes, 1)[:len(b.shapes)+1]
	s := &b.shapes[len(b.shapes)-1] // its memory is that of one before
	*s = shape{next: *first, attrs: attrs, head: *h, body: s.body[:0], slots: s.slots[:0]}
	*first = int32(len(b.shapes))
	return s
}

// fits reports whether a record has a shape, and does all that is to do for its
// values if so. What it did is done again or does no harm if not.
func (w *slotWriter) fits(s *shape, r *culprit.Record) bool {
	b := w.b
	if s == nil || len(s.slots) == 0 {
		return false
	}
	if !w.fitsString(&s.slots[0], r.TimeText, false) || !w.fitsInt(&s.slots[1], int64(r.PID)) {
		return false
	}
	if r.PID != 0 {
		b.extend(b.spanOf(&b.last.attrs[1], "pid"), int64(r.PID))
	}
	w.inMessage = true
	if !w.fitsString(&s.slots[2], r.Message, true) {
		return false
	}
	w.inMessage = false
	w.prevEnd = w.prevStart
	slots := s.slots[3:][:len(r.Attrs)]
	for i := range r.Attrs {
		a, k := &r.Attrs[i], &slots[i]
		if unsafe.StringData(a.Key) != k.key || a.Value.Type() != k.typ {
			return false
		}
		if k.typ == culprit.TypeInt {
			if v, _ := a.Value.Int(); !w.fitsInt(k, v) || v < 10 && k.uses&useIndex != 0 {
				return false
			}
		} else if !w.fitsString(k, a.Value.String(), k.uses&useIndex != 0) {
			return false
		}
		if k.uses&^useIndex != 0 {
			w.use(k, a)
		}
	}
	return true
}

// use counts a value, widens its range and tells storms apart by it.
func (w *slotWriter) use(k *shapeSlot, a *culprit.Attr) {
	b := w.b
	m := &b.last.attrs[k.memo]
	if k.uses&useStorm != 0 {
		w.storm(m, a)
	}
	if k.typ != culprit.TypeInt {
		if k.uses&useCount != 0 {
			b.count(m.counter, a.Value.String(), w.record)
		}
		return
	}
	v, _ := a.Value.Int()
	if k.uses&useCount != 0 {
		b.countInt(m.counter, v, w.record)
	}
	if k.uses&useRange != 0 {
		b.extend(b.spanOf(m, a.Key), v)
	}
}

// uses returns what is done with the values of an attribute.
func (m *attrMemo) uses() (uses uint8) {
	if m.counter >= 0 {
		uses |= useCount
	} else if m.class != query.ClassNone {
		uses |= useIndex
	}
	if m.class == query.ClassNumber {
		uses |= useRange
	}
	if m.storm != stormNever {
		uses |= useStorm
	}
	return uses
}

// remember notes the shape of the record that template has just written, unless
// it has a value that fits does not know. Body is what follows the template's head.
func (w *slotWriter) remember(s *shape, r *culprit.Record, template uint32, body []byte) {
	b := w.b
	if s == nil || len(b.draft) != 3+len(r.Attrs) {
		return
	}
	s.template, s.written, s.foreign = template, true, b.foreign
	s.slots = append(s.slots[:0], b.draft...)
	s.body = append(s.body[:0], body...)
}

// templateOf returns the template of a record that has the shape.
func (b *builder) templateOf(s *shape) uint32 {
	if s.written {
		b.counts[s.template]++
		return s.template
	}
	b.scratch = append(b.appendHead(b.scratch[:0], &s.head), s.body...)
	s.template, s.written = b.intern(b.scratch), true
	return s.template
}

// leave ends a block: what the shape knows of it does not hold in the next.
func (s *shape) leave() {
	s.written = false
	if s.foreign {
		s.slots = s.slots[:0]
	}
}

// predict returns where the value of a slot begins, -1 if not in the text.
func (w *slotWriter) predict(k *shapeSlot) int {
	switch k.code {
	case codeAfter:
		return w.prevEnd + int(k.rel)
	case codeFrom:
		return w.prevStart + int(k.rel)
	case codeAbsolute:
		return int(k.rel)
	}
	return -1
}

func (w *slotWriter) fitsString(k *shapeSlot, s string, index bool) bool {
	if s == "" {
		return k.code == codeZero
	}
	start := w.predict(k)
	end := start + len(s)
	if start < 0 || end > len(w.text) {
		return false
	}
	if unsafe.StringData(s) != &w.text[start] && string(w.text[start:end]) != s {
		return false
	}
	switch k.end {
	case endOfText:
		if end != len(w.text) {
			return false
		}
	case endFixed:
		if len(s) != int(k.length) {
			return false
		}
	case endLoose:
		w.b.loose = binary.AppendUvarint(w.b.loose, uint64(len(s)))
	default:
		if end == len(w.text) || w.text[end] != k.end || strings.IndexByte(s, k.end) >= 0 {
			return false
		}
	}
	if index && (w.cuts(start) || w.cuts(end)) {
		return false
	}
	w.stand(start, end)
	return true
}

func (w *slotWriter) fitsInt(k *shapeSlot, v int64) bool {
	if v == 0 {
		return k.code == codeZero
	}
	if k.code == codeLoose && 0 < v && v < 10 {
		w.looseInt(v)
		return true
	}
	start := w.predict(k)
	if start < 0 {
		return false
	}
	end := w.numberAt(start, v)
	if end == 0 {
		return false
	}
	w.stand(start, end)
	return true
}
