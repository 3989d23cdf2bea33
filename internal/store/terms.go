package store

import (
	"bytes"
	"encoding/binary"
	"slices"
	"strconv"
	"unicode/utf8"

	"culprit"
	"culprit/internal/query"
)

// Bounds of what one block may put into the index. What is beyond goes into the
// filter, and the block is marked as crowded.
const (
	maxWords  = 8192
	maxValues = 128 // of one counted field
	maxValue  = 128 // bytes of a counted value
)

// terms collects what the index and the filter have to know about one block, and
// on the way its residue: both rest on where a record differs from its model.
type terms struct {
	words  []word  // in the order in which they were found
	slots  []int32 // hash table of indexes into words, plus one
	keys   []uint64
	keySet []uint64 // hash table; 0 is empty
	zero   bool     // the key 0 is in keys
	raw    []byte   // text of the block
	text   []byte   // the same, folded where it was taken apart
	extra  []byte   // folded extra text
	tokens []query.Token
	found  []int32 // for each of tokens its index in words, or notWord

	models      []model // by template
	modelTokens []modelToken
	parts       []textPart // that repeat has added of the record
	residue     residue

	crowded bool
	fields  []byte // counted fields, see appendFields
	stats   []byte // ranges of numeric fields, see appendStats
}

// A textPart is a part of the text of the block.
type textPart struct{ from, to int }

type word struct {
	hash   uint64
	off    int32 // in text
	size   int32
	n      int32 // records that hold it
	record int32 // the last of them
}

func newTerms() *terms {
	return &terms{slots: make([]int32, 2048), keySet: make([]uint64, 4096)}
}

func (t *terms) reset() {
	clear(t.slots)
	clear(t.keySet)
	if len(t.slots) > 1<<14 || len(t.keySet) > 1<<15 {
		t.slots, t.keySet = make([]int32, 2048), make([]uint64, 4096)
	}
	t.words, t.keys, t.text = t.words[:0], t.keys[:0], t.text[:0]
	t.fields, t.stats = t.fields[:0], t.stats[:0]
	t.models, t.modelTokens = t.models[:0], t.modelTokens[:0]
	t.zero, t.crowded = false, false
	t.residue.reset()
}

// collect fills t from all records of b.
func (t *terms) collect(b *builder) {
	t.reset()
	t.raw = b.text
	t.text = slices.Grow(t.text, len(t.raw))[:len(t.raw)]
	t.models = append(t.models, make([]model, len(b.templates))...)
	start, before, cut := 0, 0, 0
	numbers := 0 // length of the part of the record before that begins it and holds numbers only
	extra := b.extra
	for i := range b.rows {
		end := b.rows[i].textEnd
		from := start
		// Lines of one second begin alike, and the keys of that part are there. A
		// word follows, so that no chain of numbers goes on.
		if numbers > 0 && start+numbers < end && letter(t.raw[start+numbers]) && bytes.Equal(t.raw[start:start+numbers], t.raw[before:before+numbers]) {
			from = start + numbers
		} else {
			numbers = numericPrefix(t.raw[start:end])
		}
		before = start
		cuts := b.cuts[cut:b.cutEnds[i]]
		cuts = cuts[:min(len(cuts), maxSegments-1)]
		cut = b.cutEnds[i]
		switch m := &t.models[b.rows[i].template]; {
		case m.known:
			t.repeat(int32(i), m, start, from, end, cuts)
		case b.counts[b.rows[i].template] > 1:
			*m = model{known: true, from: start, to: end, cuts: cuts}
			t.record(int32(i), start, end)
			t.setTokens(m)
			t.residue.model(t.raw[start:end], start, cuts)
		default:
			*m = model{known: true, from: start, to: end} // of none, but to the reader it is one
			t.record(int32(i), from, end)
			t.residue.model(t.raw[start:end], start, nil)
		}
		for len(extra) > 0 && extra[0].record == i {
			e := extra[0]
			extra = extra[1:]
			t.extra = query.Fold(t.extra[:0], b.extraText[e.start:e.end])
			t.tokens = query.Tokens(t.tokens[:0], t.extra, 0, len(t.extra))
			for _, k := range t.tokens {
				t.key(k.Hash)
			}
		}
		start = end + 1
	}
	t.appendFields(b)
	t.appendStats(b)
}

func letter(c byte) bool { return c|0x20 >= 'a' && c|0x20 <= 'z' || c == '_' }

