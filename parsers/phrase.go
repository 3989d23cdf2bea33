package parsers

import (
	"encoding/binary"
	"strings"
	"unsafe"
)

// Most lines are nobody's: an application's own words, which every rule and
// body parser in turn would look through for its phrases. So the phrases of
// those that need one are looked for in one pass over the body, once, before
// any of them is asked. Which sets of phrases a body holds is kept with its
// envelope.

// A phraseSet stands for a list of phrases, of which a body has at least one if
// it is to concern the parser or the rule that asks.
type phraseSet uint32

// phrases declares a set of phrases of at least four bytes. A parser or a rule
// that asks for the set must know no body without one of them.
func phrases(list ...string) phraseSet { return lineWords.declare(list, false) }

// stems declares a set of words in small letters that are found in any case.
func stems(list ...string) phraseSet { return lineWords.declare(list, true) }

// lineWords holds all phrases that were declared.
var lineWords phraseScan

// A phraseScan looks for all phrases at once. It reads three bytes at every
// second place of a text. Each phrase is entered by three bytes of it and by
// the three one further on, so that one of the two is read wherever the phrase
// stands; they are those that are rarest in text.
type phraseScan struct {
	seen [1 << 10]uint64 // a bit for each hash of which there is an entry
	slot [1 << 12]uint16 // 1 + index of the first entry by the first bits of the hash, 0 if there is none
	list []phraseEntry
	sets int
	all  phraseSet // counts as found in every text, for tests
}

type phraseEntry struct {
	text string
	at   int // of the three bytes
	hash uint32
	fold bool
	set  phraseSet
	next uint16 // 1 + index of the next entry of the slot
}

// phraseHash takes the first three of four bytes, the lowest first.
func phraseHash(gram uint32) uint32 { return gram << 8 * 0x9e3779b1 >> 16 }

func (p *phraseScan) declare(list []string, fold bool) phraseSet {
	set := phraseSet(1) << p.sets
	p.sets++
	for _, s := range list {
		p.add(s, set, fold)
	}
	return set
}

func (p *phraseScan) add(s string, set phraseSet, fold bool) {
	best, least := 0, 1<<30
	for i := 0; i+4 <= len(s); i++ {
		cost := 0
		for k := range 4 {
			cost += letterCost(s[i+k])
		}
		if cost < least {
			best, least = i, cost
		}
	}
	for at := best; at < best+2; at++ {
		gram := uint32(s[at]) | uint32(s[at+1])<<8 | uint32(s[at+2])<<16
		if !fold {
			p.enter(gram, phraseEntry{text: s, at: at, set: set})
			continue
		}
		for _, capitals := range [...]uint32{0, 0x20, 0x2000, 0x2020, 0x200000, 0x200020, 0x202000, 0x202020} {
			if gram&capitals == capitals { // what is no letter has but one form, or is found in vain
				p.enter(gram&^capitals, phraseEntry{text: s, at: at, fold: true, set: set})
			}
		}
	}
}

func (p *phraseScan) enter(gram uint32, e phraseEntry) {
	e.hash = phraseHash(gram)
	p.seen[e.hash>>6] |= 1 << (e.hash & 63)
	slot := &p.slot[e.hash>>4]
	e.next = *slot
	p.list = append(p.list, e)
	*slot = uint16(len(p.list))
}

// letterCost says how common a byte is in the words of logs.
func letterCost(c byte) int {
	switch {
	case strings.IndexByte(" etaoinsr./:(", c) >= 0: // of paths and calls, too
		return 4
	case strings.IndexByte("bfgkqvwxyz", c) >= 0, digit(c):
		return 2
	case c >= 'a' && c <= 'z':
		return 3
	}
	return 1
}

// scan returns the sets of which at least one phrase stands in s.
func (p *phraseScan) scan(s string) phraseSet {
	b := unsafe.Slice(unsafe.StringData(s), len(s))
	found := p.all
	for i := 0; i+4 <= len(b); i += 2 {
		if h := phraseHash(binary.LittleEndian.Uint32(b[i:])); p.seen[h>>6]>>(h&63)&1 != 0 {
			found = p.entered(h, s, i, found)
		}
	}
	if n := len(b); n > 3 && n%2 == 1 {
		found = p.entered(phraseHash(binary.LittleEndian.Uint32(b[n-4:])>>8), s, n-3, found)
	}
	return found
}

// entered adds to found the sets of the phrases that are entered under h and
// stand in s where i is the place of their three bytes.
func (p *phraseScan) entered(h uint32, s string, i int, found phraseSet) phraseSet {
	for k := p.slot[h>>4]; k != 0; {
		e := &p.list[k-1]
		if from := i - e.at; e.hash == h && e.set&^found != 0 && from >= 0 && from+len(e.text) <= len(s) {
			// Many words share three letters: a look at the first byte saves the rest.
			if s[from]|0x20 == e.text[0]|0x20 && (s[from:from+len(e.text)] == e.text || e.fold && hasFold(s[from:], e.text)) {
				found |= e.set
			}
		}
		k = e.next
	}
	return found
}

// words returns the sets of phrases of s, which is nearly always the body of e.
func (e *Envelope) words(s string) phraseSet {
	if len(s) != len(e.looked) || unsafe.StringData(s) != unsafe.StringData(e.looked) {
		e.looked, e.found = s, lineWords.scan(s)
	}
	return e.found
}

// holds reports whether a phrase of a set stands in s.
func (e *Envelope) holds(s string, set phraseSet) bool {
	if len(s) < len(e.looked) && unsafe.StringData(s) == unsafe.StringData(e.looked) && e.found&set == 0 {
		return false // not in what s begins
	}
	return e.words(s)&set != 0
}
