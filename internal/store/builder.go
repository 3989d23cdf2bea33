package store

import (
	"bytes"
	"encoding/binary"
	"math"
	"strconv"
	"strings"
	"time"
	"unsafe"

	"culprit"
	"culprit/internal/query"
)

// Bounds of a block.
const (
	blockRecords = 512
	blockBytes   = 256 << 10 // of text; one record alone may be longer
)

// A row is what the columns hold of one record.
type row struct {
	time             int64 // UTC nanoseconds; a bound where the record has no time of its own
	observed         int64 // UTC nanoseconds, 0 if unknown
	start, end       int64 // offsets in a file, sequence numbers in a journal
	lineFrom, lineTo int64
	textEnd          int // of its text in the block's
	looseEnd         int // of its loose values
	lines            int // lines of its text
	template         uint32
}

// A builder collects records of one source and writes them as a block. Text is
// kept as it is; nearly everything else of a record is either the same as in
// many others or stands in the text. So a record is a template (its kind,
// service, ..., and for each attribute where in the text it stands, told by its
// distance from the one before and the byte that ends it) and a few numbers.
// Records of one shape share one template, which makes the columns small, and a
// predicate on them is evaluated once a template.
type builder struct {
	text      []byte
	rows      []row
	loose     []byte // values that stand neither in the template nor in the text
	templates [][]byte
	arena     []byte // holds the templates
	counts    []int  // records of each template
	table     []uint32
	strings   map[string]uint32 // dictionary of the templates, ids of names
	names     []string          // of the dictionary; knownNames come before
	foreign   bool              // the template that is written names a key of the block's own dictionary
	counted   []counter         // fields that the index counts
	ranges    []valueRange
	extra     []extraText
	extraText []byte
	cuts      []int32 // in text: ends of the values of each record that stand one after another, between tokens
	cutEnds   []int   // in cuts, of each record

	// What was learnt of the source, for the next block too, see next.
	labels  []label           // the first is the empty string
	labelOf map[string]uint32 // index in labels
	shapes  []shape
	buckets [256]int32  // hash table of numbers of shapes, from 1
	draft   []shapeSlot // of the record that is written

	eventHash   uint64 // of the attributes of the last record that stormAttr names
	hasUpstream bool

	scratch []byte
	digits  []byte
	last    struct {
		template uint32
		time     int64
		header   [len(columns) + 1]headerMemo
		attrs    []attrMemo // TimeText, PID, Message, then one for each key
		at       []int32    // index in attrs of the attribute at each place of the last record
	}
	bytes int // of encoded size, roughly: text and loose
}

// attrMemo remembers how the last value of an attribute was written, for the next
// one likely stands alike.
type attrMemo struct {
	key     string
	id      uint32 // of the key, 0 if the block's own dictionary has it
	class   query.Class
	counter int    // index in counted, or -1
	span    int    // index in ranges, or -1
	storm   uint8  // when it tells events of a storm apart, see stormAttr
	keyHash uint64 // of the key, for those
	mode    uint8
	rel     int
}

// A label is a string of a column: a kind, a service.
type label struct {
	s     string // own memory
	hash  uint64
	id    uint32 // of the name in this block, 0 if not known yet
	storm bool   // it is a kind of storms
}

// A headerMemo remembers the last labels of one column; most records have one of a
// few.
type headerMemo struct {
	current uint32
	recent  [16]uint32 // by length and last byte
}

// extraText is text whose tokens a filter has to know beside the record's own, for
// a field query finds its records by tokens. They are no words of the record, so
// they are not counted.
type extraText struct{ record, start, end int }

// A counter counts the records by the values of one field.
type counter struct {
	field   string
	values  []valueCount
	last    int
	lastInt int64          // the number that the last value is, 0 if it is none
	lookup  map[string]int // once there are many values
}

type valueCount struct {
	raw    string // as the record has it, own memory
	folded []byte
	n      int // records of the block that have it
	record int // the last one that had it, counted once
}

type valueRange struct {
	field    string
	min, max int64 // min is larger if the block has no value
}

