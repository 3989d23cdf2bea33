package topology

import (
	"strings"
)

// A directive is one statement of an nginx configuration: a name, arguments, and
// the statements of its block if it has one.
type directive struct {
	name  string
	args  []string
	block []directive
	file  string
	line  int
}

// Bounds of one file's syntax tree.
const (
	maxDirectives = 100_000
	maxNesting    = 64
)

// parseNginx reads nginx's syntax tolerantly: it never fails. What is cut short
// ends where the file ends, a brace too many is skipped, the body of a lua block
// (OpenResty) is passed over. Includes are left to the caller.
func parseNginx(file string, data []byte) []directive {
	p := &nginxParser{src: string(data), file: file, line: 1}
	var all []directive
	for {
		list, closed := p.block(0)
		all = append(all, list...)
		if !closed { // else a brace too many: go on
			return all
		}
	}
}

type nginxParser struct {
	src   string
	pos   int
	line  int
	file  string
	count int
}

// block reads statements until the brace that closes the block (closed) or the
// end of the file.
func (p *nginxParser) block(depth int) (list []directive, closed bool) {
	d := directive{file: p.file}
	var words []string
	for {
		word, quoted, ok := p.next()
		if !ok {
			return list, false // an unfinished statement is none
		}
		special := byte(0)
		if !quoted && len(word) == 1 {
			special = word[0]
		}
		switch special {
		case '}':
			return list, true
		case ';', '{':
			if len(words) == 0 {
				if special == '{' {
					p.skipBlock()
				}
				continue
			}
			d.name, d.args = words[0], words[1:]
			words = nil
			if p.count++; p.count > maxDirectives {
				p.pos = len(p.src)
				return list, false
			}
			if special == '{' {
				switch {
				case strings.HasSuffix(d.name, "_by_lua_block"):
					p.skipLua()
				case depth >= maxNesting:
					p.skipBlock()
				default:
					var ended bool
					d.block, ended = p.block(depth + 1)
					if d.block == nil {
						d.block = []directive{}
					}
					if !ended {
						return append(list, d), false
					}
				}
			}
			list = append(list, d)
			d = directive{file: p.file}
		default:
			if len(words) == 0 {
				d.line = p.line
			}
			words = append(words, word)
		}
	}
}

// next returns the next word, or one of ; { } by itself. Quotes count at the
// start of a word only and ${ is part of a variable, as in nginx
// (ngx_conf_read_token).
func (p *nginxParser) next() (word string, quoted, ok bool) {
	for p.pos < len(p.src) {
		switch c := p.src[p.pos]; c {
		case '\n':
			p.line++
			p.pos++
		case ' ', '\t', '\r', 0, '\f', '\v':
			p.pos++
		case '#':
			if i := strings.IndexByte(p.src[p.pos:], '\n'); i >= 0 {
				p.pos += i
			} else {
				p.pos = len(p.src)
			}
		case ';', '{', '}':
			p.pos++
			return p.src[p.pos-1 : p.pos], false, true
		case '"', '\'':
			return p.quoted(c), true, true
		default:
			return p.bare(), false, true
		}
	}
	return "", false, false
}

func (p *nginxParser) quoted(quote byte) string {
	p.pos++
	var b strings.Builder
	for p.pos < len(p.src) {
		c := p.src[p.pos]
		p.pos++
		switch {
		case c == quote:
			return b.String()
		case c == '\n':
			p.line++
			b.WriteByte(c)
		case c == '\\' && p.pos < len(p.src):
			b.WriteString(p.escape())
		default:
			b.WriteByte(c)
		}
	}
	return b.String()
}

// escape reads what follows a backslash: nginx undoes \" \' \\ \t \r \n and
// keeps the backslash before anything else (of a regular expression).
func (p *nginxParser) escape() string {
	c := p.src[p.pos]
	p.pos++
	switch c {
	case '"', '\'', '\\':
		return string(c)
	case 't':
		return "\t"
	case 'r':
		return "\r"
	case 'n':
		return "\n"
	}
	if c == '\n' {
		p.line++
	}
	return `\` + string(c)
}

func (p *nginxParser) bare() string {
	var b strings.Builder
	for p.pos < len(p.src) {
		c := p.src[p.pos]
		switch {
		case c == ' ' || c == '\t' || c == '\r' || c == '\n' || c == ';':
			return b.String()
		case c == '{' && !strings.HasSuffix(b.String(), "$"):
			return b.String()
		case c == '{':
			// A name is short; looking no further keeps "${${${" linear.
			if end := strings.IndexAny(p.src[p.pos:min(len(p.src), p.pos+128)], "}\n;"); end > 0 && p.src[p.pos+end] == '}' {
				b.WriteString(p.src[p.pos : p.pos+end+1])
				p.pos += end + 1
				continue
			}
			return b.String()
		case c == '}' && b.Len() == 0:
			return b.String()
		case c == '\\' && p.pos+1 < len(p.src):
			p.pos++
			b.WriteString(p.escape())
			continue
		}
		b.WriteByte(c)
		p.pos++
	}
	return b.String()
}

// skipBlock passes over an nginx block whose opening brace has been read.
func (p *nginxParser) skipBlock() {
	for depth := 1; depth > 0; {
		word, quoted, ok := p.next()
		if !ok {
			return
		}
		if quoted {
			continue
		}
		switch word {
		case "{":
			depth++
		case "}":
			depth--
		}
	}
}

// skipLua passes over Lua code up to the brace that closes the block; braces in
// Lua's strings and comments do not count.
func (p *nginxParser) skipLua() {
	for depth := 1; p.pos < len(p.src); {
		c := p.src[p.pos]
		switch {
		case c == '\n':
			p.line++
		case c == '{':
			depth++
		case c == '}':
			if depth--; depth == 0 {
				p.pos++
				return
			}
		case c == '-' && strings.HasPrefix(p.src[p.pos:], "--"):
			p.pos += 2
			if !p.skipLuaLong() {
				for p.pos < len(p.src) && p.src[p.pos] != '\n' {
					p.pos++
				}
			}
			continue
		case c == '[':
			if p.skipLuaLong() {
				continue
			}
		case c == '"' || c == '\'':
			p.pos++
			for p.pos < len(p.src) && p.src[p.pos] != c && p.src[p.pos] != '\n' {
				if p.src[p.pos] == '\\' {
					p.pos++
				}
				p.pos++
			}
			if p.pos < len(p.src) && p.src[p.pos] == '\n' {
				continue // an unfinished string: the line is counted above
			}
		}
		p.pos++
	}
	p.pos = len(p.src)
}

// skipLuaLong passes over [[...]] or [==[...]==].
func (p *nginxParser) skipLuaLong() bool {
	rest := p.src[p.pos:]
	if len(rest) < 2 || rest[0] != '[' {
		return false
	}
	n := 1
	for n < len(rest) && rest[n] == '=' {
		n++
	}
	if n >= len(rest) || rest[n] != '[' {
		return false
	}
	end := strings.Index(rest[n+1:], "]"+rest[1:n]+"]")
	if end < 0 {
		p.pos = len(p.src)
		return true
	}
	skipped := n + 1 + end + n + 1
	p.line += strings.Count(rest[:skipped], "\n")
	p.pos += skipped
	return true
}