// numericPrefix returns the length of the part at the beginning of text that holds
// only tokens with digits, if a word follows soon.
func numericPrefix(text []byte) int {
	n, digit, inToken := 0, false, false
	for i, c := range text[:min(len(text), 48)] {
		if c >= utf8.RuneSelf {
			return 0 // it may end a token or belong to it
		}
		if query.TokenByte(c) {
			inToken = true
			digit = digit || c >= '0' && c <= '9'
			continue
		}
		if inToken && !digit {
			return n
		}
		inToken, digit = false, false
		n = i + 1
	}
	return 0
}

// record adds the tokens of text[from:to].
func (t *terms) record(record int32, from, to int) {
	t.found = t.found[:0]
	t.tokens = t.tokens[:0]
	if from >= to { // what is between is known
		return
	}
	query.Fold(t.text[:from], t.raw[from:to]) // in place
	t.tokens = query.Tokens(t.tokens[:0], t.text, from, to)
	mask := uint64(len(t.slots) - 1)
	for i := range t.tokens {
		k := &t.tokens[i]
		if k.Kind != query.KindWord {
			t.key(k.Hash)
			t.found = append(t.found, notWord)
			continue
		}
		at := k.Hash & mask
		for {
			n := t.slots[at]
			if n == 0 {
				break
			}
			w := &t.words[n-1]
			if w.hash == k.Hash && w.size == k.End-k.Start && t.same(int(w.off), int(k.Start), int(w.size)) {
				t.count(n-1, record)
				t.found = append(t.found, n-1)
				break
			}
			at = (at + 1) & mask
		}
		if t.slots[at] != 0 {
			continue
		}
		if len(t.words) >= maxWords {
			t.crowded = true
			t.key(k.Hash)
			t.found = append(t.found, notWord)
			continue
		}
		t.found = append(t.found, int32(len(t.words)))
		t.words = append(t.words, word{hash: k.Hash, off: k.Start, size: k.End - k.Start, n: 1, record: record})
		t.slots[at] = int32(len(t.words))
		if 2*len(t.words) > len(t.slots) {
			t.growWords()
			mask = uint64(len(t.slots) - 1)
		}
	}
}

// count counts a record that holds a word, once.
func (t *terms) count(word, record int32) {
	if w := &t.words[word]; w.record != record {
		w.record = record
		w.n++
	}
}

// same reports whether the n bytes at a and at b are the same.
func (t *terms) same(a, b, n int) bool {
	if n <= 8 && a+8 <= len(t.text) && b+8 <= len(t.text) {
		d := binary.LittleEndian.Uint64(t.text[a:]) ^ binary.LittleEndian.Uint64(t.text[b:])
		return d<<(64-8*uint(n)) == 0
	}
	return bytes.Equal(t.text[a:a+n], t.text[b:b+n])
}

func (t *terms) growWords() {
	t.slots = make([]int32, 4*len(t.slots))
	mask := uint64(len(t.slots) - 1)
	for i := range t.words {
		at := t.words[i].hash & mask
		for t.slots[at] != 0 {
			at = (at + 1) & mask
		}
		t.slots[at] = int32(i) + 1
	}
}

// key adds a key of the filter.
func (t *terms) key(h uint64) {
	if h == 0 {
		if !t.zero {
			t.zero = true
			t.keys = append(t.keys, 0)
		}
		return
	}
	mask := uint64(len(t.keySet) - 1)
	at := h & mask
	for t.keySet[at] != 0 {
		if t.keySet[at] == h {
			return
		}
		at = (at + 1) & mask
	}
	t.keySet[at] = h
	t.keys = append(t.keys, h)
	if 2*len(t.keys) > len(t.keySet) {
		t.keySet = make([]uint64, 4*len(t.keySet))
		mask = uint64(len(t.keySet) - 1)
		for _, h := range t.keys {
			if h == 0 {
				continue
			}
			at := h & mask
			for t.keySet[at] != 0 {
				at = (at + 1) & mask
			}
			t.keySet[at] = h
		}
	}
}

// columnValues calls yield for the columns of a template that the index counts.
func (b *builder) columnValues(template []byte, yield func(field, value string)) {
	if sev := culprit.Severity(template[2]) - 1; sev != culprit.SeverityNone {
		yield("severity", strconv.Itoa(int(sev)))
	}
	rest := template[3:]
	for _, field := range columns {
		id, n := binary.Uvarint(rest)
		rest = rest[n:]
		if name, ok := nameOf(b.names, id); ok && id != 0 {
			yield(field, name)
		}
	}
}

