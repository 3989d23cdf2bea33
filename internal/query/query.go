package query

import (
	"bytes"
	"math"
	"strconv"
	"strings"
)

// An Op says what a node of the tree tests.
type Op uint8

// The operations.
const (
	OpAll   Op = iota // every record
	OpWord            // Tokens stand in the text one after another
	OpField           // Field has a value that is Value, begins with it (Prefix), or holds Tokens (ClassText)
	OpRange           // numeric Field has a value from Min to Max
	OpAnd             // all of Kids
	OpOr              // at least one of Kids
	OpNot             // not Kids[0]
)

// A Node is a node of the tree. It is not changed after parsing.
type Node struct {
	Op       Op
	Kids     []*Node
	Field    string
	Class    Class    // of Field
	Value    []byte   // folded; of words, the tokens joined by spaces
	Tokens   [][]byte // folded, at least one for OpWord
	Lookup   []Token  // the whole tokens of Value, as the index knows them
	Prefix   bool     // the last token, or Value, is only the beginning
	Min, Max int64    // both included

	longest int // index of the longest token
}

// A Query is a parsed query. It is immutable and safe for concurrent use.
type Query struct {
	Root *Node
	Text string // as it was given
}

// All is the query that matches every record.
func All() *Query { return &Query{Root: &Node{Op: OpAll}} }

// literal makes the node of a word or phrase, nil if it has no token.
func literal(folded []byte, prefix bool) *Node {
	n := &Node{Op: OpWord, Prefix: prefix}
	if !n.setTokens(folded) {
		return nil
	}
	return n
}

// setTokens fills Value, Tokens and Lookup from a folded value and reports
// whether it has a token.
func (n *Node) setTokens(folded []byte) bool {
	n.Value = folded
	n.Lookup = Tokens(nil, folded, 0, len(folded))
	for _, t := range n.Lookup {
		if t.Kind == KindChain {
			continue
		}
		n.Tokens = append(n.Tokens, folded[t.Start:t.End])
		if int(t.End-t.Start) > len(n.Tokens[n.longest]) {
			n.longest = len(n.Tokens) - 1
		}
	}
	if n.Class != ClassKeyword {
		n.Value = bytes.Join(n.Tokens, []byte{' '})
		n.Lookup = Tokens(nil, n.Value, 0, len(n.Value))
	}
	if n.Prefix && len(n.Lookup) > 0 {
		// The beginning of a token says nothing to the index; nor does a chain
		// that ends in it.
		cut := len(n.Lookup) - 1
		if n.Lookup[cut].Kind == KindChain {
			cut--
		}
		n.Lookup = n.Lookup[:cut]
	}
	return len(n.Tokens) > 0
}

// String returns the query in a form that parses to the same tree.
func (q *Query) String() string {
	var b bytes.Buffer
	q.Root.write(&b, 0)
	return b.String()
}

func (n *Node) write(b *bytes.Buffer, outer Op) {
	switch n.Op {
	case OpAll:
	case OpWord:
		writeValue(b, n.Tokens, n.Prefix)
	case OpField:
		b.WriteString(n.Field)
		b.WriteByte(':')
		switch {
		case n.Class == ClassText:
			writeValue(b, n.Tokens, n.Prefix)
		default:
			b.WriteByte('"')
			b.WriteString(quoteEscaper.Replace(string(n.Value)))
			b.WriteByte('"')
			if n.Prefix {
				b.WriteByte('*')
			}
		}
	case OpRange:
		b.WriteString(n.Field + ":")
		switch {
		case n.Min == n.Max:
			b.WriteString(strconv.FormatInt(n.Min, 10))
		case n.Max == math.MaxInt64:
			b.WriteString(">=" + strconv.FormatInt(n.Min, 10))
		case n.Min == math.MinInt64:
			b.WriteString("<=" + strconv.FormatInt(n.Max, 10))
		default:
			b.WriteString(strconv.FormatInt(n.Min, 10) + ".." + strconv.FormatInt(n.Max, 10))
		}
	case OpNot:
		b.WriteString("NOT ")
		n.Kids[0].write(b, OpNot)
	case OpAnd, OpOr:
		word := " "
		if n.Op == OpOr {
			word = " OR "
		}
		if outer != 0 {
			b.WriteByte('(')
		}
		for i, kid := range n.Kids {
			if i > 0 {
				b.WriteString(word)
			}
			kid.write(b, n.Op)
		}
		if outer != 0 {
			b.WriteByte(')')
		}
	}
}

var quoteEscaper = strings.NewReplacer(`\`, `\\`, `"`, `\"`)

func writeValue(b *bytes.Buffer, tokens [][]byte, prefix bool) {
	b.WriteByte('"')
	b.Write(bytes.Join(tokens, []byte{' '}))
	b.WriteByte('"')
	if prefix {
		b.WriteByte('*')
	}
}