// Codes of a slot: how a value is found.
const (
	codeLoose    = iota // in the loose values
	codeZero            // the empty string, 0, false
	codeAfter           // in the text, from the end of the one before
	codeFrom            // in the text, from the start of the one before
	codeAbsolute        // in the text, from its start
	codeTrue            // a boolean
)

// Ends of a string in the text that are no byte of it.
const (
	endOfText = 0
	endLoose  = 1 // its length is a loose value
	endFixed  = 2 // its length stands in the template
)

// Flags of a template.
const (
	flagTimeUnknown = 1 << iota
	flagNotBefore   // loose, nanoseconds from the row's time
	flagNotAfter
	flagCursor    // positions are sequence numbers of the journal named in the template
	flagRawCursor // both cursors are loose strings
)

func newBuilder() *builder {
	b := &builder{strings: map[string]uint32{}, labelOf: map[string]uint32{}}
	b.reset()
	return b
}

// Bounds of what is learnt of a source. Beyond, it is learnt anew: the source has
// no few shapes that come again.
const (
	maxLabels = 32 << 10 // bytes
	maxMemos  = 64
)

// reset empties the builder and forgets what it has learnt, so that its blocks are
// those of a new one.
func (b *builder) reset() {
	b.labels = append(b.labels[:0], label{})
	if len(b.labelOf) > 1024 {
		b.labelOf = map[string]uint32{}
	}
	clear(b.labelOf)
	b.shapes = b.shapes[:0]
	clear(b.buckets[:])
	b.counted, b.ranges = b.counted[:0], b.ranges[:0]
	clear(b.last.header[:])
	clear(b.last.attrs)
	b.last.attrs = append(b.last.attrs[:0], attrMemo{span: -1}, attrMemo{span: -1}, attrMemo{span: -1})
	b.last.at = b.last.at[:0]
	b.last.time = 0
	b.empty()
}

// next empties the builder for the next block of the same source, whose records
// are likely of the same shapes.
func (b *builder) next() {
	size := 0
	for i := range b.labels {
		b.labels[i].id = 0
		size += len(b.labels[i].s)
	}
	if size > maxLabels || len(b.last.attrs) > maxMemos || len(b.shapes) > maxShapes/2 {
		last := b.last.time
		b.reset()
		b.last.time = last
		return
	}
	for i := range b.shapes {
		b.shapes[i].leave()
	}
	b.empty()
}

// empty drops the records and keeps the memory, unless that has become large.
func (b *builder) empty() {
	if cap(b.text) > 4*blockBytes || cap(b.loose) > 4*blockBytes || cap(b.arena) > 4*blockBytes || cap(b.extraText) > 4*blockBytes {
		b.text, b.loose, b.arena, b.extraText = nil, nil, nil, nil
	}
	b.text, b.rows, b.loose, b.arena = b.text[:0], b.rows[:0], b.loose[:0], b.arena[:0]
	b.templates, b.counts, b.extra, b.extraText = b.templates[:0], b.counts[:0], b.extra[:0], b.extraText[:0]
	b.cuts, b.cutEnds = b.cuts[:0], b.cutEnds[:0]
	clear(b.table)
	if len(b.strings) > 1024 {
		b.strings = map[string]uint32{}
	}
	clear(b.strings)
	b.names = b.names[:0]
	for i := range b.counted {
		b.counted[i].zero()
	}
	for i := range b.ranges {
		b.ranges[i].min, b.ranges[i].max = math.MaxInt64, math.MinInt64
	}
	b.last.template = 0
	b.bytes = 0
}

func (b *builder) len() int { return len(b.rows) }

// full reports whether a record of n bytes more would be too much.
func (b *builder) full(n int) bool {
	return len(b.rows) >= blockRecords || len(b.rows) > 0 && b.bytes+n > blockBytes
}

// name returns the id of a string of the templates.
func (b *builder) name(s string) uint32 {
	if s == "" {
		return 0
	}
	if id, ok := nameIDs[s]; ok {
		return id
	}
	id, ok := b.strings[s]
	if !ok {
		s = strings.Clone(s)
		id = uint32(1 + len(knownNames) + len(b.names))
		b.strings[s] = id
		b.names = append(b.names, s)
	}
	return id
}

