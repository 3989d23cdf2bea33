package store

import (
	"encoding/binary"
	"math/bits"

	"culprit/internal/query"
)

// A model is the first record of a template in a block. Those that follow say most
// of it again: where a line of nginx is the same as the model it is not taken
// apart, its words are only counted, and its keys are known. Where they differ the
// ends of their values tell at which places they may be the same again.
type model struct {
	from, to int     // its text
	cuts     []int32 // see builder.cuts
	tokens   []modelToken
}

// A modelToken is a token of a model, but no chain.
type modelToken struct {
	end  int32
	word int32 // its index in terms.words, else one of the following
}

const (
	notWord = -1 // a key
	number  = -2 // a key that may be part of a chain
)

// setModel makes a model of the record that record has just added.
func (t *terms) setModel(m *model, from, to int, cuts []int32) {
	first := len(t.modelTokens)
	for i, k := range t.tokens {
		if k.Kind == query.KindChain {
			continue
		}
		word := t.found[i]
		if word < 0 && query.IsShortNumber(t.text[k.Start:k.End]) {
			word = number
		}
		t.modelTokens = append(t.modelTokens, modelToken{end: k.End, word: word})
	}
	*m = model{from: from, to: to, cuts: cuts, tokens: t.modelTokens[first:len(t.modelTokens):len(t.modelTokens)]}
}

// repeat adds the tokens of text[from:to] as record does, for a record whose model
// is m. What stands between start and from is known.
func (t *terms) repeat(record int32, m *model, start, from, to int, cuts []int32) {
	at, like := start, m.from // from here on the record may be as the model is from there on
	known := from             // end of the last token that ends a chain of numbers
	open := -1                // from here on it was not taken apart yet
	next := 0                 // token of the model
	for cut := 0; ; cut++ {
		same := commonPrefix(t.text[at:to], t.text[like:m.to])
		whole := at+same == to && like+same == m.to
		before := at // end of the numbers that the part that is the same begins with
		for ; next < len(m.tokens); next++ {
			k := m.tokens[next]
			end := int(k.end) - like
			// A letter that is not ASCII could go on differently.
			if !whole && (end >= same || t.text[at+end] >= 0x80 && end+4 > same) {
				break
			}
			if k.word == number {
				if open >= 0 {
					before = at + end
				}
				continue
			}
			if open >= 0 {
				t.record(record, open, before)
				open = -1
			}
			known = max(known, at+end)
			if k.word >= 0 {
				t.count(k.word, record)
			}
		}
		if whole {
			break
		}
		if open < 0 {
			open = known
		}
		for cut < len(cuts) && cut < len(m.cuts) && (int(cuts[cut]) < at+same || int(m.cuts[cut]) < like+same) {
			cut++
		}
		if cut >= len(cuts) || cut >= len(m.cuts) {
			break
		}
		at, like = int(cuts[cut]), int(m.cuts[cut])
		for next < len(m.tokens) && int(m.tokens[next].end) <= like {
			next++
		}
	}
	if open >= 0 {
		t.record(record, open, to)
	}
}

// commonPrefix returns the number of bytes that two texts begin with alike.
func commonPrefix(a, b []byte) int {
	n := min(len(a), len(b))
	i := 0
	for ; i+8 <= n; i += 8 {
		if d := binary.LittleEndian.Uint64(a[i:]) ^ binary.LittleEndian.Uint64(b[i:]); d != 0 {
			return i + bits.TrailingZeros64(d)/8
		}
	}
	for i < n && a[i] == b[i] {
		i++
	}
	return i
}