// columns are the string columns of a template in their order, but for the
// journal's id, the last.
var columns = [...]string{"kind", "service", "upstream", "host", "process", "unit"}

// appendFields writes the counted fields: for each, its name, the number of
// values, and for each value the text and the number of records.
func (t *terms) appendFields(b *builder) {
	for i, template := range b.templates {
		b.columnValues(template, func(field, value string) {
			k := &b.counted[b.counterOf(field)]
			k.values[k.find(value)].n += b.counts[i]
		})
	}
	for i := range b.counted {
		k := &b.counted[i]
		n := t.merge(k)
		if n == 0 {
			continue
		}
		t.fields = appendString(t.fields, k.field)
		t.fields = binary.AppendUvarint(t.fields, uint64(n))
		for _, v := range k.values {
			if v.n > 0 {
				t.fields = appendString(t.fields, string(v.folded))
				t.fields = binary.AppendUvarint(t.fields, uint64(v.n))
			}
		}
	}
}

// merge leaves of the values of a counter those that the index counts, and returns
// how many they are. Values that differ in case only are one term; a record that has
// both counts twice, so the block is crowded and is looked at.
func (t *terms) merge(k *counter) int {
	used, kept := 0, 0
	for i := range k.values {
		if k.values[i].n > 0 {
			used++
		}
	}
	for i := range k.values {
		v := &k.values[i]
		if v.n == 0 {
			continue
		}
		if used <= maxValues {
			if same := k.folded(v.folded, i); same != nil {
				same.n += v.n
				v.n = 0
				t.crowded = t.crowded || !isColumn(k.field)
				continue
			}
		}
		switch {
		case len(v.folded) == 0:
			v.n = 0
		case kept >= maxValues || len(v.folded) > maxValue:
			t.crowded = true
			t.key(query.HashField(k.field, v.folded))
			v.n = 0
		default:
			kept++
		}
	}
	return kept
}

// folded returns which of the first values that have records reads so, or nil.
func (k *counter) folded(text []byte, first int) *valueCount {
	for i := range k.values[:first] {
		if v := &k.values[i]; v.n > 0 && bytes.Equal(v.folded, text) {
			return v
		}
	}
	return nil
}

// appendStats writes the ranges of the numeric fields.
func (t *terms) appendStats(b *builder) {
	for _, r := range b.ranges {
		if r.min > r.max {
			continue
		}
		t.stats = appendString(t.stats, r.field)
		t.stats = binary.AppendVarint(t.stats, r.min)
		t.stats = binary.AppendVarint(t.stats, r.max)
	}
}

// inStats reports whether a block with these stats can have a value of the field
// from low to high.
func inStats(stats, field string, low, high int64) bool {
	for len(stats) > 0 {
		name, rest, ok := cutString(stats)
		if !ok {
			return true
		}
		lo, n := binary.Varint([]byte(rest[:min(len(rest), binary.MaxVarintLen64)]))
		if n <= 0 {
			return true
		}
		rest = rest[n:]
		hi, n := binary.Varint([]byte(rest[:min(len(rest), binary.MaxVarintLen64)]))
		if n <= 0 {
			return true
		}
		stats = rest[n:]
		if name == field {
			return hi >= low && lo <= high
		}
	}
	return false
}

func appendString(b []byte, s string) []byte {
	b = binary.AppendUvarint(b, uint64(len(s)))
	return append(b, s...)
}

func cutString(s string) (value, rest string, ok bool) {
	n, k := binary.Uvarint([]byte(s[:min(len(s), binary.MaxVarintLen64)]))
	if k <= 0 || n > uint64(len(s)-k) {
		return "", "", false
	}
	return s[k : k+int(n)], s[k+int(n):], true
}

// appendWords writes the words in the form that appendFields has.
func (t *terms) appendWords(dst []byte) []byte {
	dst = binary.AppendUvarint(dst, uint64(len(t.words)))
	for i := range t.words {
		w := &t.words[i]
		dst = binary.AppendUvarint(dst, uint64(w.size))
		dst = append(dst, t.text[w.off:w.off+w.size]...)
		dst = binary.AppendUvarint(dst, uint64(w.n))
	}
	return dst
}