// nameOf returns the string with an id; own are those of the block.
func nameOf(own []string, id uint64) (string, bool) {
	known := uint64(len(knownNames))
	switch {
	case id == 0:
		return "", true
	case id <= known:
		return knownNames[id-1], true
	case id-known-1 < uint64(len(own)):
		return own[id-known-1], true
	}
	return "", false
}

// header returns the label of one of the strings that most records share.
func (b *builder) header(i int, s string) uint32 {
	m := &b.last.header[i]
	if s == "" {
		m.current = 0
		return 0
	}
	recent := &m.recent[(len(s)+7*int(s[len(s)-1]))%len(m.recent)]
	if b.labels[*recent].s != s {
		*recent = b.label(s)
	}
	m.current = *recent
	return m.current
}

// label returns the label of a string that is not empty.
func (b *builder) label(s string) uint32 {
	k, ok := b.labelOf[s]
	if !ok {
		k = uint32(len(b.labels))
		s = strings.Clone(s)
		b.labels = append(b.labels, label{s: s, hash: hashString(s), storm: storms[culprit.Kind(s)]})
		b.labelOf[s] = k
	}
	return k
}

// kind returns the label of the last record's kind, valid until the next record.
func (b *builder) kind() *label { return &b.labels[b.last.header[0].current] }

// eventKey returns what tells the group of the last record, but for its time: its
// columns and the attributes that stormAttr names.
func (b *builder) eventKey(r *culprit.Record) uint64 {
	h := mixKey(b.eventHash, uint64(uint8(r.Severity)))
	for i := range b.last.header[:len(columns)] {
		h = mixKey(h, b.labels[b.last.header[i].current].hash)
	}
	return h
}

// add copies what it needs of r.
func (b *builder) add(r *culprit.Record, service, upstream string) {
	record := len(b.rows)
	if record > 0 {
		b.text = append(b.text, '\n')
	}
	b.text = append(b.text, r.Text...)
	m := row{
		textEnd:  len(b.text),
		lines:    1 + bytes.Count(r.Text, newline),
		lineFrom: int64(r.LineFrom), lineTo: int64(r.LineTo),
		start: r.Start.Offset, end: r.End.Offset,
		observed: nanos(r.ObservedTime),
	}
	looseBefore := len(b.loose)

	var flags uint8
	journal := ""
	if r.Start.Cursor != "" || r.End.Cursor != "" {
		id, from, ok := ParseCursor(r.Start.Cursor)
		id2, to, ok2 := ParseCursor(r.End.Cursor)
		if ok && ok2 && id == id2 {
			flags |= flagCursor
			journal, m.start, m.end = id, from, to
		} else {
			flags |= flagRawCursor
			b.looseString(r.Start.Cursor)
			b.looseString(r.End.Cursor)
		}
	}
	m.time = b.timeOf(r)
	if r.Time.IsZero() {
		flags |= flagTimeUnknown
		if !r.NotBefore.IsZero() {
			flags |= flagNotBefore
			b.loose = binary.AppendVarint(b.loose, nanos(r.NotBefore)-m.time)
		}
		if !r.NotAfter.IsZero() {
			flags |= flagNotAfter
			b.loose = binary.AppendVarint(b.loose, nanos(r.NotAfter)-m.time)
		}
	}
	b.last.time = m.time

	b.hasUpstream = upstream != ""
	h := templateHead{flags: flags, mark: uint8(r.Mark), severity: uint8(r.Severity + 1)}
	for i, name := range [...]string{string(r.Kind), service, upstream, r.Host, r.Process, r.Unit, journal} {
		h.columns[i] = b.header(i, name)
	}
	w := slotWriter{b: b, text: r.Text, record: record, base: len(b.text) - len(r.Text)}
	loose, cuts := len(b.loose), len(b.cuts)
	b.eventHash = eventSeed
	if s := b.shapeOf(&h, len(r.Attrs)); w.fits(s, r) {
		m.template = b.templateOf(s)
	} else {
		b.loose, b.cuts = b.loose[:loose], b.cuts[:cuts]
		b.eventHash = eventSeed
		w = slotWriter{b: b, text: r.Text, record: record, base: w.base}
		head := w.template(&h, r)
		m.template = b.intern(b.scratch)
		w.remember(s, r, m.template, b.scratch[head:])
	}
	m.looseEnd = len(b.loose)
	b.rows = append(b.rows, m)
	b.cutEnds = append(b.cutEnds, len(b.cuts))
	b.bytes += len(r.Text) + 1 + len(b.loose) - looseBefore
}

