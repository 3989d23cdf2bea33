package store

import (
	"bytes"
	"encoding/binary"
	"math/bits"
	"unicode/utf8"

	"culprit/internal/query"
)

// A model is the first record of a template in a block. Those that follow say most
// of it again: where a line of nginx is the same as the model it is not taken
// apart, its words are only counted, and its keys are known. Where they differ the
// ends of their values tell at which places they may be the same again.
type model struct {
	known    bool
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

// setTokens gives a model its tokens: it is the record that record has just added.
func (t *terms) setTokens(m *model) {
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
	m.tokens = t.modelTokens[first:len(t.modelTokens):len(t.modelTokens)]
}

// repeat adds the tokens of text[from:to] as record does, for a record whose model
// is m, and its residue. What stands between start and from is known.
func (t *terms) repeat(record int32, m *model, start, from, to int, cuts []int32) {
	at, like := start, m.from // from here on the record may be as the model is from there on
	known := from             // end of the last token that ends a chain of numbers
	open := -1                // from here on it was not taken apart yet
	next := 0                 // token of the model
	segments := uint32(0)     // that differ
	t.parts = t.parts[:0]
	echoes := [maxEchoes]int{start, start, start}
	for cut := 0; ; cut++ {
		same := commonPrefix(t.raw[at:to], t.raw[like:m.to])
		whole := at+same == to && like+same == m.to
		before := at // end of the numbers that the part that is the same begins with
		for ; next < len(m.tokens); next++ {
			k := m.tokens[next]
			end := int(k.end) - like
			// A letter that is not ASCII could go on differently.
			if end+4 > same && !whole && (end >= same || t.raw[at+end] >= utf8.RuneSelf) {
				break
			}
			if k.word == number {
				if open >= 0 {
					before = at + end
				}
				continue
			}
			if open >= 0 {
				t.part(record, open, before)
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
		shared := min(len(cuts), len(m.cuts))
		for cut < shared {
			a, b := int(cuts[cut])-at, int(m.cuts[cut])-like
			if a >= same && b >= same && a+b > 2*same {
				break
			}
			cut++
		}
		end, likeEnd, segment := to, m.to, len(m.cuts)
		if cut < shared {
			end, likeEnd, segment = int(cuts[cut]), int(m.cuts[cut]), cut
		}
		begin := m.from
		if segment > 0 {
			begin = int(m.cuts[segment-1])
		}
		literal := t.raw[at+same : end]
		t.residue.literal(segment, like+same-begin, t.echo(literal, end, start, &echoes), literal)
		segments |= 1 << segment
		copy(echoes[1:], echoes[:])
		echoes[0] = end
		if at, like = end, likeEnd; cut >= shared {
			break
		}
		for next < len(m.tokens) && int(m.tokens[next].end) <= like {
			next++
		}
	}
	if open >= 0 {
		t.part(record, open, to)
	}
	t.residue.differ(segments)
}

// part adds the tokens of text[from:to], unless a part of the record that was added
// ends so: the path of a request stands in the address of its upstream too.
func (t *terms) part(record int32, from, to int) {
	for from < to && !query.TokenByte(t.raw[from]) {
		from++
	}
	if from >= to {
		return
	}
	text := t.raw[from:to]
	for _, p := range t.parts {
		if k := p.to - len(text); k >= p.from && (k == p.from || !query.TokenByte(t.raw[k-1])) && bytes.Equal(t.raw[k:p.to], text) {
			return
		}
	}
	t.parts = append(t.parts, textPart{from, to})
	t.record(record, from, to)
}

// echo returns which of the ends before ends with a literal too, counted from 1, 0
// if none does.
func (t *terms) echo(literal []byte, end, start int, echoes *[maxEchoes]int) int {
	if len(literal) < minEcho {
		return 0
	}
	for i, e := range echoes {
		if from := e - len(literal); from >= start && t.raw[e-1] == t.raw[end-1] && bytes.Equal(t.raw[from:e], literal) {
			return i + 1
		}
	}
	return 0
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
