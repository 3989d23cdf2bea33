package query

import (
	"bytes"
	"math/bits"
	"unicode/utf8"
)

// Bits is a set of the records of a block, one bit each.
type Bits []uint64

// NewBits returns a set for n records with none in it.
func NewBits(n int) Bits { return make(Bits, (n+63)/64) }

// Set puts record i into the set.
func (b Bits) Set(i int) { b[i>>6] |= 1 << (i & 63) }

// Has reports whether record i is in the set.
func (b Bits) Has(i int) bool { return b[i>>6]&(1<<(i&63)) != 0 }

// Count returns the number of records in the set.
func (b Bits) Count() int {
	n := 0
	for _, w := range b {
		n += bits.OnesCount64(w)
	}
	return n
}

func (b Bits) empty() bool {
	for _, w := range b {
		if w != 0 {
			return false
		}
	}
	return true
}

// fill puts all n records into the set.
func (b Bits) fill(n int) {
	for i := range b {
		b[i] = ^uint64(0)
	}
	if n&63 != 0 {
		b[len(b)-1] = 1<<(n&63) - 1
	}
}

// A Block is what a query is evaluated on: some records.
type Block interface {
	// Len returns the number of records.
	Len() int

	// Text returns the folded texts of all records, with one byte between two
	// that belongs to no token, and the end of each.
	Text() (folded []byte, ends []int)

	// MatchValue sets the bits of the records for which the field has a value
	// that ok accepts. The values are folded and only valid during the call.
	MatchValue(field string, ok func(value []byte) bool, set Bits)

	// MatchNumber sets the bits of the records for which the field has a value
	// from low to high.
	MatchNumber(field string, low, high int64, set Bits)
}

// Match returns the records of the block that match.
func (q *Query) Match(b Block) Bits { return q.Root.match(b) }

// Match returns the records of the block that match the node.
func (n *Node) Match(b Block) Bits { return n.match(b) }

func (n *Node) match(b Block) Bits {
	set := NewBits(b.Len())
	switch n.Op {
	case OpAll:
		set.fill(b.Len())
	case OpWord:
		n.matchText(b, set)
	case OpField:
		b.MatchValue(n.Field, n.Accepts, set)
	case OpRange:
		b.MatchNumber(n.Field, n.Min, n.Max, set)
	case OpNot:
		set.fill(b.Len())
		for i, w := range n.Kids[0].match(b) {
			set[i] &^= w
		}
	case OpAnd:
		set.fill(b.Len())
		for _, kid := range n.Kids {
			for i, w := range kid.match(b) {
				set[i] &= w
			}
			if set.empty() {
				break
			}
		}
	case OpOr:
		for _, kid := range n.Kids {
			for i, w := range kid.match(b) {
				set[i] |= w
			}
		}
	}
	return set
}

// Accepts reports whether a folded value of the node's field matches. A source is
// a path: the names it ends in will do.
func (n *Node) Accepts(value []byte) bool {
	switch {
	case n.Field == "source":
		for {
			if n.Prefix && bytes.HasPrefix(value, n.Value) || bytes.Equal(value, n.Value) {
				return true
			}
			i := bytes.IndexByte(value, '/')
			if i < 0 {
				return false
			}
			value = value[i+1:]
		}
	case n.Class == ClassText:
		_, _, ok := n.find(value, 0, len(value))
		return ok
	case n.Prefix:
		return bytes.HasPrefix(value, n.Value)
	}
	return bytes.Equal(value, n.Value)
}

// matchText sets the bits of the records whose text holds the tokens of n.
func (n *Node) matchText(b Block, set Bits) {
	folded, ends := b.Text()
	if len(n.Tokens) > 1 && !bytes.Contains(folded, n.Tokens[n.longest]) {
		return
	}
	start := 0
	for record := 0; record < len(ends); {
		// Look for the first token in all that is left: most records hold none.
		i := bytes.Index(folded[start:], n.Tokens[0])
		if i < 0 {
			return
		}
		for ends[record] < start+i {
			record++
		}
		begin := 0
		if record > 0 {
			begin = ends[record-1] + 1
		}
		if _, _, ok := n.find(folded[begin:ends[record]], start+i-begin, ends[record]-begin); ok {
			set.Set(record)
		}
		if start = ends[record] + 1; start > len(folded) {
			return
		}
		record++
	}
}

// find returns where the tokens of n first stand in text[from:], whose tokens
// may begin before from.
func (n *Node) find(text []byte, from, to int) (start, end int, ok bool) {
	first := n.Tokens[0]
	for from < to {
		i := bytes.Index(text[from:to], first)
		if i < 0 {
			return 0, 0, false
		}
		start = from + i
		if end, ok := n.at(text, start); ok {
			return start, end, true
		}
		from = start + 1
	}
	return 0, 0, false
}

// at reports whether the tokens of n stand in text at start, where the bytes of
// the first one do.
func (n *Node) at(text []byte, start int) (end int, ok bool) {
	if start > 0 {
		if c := class[text[start-1]]; c == classHigh {
			r, size := utf8.DecodeLastRune(text[:start])
			if isWordRune(r, size) {
				return 0, false
			}
		} else if c != 0 {
			return 0, false
		}
	}
	for i, token := range n.Tokens {
		if i > 0 {
			start = skipSeparators(text, end)
			if !bytes.HasPrefix(text[start:], token) {
				return 0, false
			}
		}
		end = start + len(token)
		if i == len(n.Tokens)-1 && n.Prefix {
			return end, true
		}
		if end < len(text) {
			if c := class[text[end]]; c == classHigh {
				if _, ok := wordRune(text[end:]); ok {
					return 0, false
				}
			} else if c != 0 {
				return 0, false
			}
		}
	}
	return end, true
}

func skipSeparators(text []byte, i int) int {
	for i < len(text) {
		switch class[text[i]] {
		case 0:
			i++
		case classHigh:
			size, ok := wordRune(text[i:])
			if ok {
				return i
			}
			i += size
		default:
			return i
		}
	}
	return i
}

// A Span is a part of a text, in bytes.
type Span struct {
	Start int `json:"start"`
	End   int `json:"end"`
}

// Spans returns the parts of a folded text that the words of the query match, in
// order and without overlaps, at most limit. What stands below a NOT is left out.
func (q *Query) Spans(folded []byte, limit int) []Span {
	var spans []Span
	var walk func(n *Node)
	walk = func(n *Node) {
		switch n.Op {
		case OpAnd, OpOr:
			for _, kid := range n.Kids {
				walk(kid)
			}
		case OpWord:
			for from, found := 0, 0; found < limit; found++ {
				start, end, ok := n.find(folded, from, len(folded))
				if !ok {
					return
				}
				spans = append(spans, Span{start, end})
				from = end
			}
		}
	}
	walk(q.Root)
	return mergeSpans(spans, limit)
}