// appendHead writes what a template begins with.
func (b *builder) appendHead(dst []byte, h *templateHead) []byte {
	dst = append(dst, h.flags, h.mark, h.severity)
	for _, k := range h.columns {
		l := &b.labels[k]
		if l.id == 0 {
			l.id = b.name(l.s)
		}
		dst = binary.AppendUvarint(dst, uint64(l.id))
	}
	return dst
}

// template writes the template of a record into b.scratch and returns where its
// head ends.
func (w *slotWriter) template(h *templateHead, r *culprit.Record) (head int) {
	b := w.b
	b.draft, b.foreign = b.draft[:0], false
	b.scratch = b.appendHead(b.scratch[:0], h)
	head = len(b.scratch)
	w.string(&b.last.attrs[0], r.TimeText, false)
	w.int(&b.last.attrs[1], int64(r.PID))
	if r.PID != 0 {
		b.extend(b.spanOf(&b.last.attrs[1], "pid"), int64(r.PID))
	}
	w.inMessage = true
	w.string(&b.last.attrs[2], r.Message, true)
	w.inMessage = false
	w.prevEnd = w.prevStart
	b.scratch = binary.AppendUvarint(b.scratch, uint64(len(r.Attrs)))
	for i := range r.Attrs {
		w.attr(b.memoOf(i, r.Attrs[i].Key), &r.Attrs[i])
		if len(b.draft) == 4+i { // else a value stands elsewhere
			k := &b.draft[3+i]
			k.key, k.typ, k.memo = unsafe.StringData(r.Attrs[i].Key), r.Attrs[i].Value.Type(), b.last.at[i]
			k.uses = b.last.attrs[k.memo].uses()
		}
	}
	return head
}

var newline = []byte{'\n'}

// timeOf returns the time by which the record is sorted: its own, else the
// nearest bound.
func (b *builder) timeOf(r *culprit.Record) int64 {
	switch {
	case !r.Time.IsZero():
		return nanos(r.Time)
	case !r.NotBefore.IsZero():
		return nanos(r.NotBefore)
	case b.last.time != 0:
		return b.last.time
	case !r.NotAfter.IsZero():
		return nanos(r.NotAfter)
	}
	return nanos(r.ObservedTime)
}

// nanos returns UTC nanoseconds, 0 for the zero time; times beyond what these can
// tell (1678 to 2262) are the nearest that they can.
func nanos(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	switch s := t.Unix(); {
	case s < -9223372036:
		return -9223372036e9
	case s >= 9223372036:
		return 9223372036e9
	default:
		return s*1e9 + int64(t.Nanosecond())
	}
}

func timeAt(ns int64) time.Time {
	if ns == 0 {
		return time.Time{}
	}
	return time.Unix(0, ns).UTC()
}

func (b *builder) looseString(s string) {
	b.loose = binary.AppendUvarint(b.loose, uint64(len(s)))
	b.loose = append(b.loose, s...)
}

// more makes text known to the index that does not stand in the record's.
func (b *builder) more(record int, s string) {
	if s == "" {
		return
	}
	start := len(b.extraText)
	b.extraText = append(b.extraText, s...)
	b.extra = append(b.extra, extraText{record, start, len(b.extraText)})
}

