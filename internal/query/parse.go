package query

import (
	"bytes"
	"fmt"
	"math"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"culprit"
)

// Bounds of a query.
const (
	MaxLength = 4096 // bytes
	MaxTerms  = 256  // words and fields
	maxDepth  = 32   // of parentheses and NOT; deeper ones are words
)

// An Error says what is wrong with a query and where. It wraps
// culprit.ErrQuery.
type Error struct {
	Column int // of the character, from 1
	Reason string
}

func (e *Error) Error() string {
	return fmt.Sprintf("%s: column %d: %s", culprit.ErrQuery, e.Column, e.Reason)
}

// Unwrap returns culprit.ErrQuery.
func (e *Error) Unwrap() error { return culprit.ErrQuery }

type lexKind uint8

const (
	lexEnd   lexKind = iota
	lexOpen          // (
	lexClose         // )
	lexMinus         // - before a term
	lexAnd
	lexOr
	lexNot
	lexTerm // a word, phrase or field
)

type lexeme struct {
	kind lexKind
	node *Node // of a term or of an operator read as a word, nil if it has no token
	text string
}

type parser struct {
	text  string
	lexed []lexeme
	at    int
	terms int
}

// Parse reads a query. Text that is not meant as a query, such as a pasted log
// line, is words: only too long a text and a field with an operator but no fit
// value are errors.
func Parse(text string) (*Query, error) {
	if len(text) > MaxLength {
		return nil, &Error{Column: utf8.RuneCountInString(text[:MaxLength]) + 1, Reason: fmt.Sprintf("a query has at most %d bytes", MaxLength)}
	}
	p := &parser{text: text}
	if err := p.lex(); err != nil {
		return nil, err
	}
	p.pair()
	p.settle()
	p.lexed = append(p.lexed, lexeme{kind: lexEnd})
	root := p.or(0)
	if root == nil {
		root = &Node{Op: OpAll}
	}
	return &Query{Root: root, Text: text}, nil
}

func (p *parser) errorAt(offset int, format string, args ...any) error {
	return &Error{Column: utf8.RuneCountInString(p.text[:offset]) + 1, Reason: fmt.Sprintf(format, args...)}
}

func (p *parser) add(l lexeme, offset int) error {
	if l.kind == lexTerm {
		if p.terms++; p.terms > MaxTerms {
			return p.errorAt(offset, "a query has at most %d words", MaxTerms)
		}
	}
	p.lexed = append(p.lexed, l)
	return nil
}

func (p *parser) lex() error {
	s := p.text
	fresh := true // a term may begin with a sign here
	for i := 0; i < len(s); {
		r, size := utf8.DecodeRuneInString(s[i:])
		if unicode.IsSpace(r) {
			i += size
			fresh = true
			continue
		}
		var err error
		switch {
		case r == '(':
			err = p.add(lexeme{kind: lexOpen}, i)
			i++
			fresh = true
			if err != nil {
				return err
			}
			continue
		case r == ')':
			err = p.add(lexeme{kind: lexClose}, i)
			i++
		case r == '"':
			i, err = p.phrase(i)
		case r == '-' && fresh && negates(s[i+1:]):
			err = p.add(lexeme{kind: lexMinus}, i)
			i++
			if err != nil {
				return err
			}
			continue
		default:
			i, err = p.word(i, fresh)
		}
		if err != nil {
			return err
		}
		fresh = false
	}
	return nil
}

// negates reports whether a minus before s excludes what follows: a number after
// a minus is a negative number, two are an option of a command.
func negates(s string) bool {
	if s == "" {
		return false
	}
	r, size := utf8.DecodeRuneInString(s)
	return r == '"' || r == '(' || !('0' <= r && r <= '9') && isWordRune(r, size)
}

// phrase reads what stands between the quote at i and the next. A quote without
// a partner is a separator.
func (p *parser) phrase(i int) (int, error) {
	value, end, ok := quoted(p.text, i)
	if !ok {
		return i + 1, nil
	}
	node, end := p.literal(value, end)
	return end, p.add(lexeme{kind: lexTerm, node: node, text: value}, i)
}

// literal makes the node of a quoted value that ends before end, where a * makes
// its last token a prefix.
func (p *parser) literal(value string, end int) (*Node, int) {
	folded := Fold(nil, []byte(value))
	prefix := end < len(p.text) && p.text[end] == '*' && endsInToken(folded)
	if prefix {
		end++
	}
	return literal(folded, prefix), end
}

