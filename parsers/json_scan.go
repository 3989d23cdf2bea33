package parsers

import (
	"bytes"
	"unicode/utf8"
)

// A jsonScan steps through one JSON text without building anything of it.
// What it accepts is a little more than JSON; it never reads a byte twice.
type jsonScan struct {
	b []byte
	i int
}

// maxJSONDepth bounds nesting.
const maxJSONDepth = 64

func (p *jsonScan) space() {
	for p.i < len(p.b) && (p.b[p.i] == ' ' || p.b[p.i] == '\t' || p.b[p.i] == '\n' || p.b[p.i] == '\r') {
		p.i++
	}
}

// next steps over c and reports whether it came next.
func (p *jsonScan) next(c byte) bool {
	p.space()
	if p.i < len(p.b) && p.b[p.i] == c {
		p.i++
		return true
	}
	return false
}

// end reports whether nothing follows.
func (p *jsonScan) end() bool {
	p.space()
	return p.i == len(p.b)
}

// raw returns the next string as it stands between its quotes.
func (p *jsonScan) raw() ([]byte, bool) {
	if !p.next('"') {
		return nil, false
	}
	from := p.i
	for {
		k := bytes.IndexByte(p.b[p.i:], '"')
		if k < 0 {
			return nil, false
		}
		p.i += k + 1
		n := 0
		for at := p.i - 2; at >= from && p.b[at] == '\\'; at-- {
			n++
		}
		if n%2 == 0 {
			return p.b[from : p.i-1], true
		}
	}
}

// byte returns the next number as a byte of a binary value; journald writes
// them unsigned, some of its copies signed.
func (p *jsonScan) byte() (byte, bool) {
	p.space()
	neg := p.next('-')
	n, from := 0, p.i
	for p.i < len(p.b) && digit(p.b[p.i]) && p.i-from < 3 {
		n = n*10 + int(p.b[p.i]-'0')
		p.i++
	}
	if neg {
		n = -n
	}
	return byte(n), p.i > from && n < 256 && n >= -128
}

// skip steps over a value of any kind.
func (p *jsonScan) skip(depth int) bool {
	p.space()
	if p.i == len(p.b) || depth > maxJSONDepth {
		return false
	}
	switch c := p.b[p.i]; c {
	case '"':
		_, ok := p.raw()
		return ok
	case '[', '{':
		end := byte(']')
		if c == '{' {
			end = '}'
		}
		p.i++
		if p.next(end) {
			return true
		}
		for {
			if c == '{' {
				if _, ok := p.raw(); !ok || !p.next(':') {
					return false
				}
			}
			if !p.skip(depth + 1) {
				return false
			}
			if !p.next(',') {
				return p.next(end)
			}
		}
	}
	from := p.i
	for p.i < len(p.b) {
		switch c := p.b[p.i]; {
		case digit(c), c >= 'a' && c <= 'z', c == '-', c == '+', c == '.', c == 'E':
			p.i++
			continue
		}
		break
	}
	return p.i > from
}

// appendUnescaped appends a JSON string without its escapes. A lone surrogate
// becomes U+FFFD.
func appendUnescaped(dst, s []byte) []byte {
	for {
		i := bytes.IndexByte(s, '\\')
		if i < 0 || i+1 >= len(s) {
			return append(dst, s...)
		}
		dst = append(dst, s[:i]...)
		c := s[i+1]
		s = s[i+2:]
		switch c {
		case 'n':
			dst = append(dst, '\n')
		case 't':
			dst = append(dst, '\t')
		case 'r':
			dst = append(dst, '\r')
		case 'b':
			dst = append(dst, '\b')
		case 'f':
			dst = append(dst, '\f')
		case 'u':
			u, ok := hex4(s)
			if !ok {
				dst = append(dst, '\\', 'u')
				continue
			}
			s = s[4:]
			if u >= 0xd800 && u < 0xdc00 && len(s) >= 6 && s[0] == '\\' && s[1] == 'u' {
				if low, ok := hex4(s[2:]); ok && low >= 0xdc00 && low < 0xe000 {
					u = (u-0xd800)<<10 + (low - 0xdc00) + 0x10000
					s = s[6:]
				}
			}
			dst = utf8.AppendRune(dst, u)
		default:
			dst = append(dst, c)
		}
	}
}

func hex4(s []byte) (rune, bool) {
	if len(s) < 4 {
		return 0, false
	}
	var u rune
	for _, c := range s[:4] {
		switch {
		case digit(c):
			c -= '0'
		case c|0x20 >= 'a' && c|0x20 <= 'f':
			c = c | 0x20 - 'a' + 10
		default:
			return 0, false
		}
		u = u<<4 | rune(c)
	}
	return u, true
}