// intern returns the number of a template.
func (b *builder) intern(t []byte) uint32 {
	if n := b.last.template; int(n) < len(b.templates) && bytes.Equal(b.templates[n], t) {
		b.counts[n]++
		return n
	}
	if 2*len(b.templates) >= len(b.table) {
		b.table = make([]uint32, max(256, 4*len(b.table)))
		for n, t := range b.templates {
			b.table[b.slotOf(t)] = uint32(n) + 1
		}
	}
	at := b.slotOf(t)
	n := b.table[at]
	if n == 0 {
		start := len(b.arena)
		b.arena = append(b.arena, t...)
		b.templates = append(b.templates, b.arena[start:len(b.arena):len(b.arena)])
		b.counts = append(b.counts, 0)
		n = uint32(len(b.templates))
		b.table[at] = n
	}
	n--
	b.counts[n]++
	b.last.template = n
	return n
}

// slotOf returns where in the table the template stands or would stand.
func (b *builder) slotOf(t []byte) int {
	mask := uint64(len(b.table) - 1)
	at := query.Hash(t) & mask
	for b.table[at] != 0 && !bytes.Equal(b.templates[b.table[at]-1], t) {
		at = (at + 1) & mask
	}
	return int(at)
}

// A slotWriter writes where the values of one record stand.
type slotWriter struct {
	b                  *builder
	text               []byte
	record             int
	prevStart, prevEnd int
	base               int // of text in the block's
	cutFrom, cutTo     int // the value that the last cut ends
	inMessage          bool
}

// memoOf returns the memory of a key, which stands at place i of the attributes.
func (b *builder) memoOf(i int, key string) *attrMemo {
	if i < len(b.last.at) {
		if m := &b.last.attrs[b.last.at[i]]; m.key == key && b.last.at[i] >= 3 {
			return m
		}
	} else {
		b.last.at = append(b.last.at, 0)
	}
	for k := 3; k < len(b.last.attrs); k++ {
		if b.last.attrs[k].key == key {
			b.last.at[i] = int32(k)
			return &b.last.attrs[k]
		}
	}
	// Keys are constants (see culprit.Attrs), so the next one is this very string
	// and compares fast.
	m := attrMemo{key: key, id: nameIDs[key], counter: -1, span: -1}
	if !isColumn(key) {
		m.class = query.ClassOf(key)
	}
	if m.storm = stormAttr(key); m.storm != stormNever {
		m.keyHash = hashString(key)
	}
	if m.class != query.ClassNone && query.Counted(key) {
		m.counter = b.counterOf(key)
	}
	b.last.at[i] = int32(len(b.last.attrs))
	b.last.attrs = append(b.last.attrs, m)
	return &b.last.attrs[b.last.at[i]]
}

// within returns where in text s stands if it shares its memory.
func within(text []byte, s string) (int, bool) {
	if len(s) == 0 || len(text) == 0 {
		return 0, false
	}
	// Only the addresses are compared; nothing is read through them.
	d := uintptr(unsafe.Pointer(unsafe.StringData(s))) - uintptr(unsafe.Pointer(unsafe.SliceData(text)))
	if d < uintptr(len(text)) && d+uintptr(len(s)) <= uintptr(len(text)) {
		return int(d), true
	}
	return 0, false
}

// predicted returns where the value would stand if this record is like the last.
func (w *slotWriter) predicted(m *attrMemo) int {
	switch m.mode {
	case codeAfter:
		return w.prevEnd + m.rel
	case codeFrom:
		return w.prevStart + m.rel
	case codeAbsolute:
		return m.rel
	}
	return -1
}

// locate returns where in the text s stands, -1 if it does not.
func (w *slotWriter) locate(m *attrMemo, s string) int {
	if at, ok := within(w.text, s); ok {
		return at
	}
	if p := w.predicted(m); p >= 0 && p+len(s) <= len(w.text) && string(w.text[p:p+len(s)]) == s {
		return p
	}
	if len(s) < 3 {
		return -1 // it would be found anywhere
	}
	if at := w.find(s, w.prevEnd, len(w.text)); at >= 0 {
		return at
	}
	return w.find(s, 0, min(len(w.text), w.prevEnd+len(s)))
}