// quoted returns the text of the string that begins at i, \" and \\ undone, and
// the offset after its closing quote.
func quoted(s string, i int) (value string, end int, ok bool) {
	escaped := false
	for j := i + 1; j < len(s); j++ {
		switch s[j] {
		case '\\':
			if j+1 < len(s) && (s[j+1] == '"' || s[j+1] == '\\') {
				escaped = true
				j++
			}
		case '"':
			value = s[i+1 : j]
			if escaped {
				value = unquoter.Replace(value)
			}
			return value, j + 1, true
		}
	}
	return "", i, false
}

var unquoter = strings.NewReplacer(`\\`, `\`, `\"`, `"`)

func endsInToken(folded []byte) bool {
	r, size := utf8.DecodeLastRune(folded)
	return size > 0 && (r < utf8.RuneSelf && class[byte(r)] != 0 || r >= utf8.RuneSelf && isWordRune(r, size))
}

// word reads a term that does not begin with a quote: up to the next space, or
// up to a parenthesis that it did not open.
func (p *parser) word(i int, fresh bool) (int, error) {
	s := p.text
	if fresh {
		colon := strings.IndexByte(s[i:], ':')
		if colon > 0 && colon < 32 {
			name := s[i : i+colon]
			if name == "level" { // as loggers call it
				name = "severity"
			}
			if c := ClassOf(name); c != ClassNone {
				if end, ok, err := p.field(i, i+colon+1, name, c); ok || err != nil {
					return end, err
				}
			}
		}
	}
	end := wordEnd(s, i)
	chunk := s[i:end]
	l := lexeme{kind: lexTerm, text: chunk}
	switch chunk {
	case "AND":
		l.kind = lexAnd
	case "OR":
		l.kind = lexOr
	case "NOT":
		l.kind = lexNot
	}
	l.node = wordNode(chunk)
	return end, p.add(l, i)
}

func wordNode(chunk string) *Node {
	trimmed := strings.TrimRight(chunk, "*")
	folded := Fold(nil, []byte(trimmed))
	return literal(folded, len(trimmed) < len(chunk) && endsInToken(folded))
}

func wordEnd(s string, i int) int {
	depth := 0
	for i < len(s) {
		r, size := utf8.DecodeRuneInString(s[i:])
		if unicode.IsSpace(r) {
			break
		}
		if r == '(' {
			depth++
		} else if r == ')' {
			if depth == 0 {
				break
			}
			depth--
		}
		i += size
	}
	return i
}

// field reads the value of a field, which begins at v. Not ok means that the
// text is words.
func (p *parser) field(i, v int, name string, c Class) (end int, ok bool, err error) {
	s := p.text
	value, isQuoted := "", false
	end = v
	if v < len(s) && s[v] == '"' {
		value, end, isQuoted = quoted(s, v)
	}
	if !isQuoted {
		end = wordEnd(s, v)
		value = strings.Trim(s[v:end], `"`)
	}
	if value == "" {
		return 0, false, nil
	}
	node := &Node{Op: OpField, Field: name, Class: c}
	switch c {
	case ClassNumber, ClassSeverity:
		var valid bool
		node.Op = OpRange
		node.Min, node.Max, valid = parseRange(value, c)
		if !valid {
			if value[0] == '<' || value[0] == '>' {
				what := "a number"
				if c == ClassSeverity {
					what = "a severity, such as error or 3"
				}
				return 0, false, p.errorAt(v, "%s takes %s, not %q", name, what, value)
			}
			return 0, false, nil
		}
	default:
		star := false
		if isQuoted {
			if end < len(s) && s[end] == '*' {
				star = true
				end++
			}
		} else if value[0] == '*' {
			return 0, false, p.errorAt(v, "a * stands at the end of a value only, such as %s:abc*", name)
		} else if t := strings.TrimRight(value, "*"); t != value {
			value, star = t, true
		}
		folded := Fold(nil, []byte(value))
		node.Prefix = star && (c == ClassKeyword || endsInToken(folded))
		if !node.setTokens(folded) && c == ClassText {
			return 0, false, nil
		}
	}
	return end, true, p.add(lexeme{kind: lexTerm, node: node, text: s[i:end]}, i)
}