// find returns where in text[from:to] s stands between tokens, else where it stands
// within one, else -1.
func (w *slotWriter) find(s string, from, to int) int {
	within := -1
	for k := 0; k < 4; k++ { // the connect of connect(), not that of connecting
		i := bytes.Index(w.text[from:to], viewString(s))
		if i < 0 {
			break
		}
		if from += i; !w.cuts(from) && !w.cuts(from+len(s)) {
			return from
		}
		if within < 0 {
			within = from
		}
		from++
	}
	return within
}

// place appends the code for a value at start and remembers it.
func (w *slotWriter) place(m *attrMemo, start, end int) {
	switch {
	case start >= w.prevEnd:
		m.mode, m.rel = codeAfter, start-w.prevEnd
	case start >= w.prevStart:
		m.mode, m.rel = codeFrom, start-w.prevStart
	default:
		m.mode, m.rel = codeAbsolute, start
	}
	w.b.scratch = append(w.b.scratch, m.mode)
	w.b.scratch = binary.AppendUvarint(w.b.scratch, uint64(m.rel))
	w.stand(start, end)
}

// stand notes where a value stands. Where it ends is a cut, unless values stand
// within it, which follow it: then they are what counts.
func (w *slotWriter) stand(start, end int) {
	w.prevStart, w.prevEnd = start, end
	if w.inMessage || start < w.cutFrom || w.cuts(end) {
		return
	}
	b := w.b
	if start < w.cutTo {
		b.cuts = b.cuts[:len(b.cuts)-1]
	}
	b.cuts = append(b.cuts, int32(w.base+end))
	w.cutFrom, w.cutTo = start, end
}

// string writes a slot. Loose ones are told to the index if index is set.
func (w *slotWriter) string(m *attrMemo, s string, index bool) {
	b := w.b
	if s == "" {
		b.scratch = append(b.scratch, codeZero)
		b.draft = append(b.draft, shapeSlot{code: codeZero})
		return
	}
	start := w.locate(m, s)
	if start < 0 {
		b.scratch = append(b.scratch, codeLoose)
		b.looseString(s)
		if index {
			b.more(w.record, s)
		}
		return
	}
	end := start + len(s)
	w.place(m, start, end)
	plain := true
	if index && (w.cuts(start) || w.cuts(end)) {
		b.more(w.record, s) // its tokens are not the text's
		plain = false
	}
	k := shapeSlot{code: m.mode, rel: int32(m.rel), end: endLoose}
	switch {
	case end == len(w.text):
		k.end = endOfText
	case w.text[end] > endFixed && strings.IndexByte(s, w.text[end]) < 0:
		k.end = w.text[end]
	case m == &b.last.attrs[0]: // all times of a log have one length
		k.end, k.length = endFixed, int32(len(s))
	}
	b.scratch = append(b.scratch, k.end)
	switch k.end {
	case endFixed:
		b.scratch = binary.AppendUvarint(b.scratch, uint64(len(s)))
	case endLoose:
		b.loose = binary.AppendUvarint(b.loose, uint64(len(s)))
	}
	if plain {
		b.draft = append(b.draft, k)
	}
}

// cuts reports whether an end at i may lie within a token.
func (w *slotWriter) cuts(i int) bool {
	return i > 0 && i < len(w.text) && query.TokenByte(w.text[i-1]) && query.TokenByte(w.text[i])
}

// int writes a slot: a decimal number of the text, which ends before the first
// byte that is no digit, or a loose one. It reports whether it stands in the text.
func (w *slotWriter) int(m *attrMemo, v int64) {
	b := w.b
	if v == 0 {
		b.scratch = append(b.scratch, codeZero)
		b.draft = append(b.draft, shapeSlot{code: codeZero})
		return
	}
	start, end := w.predicted(m), 0
	if start >= 0 {
		end = w.numberAt(start, v)
	}
	if end == 0 && v >= 10 { // smaller ones would be found anywhere
		b.digits = strconv.AppendInt(b.digits[:0], v, 10)
		if start, end = w.findNumber(w.prevEnd, v); end == 0 {
			start, end = w.findNumber(0, v)
		}
	}
	if end == 0 {
		b.scratch = append(b.scratch, codeLoose)
		w.looseInt(v)
		if 0 < v && v < 10 {
			b.draft = append(b.draft, shapeSlot{code: codeLoose})
		}
		return
	}
	w.place(m, start, end)
	b.draft = append(b.draft, shapeSlot{code: m.mode, rel: int32(m.rel)})
}