// parseRange reads 5, >5, >=5, <5, <=5 and 5..9.
func parseRange(s string, c Class) (low, high int64, ok bool) {
	number := func(s string) (int64, bool) {
		if c == ClassSeverity {
			return parseSeverity(s)
		}
		n, err := strconv.ParseInt(s, 10, 64)
		return n, err == nil
	}
	low, high = math.MinInt64, math.MaxInt64
	switch {
	case strings.HasPrefix(s, ">="):
		low, ok = number(s[2:])
	case strings.HasPrefix(s, "<="):
		high, ok = number(s[2:])
	case s[0] == '>':
		if low, ok = number(s[1:]); low == math.MaxInt64 {
			return 0, 0, false
		}
		low++
	case s[0] == '<':
		if high, ok = number(s[1:]); high == math.MinInt64 {
			return 0, 0, false
		}
		high--
	default:
		from, to, isRange := strings.Cut(s, "..")
		if low, ok = number(from); !ok || !isRange {
			return low, low, ok
		}
		high, ok = number(to)
	}
	return low, high, ok
}

// pair drops every parenthesis without a partner, and pairs that are too deep or
// empty.
func (p *parser) pair() {
	var open []int
	drop := make([]bool, len(p.lexed))
	for i, l := range p.lexed {
		switch l.kind {
		case lexOpen:
			open = append(open, i)
		case lexClose:
			if len(open) == 0 {
				drop[i] = true
				continue
			}
			from := open[len(open)-1]
			open = open[:len(open)-1]
			if len(open) >= maxDepth || from == i-1 {
				drop[from], drop[i] = true, true
			}
		}
	}
	for _, i := range open {
		drop[i] = true
	}
	kept := p.lexed[:0]
	for i, l := range p.lexed {
		if !drop[i] {
			kept = append(kept, l)
		}
	}
	p.lexed = kept
}

// settle makes a word of every operator that lacks an operand.
func (p *parser) settle() {
	begins := func(i int) bool {
		if i >= len(p.lexed) {
			return false
		}
		k := p.lexed[i].kind
		return k == lexTerm || k == lexOpen || k == lexNot || k == lexMinus
	}
	for i := len(p.lexed) - 1; i >= 0; i-- {
		switch l := &p.lexed[i]; l.kind {
		case lexAnd, lexOr:
			if i == 0 || !begins(i+1) || p.lexed[i-1].kind != lexTerm && p.lexed[i-1].kind != lexClose {
				l.kind = lexTerm
			}
		case lexNot, lexMinus:
			if !begins(i + 1) {
				l.kind = lexTerm
			}
		}
	}
}

func (p *parser) kind() lexKind { return p.lexed[p.at].kind }

// or, and, unary read the tree. Each returns nil for what holds no token.
func (p *parser) or(depth int) *Node {
	var kids []*Node
	for {
		if n := p.and(depth); n != nil {
			kids = append(kids, n)
		}
		if p.kind() != lexOr {
			return join(OpOr, kids)
		}
		p.at++
	}
}

func (p *parser) and(depth int) *Node {
	var kids []*Node
	for {
		switch p.kind() {
		case lexEnd, lexClose, lexOr:
			return join(OpAnd, kids)
		case lexAnd:
			p.at++
			continue
		}
		if n := p.unary(depth); n != nil {
			kids = append(kids, n)
		}
	}
}

func (p *parser) unary(depth int) *Node {
	l := p.lexed[p.at]
	p.at++
	switch l.kind {
	case lexNot, lexMinus:
		if depth >= 2*maxDepth {
			return l.node
		}
		n := p.unary(depth + 1)
		if n == nil {
			return nil
		}
		return &Node{Op: OpNot, Kids: []*Node{n}}
	case lexOpen:
		n := p.or(depth + 1)
		p.at++ // its partner
		return n
	}
	return l.node
}

// join makes one node of several, with lists of the same operation made flat and
// equal kids told once.
func join(op Op, kids []*Node) *Node {
	flat := kids[:0:0]
	for _, k := range kids {
		if k.Op == op {
			flat = append(flat, k.Kids...)
			continue
		}
		flat = append(flat, k)
	}
	unique := flat[:0]
	for _, k := range flat {
		if !contains(unique, k) {
			unique = append(unique, k)
		}
	}
	switch len(unique) {
	case 0:
		return nil
	case 1:
		return unique[0]
	}
	return &Node{Op: op, Kids: unique}
}

func contains(list []*Node, n *Node) bool {
	for _, o := range list {
		if o.Op == n.Op && len(n.Kids) == 0 && o.Field == n.Field && o.Prefix == n.Prefix && o.Min == n.Min && o.Max == n.Max && bytes.Equal(o.Value, n.Value) {
			return true
		}
	}
	return false
}