func (w *slotWriter) looseInt(v int64) {
	b := w.b
	b.loose = binary.AppendVarint(b.loose, v)
	b.digits = strconv.AppendInt(b.digits[:0], v, 10)
	b.more(w.record, view(b.digits))
}

// findNumber returns where from an offset on v stands, whose digits are in
// b.digits; end 0 if it does not.
func (w *slotWriter) findNumber(from int, v int64) (start, end int) {
	for from < len(w.text) {
		k := bytes.Index(w.text[from:], w.b.digits)
		if k < 0 {
			break
		}
		if end = w.numberAt(from+k, v); end > 0 {
			return from + k, end
		}
		from += k + len(w.b.digits)
	}
	return 0, 0
}

// numberAt returns the end of the number at start if it is v and a token of its
// own, else 0.
func (w *slotWriter) numberAt(start int, v int64) int {
	t := w.text
	if start >= len(t) || t[start] < '1' || t[start] > '9' || start > 0 && query.TokenByte(t[start-1]) {
		return 0
	}
	n, i := int64(0), start
	for ; i < len(t) && t[i] >= '0' && t[i] <= '9'; i++ {
		if i-start >= 18 {
			return 0
		}
		n = n*10 + int64(t[i]-'0')
	}
	if n != v || i < len(t) && query.TokenByte(t[i]) {
		return 0
	}
	return i
}

// attr writes one attribute and counts it.
func (w *slotWriter) attr(m *attrMemo, a *culprit.Attr) {
	b := w.b
	id := m.id
	if id == 0 {
		id = b.name(m.key)
		b.foreign = b.foreign || id != 0
	}
	b.scratch = binary.AppendUvarint(b.scratch, uint64(id))
	typ := a.Value.Type()
	w.storm(m, a)
	b.scratch = append(b.scratch, uint8(typ))
	switch typ {
	case culprit.TypeString:
		s := a.Value.String()
		w.string(m, s, m.class != query.ClassNone && m.counter < 0)
		if m.counter >= 0 {
			b.count(m.counter, s, w.record)
		}
		if m.class == query.ClassNumber {
			b.draft = b.draft[:0] // not by fits
			w.numeric(m, a.Value)
		}
	case culprit.TypeInt:
		v, _ := a.Value.Int()
		w.int(m, v)
		switch {
		case m.counter >= 0:
			b.countInt(m.counter, v, w.record)
		case m.class != query.ClassNone && v < 10: // else the text or a loose value tells it
			b.more(w.record, a.Value.String())
		}
		if m.class == query.ClassNumber {
			b.extend(b.spanOf(m, a.Key), v)
		}
	case culprit.TypeBool:
		v, _ := a.Value.Int()
		code := uint8(codeZero)
		if v == 1 {
			code = codeTrue
		}
		b.scratch = append(b.scratch, code)
		w.tell(m, a.Value.String())
		if m.class == query.ClassNumber {
			w.numeric(m, culprit.Int(v))
		}
	default:
		b.digits = appendComposite(b.digits[:0], a.Value)
		b.scratch = append(b.scratch, codeLoose)
		b.looseString(view(b.digits))
		if typ == culprit.TypeStrings {
			for _, s := range a.Value.List() {
				w.tell(m, s)
				if m.class == query.ClassNumber {
					w.numeric(m, culprit.String(s))
				}
			}
		} else {
			w.tell(m, a.Value.String())
		}
	}
}

// storm mixes an attribute into what tells the events of a storm apart.
func (w *slotWriter) storm(m *attrMemo, a *culprit.Attr) {
	b := w.b
	if m.storm == stormNever || m.storm == stormNoUpstream && b.hasUpstream {
		return
	}
	b.eventHash = mixKey(b.eventHash, m.keyHash)
	if a.Value.Type() == culprit.TypeInt {
		v, _ := a.Value.Int()
		b.eventHash = mixKey(b.eventHash, uint64(v))
	} else {
		b.eventHash = mixKey(b.eventHash, hashString(a.Value.String()))
	}
}

// tell makes a value known to the index that is not written as text.
func (w *slotWriter) tell(m *attrMemo, value string) {
	switch {
	case m.counter >= 0:
		w.b.count(m.counter, value, w.record)
	case m.class != query.ClassNone:
		w.b.more(w.record, value)
	}
}

// numeric treats a string attribute of a numeric field.
func (w *slotWriter) numeric(m *attrMemo, v culprit.Value) {
	n, ok := v.Int()
	if !ok {
		return
	}
	w.b.extend(w.b.spanOf(m, m.key), n)
	w.b.digits = strconv.AppendInt(w.b.digits[:0], n, 10)
	if string(w.b.digits) != v.String() || v.Type() != culprit.TypeString { // 007 is asked for as 7
		w.tell(m, string(w.b.digits))
	}
}

// isColumn reports whether a field is a column of every record; an attribute of
// the same name is shown but not asked for.
func isColumn(field string) bool {
	switch field {
	case "kind", "severity", "service", "source", "format", "host", "process", "pid", "unit", "upstream", "message":
		return true
	}
	return false
}

func (b *builder) counterOf(field string) int {
	for i := range b.counted {
		if b.counted[i].field == field {
			return i
		}
	}
	b.counted = append(b.counted, counter{field: field})
	return len(b.counted) - 1
}

func (b *builder) count(c int, value string, record int) {
	k := &b.counted[c]
	if k.last < len(k.values) {
		if v := &k.values[k.last]; v.raw == value {
			v.count(record)
			return
		}
	}
	k.last, k.lastInt = k.find(value), 0
	k.values[k.last].count(record)
}

func (b *builder) countInt(c int, n int64, record int) {
	k := &b.counted[c]
	if k.last < len(k.values) && k.lastInt == n && n != 0 {
		k.values[k.last].count(record)
		return
	}
	b.digits = strconv.AppendInt(b.digits[:0], n, 10)
	b.count(c, view(b.digits), record)
	k.lastInt = n
}

// count counts a record that has the value, once.
func (v *valueCount) count(record int) {
	if v.record != record {
		v.n, v.record = v.n+1, record
	}
}

// zero prepares a counter for another block. The values are likely the same, unless
// they are such that the index does not count them.
func (k *counter) zero() {
	for i := range k.values {
		v := &k.values[i]
		if i >= maxValues || len(v.raw) > maxValue {
			k.values, k.lookup, k.lastInt = nil, nil, 0
			return
		}
		v.n, v.record = 0, -1
	}
}

// find returns the index of a value, which may be new.
func (k *counter) find(value string) int {
	if k.lookup != nil {
		if i, ok := k.lookup[value]; ok {
			return i
		}
	} else {
		for i := range k.values {
			if k.values[i].raw == value {
				return i
			}
		}
	}
	value = strings.Clone(value)
	k.values = append(k.values, valueCount{raw: value, folded: query.Fold(nil, []byte(value)), record: -1})
	n := len(k.values) - 1
	if k.lookup != nil {
		k.lookup[value] = n
	} else if n == 16 {
		k.lookup = make(map[string]int, 64)
		for i := range k.values {
			k.lookup[k.values[i].raw] = i
		}
	}
	return n
}

// spanOf returns the index of the range of a numeric field.
func (b *builder) spanOf(m *attrMemo, field string) int {
	if m.span >= 0 {
		return m.span
	}
	for i := range b.ranges {
		if b.ranges[i].field == field {
			m.span = i
			return i
		}
	}
	b.ranges = append(b.ranges, valueRange{field: field, min: math.MaxInt64, max: math.MinInt64})
	m.span = len(b.ranges) - 1
	return m.span
}

func (b *builder) extend(i int, v int64) {
	r := &b.ranges[i]
	r.min, r.max = min(r.min, v), max(r.max, v)
}
