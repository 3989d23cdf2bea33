package parsers

import (
	"strconv"
	"strings"
)

// Fingerprint says which errors are the same error: id is equal for two records
// that differ only in line numbers, identifiers, hashes, times and the folder
// that a release was put into. It is what stands in the attribute fingerprint.
// The parts are what was compared, in order: kind, type and code, what it is
// about, the message without what varies, then the calls in the user's own code
// (of packages and Node where there is none), innermost first. Side by side they
// say why two errors were grouped.
//
// It takes a record as its source wrote it ([culprit.Record.Text]), envelopes
// and all. For one that is no error of a Node program id is "" and parts is nil.
func Fingerprint(record []byte) (id string, parts []string) {
	body, e := bodyOf(record)
	var x nodeFailure
	ok := false
	if strings.HasPrefix(body, "{") {
		var l jsonLog
		if l.read(body) {
			ok = l.failure(&x)
		}
	}
	if !ok {
		x = nodeFailure{}
		ok = x.read(&e, body)
	}
	if !ok {
		return "", nil
	}
	b := x.appendParts(nil)
	return text(appendID(nil, b)), strings.Split(strings.TrimSuffix(string(b), "\x00"), "\x00")
}

// bodyOf takes the envelopes off the lines of a record.
func bodyOf(record []byte) (string, Envelope) {
	s := NewStream(Options{})
	var first Envelope
	var b []byte
	for no := 0; ; no++ {
		line, rest := record, []byte(nil)
		more := false
		for i, c := range record {
			if c == '\n' {
				line, rest, more = record[:i], record[i+1:], true
				break
			}
		}
		e := &s.env
		e.reset()
		line = appendVisible(nil, line)
		s.peel(line, e)
		if no == 0 {
			s.inner(e)
			first = *e
		} else {
			b = append(b, '\n')
		}
		b = append(b, e.Body...)
		if !more {
			return string(b), first
		}
		record = rest
	}
}

// appendID appends FNV-1a of the parts in 16 hexadecimal digits.
func appendID(b, parts []byte) []byte {
	h := uint64(14695981039346656037)
	for _, c := range parts {
		h = (h ^ uint64(c)) * 1099511628211
	}
	const hex = "0123456789abcdef"
	for shift := 60; shift >= 0; shift -= 4 {
		b = append(b, hex[h>>shift&15])
	}
	return b
}

// maxNormal bounds the part of a message that is compared.
const maxNormal = 300

// appendParts writes the parts of a fingerprint, each with a zero byte behind it.
func (x *nodeFailure) appendParts(b []byte) []byte {
	b = append(append(b, x.kind...), 0)
	if x.typ != "" || x.props.code != "" {
		b = append(append(append(append(b, x.typ...), ' '), x.props.code...), 0)
	}
	if x.props.address != "" && x.props.port > 0 {
		b = append(append(append(b, "address "...), x.props.address...), ':')
		b = append(strconv.AppendInt(b, int64(x.props.port), 10), 0)
	} else if x.props.hostname != "" {
		b = append(append(append(b, "host "...), x.props.hostname...), 0)
	}
	m := x.trace.message
	if m == "" {
		m = x.root
	}
	b = append(appendNormal(b, m), 0)
	sites, n := &x.site, x.sites
	if n == 0 {
		sites, n = &x.foreign, min(x.foreigners, 3)
	}
	for i := range sites[:n] {
		s := &sites[i]
		b = append(append(b, "at "...), s.function...)
		b = append(appendFile(append(b, ' '), s.file), 0)
	}
	return b
}

// appendNormal writes a message without what varies from one time to the next:
// numbers, hexadecimal identifiers and the folders of paths.
func appendNormal(b []byte, m string) []byte {
	m = m[:min(len(m), maxNormal)]
	for i := 0; i < len(m); {
		c := m[i]
		switch {
		case isIdent(c) && c < 0x80 && !drivePath(m, i):
			n, number := 0, false
			for ; i+n < len(m) && isIdent(m[i+n]) && m[i+n] < 0x80; n++ {
				number = number || digit(m[i+n])
			}
			switch w := m[i : i+n]; {
			case n == 8 && uuidLen(m[i:]) > 0:
				b = append(b, '#')
				n = uuidLen(m[i:])
			case number:
				b = appendWord(b, w)
			default:
				b = append(b, w...)
			}
			i += n
		case c == '/' && (i == 0 || !isIdent(m[i-1]) && m[i-1] != '.' && m[i-1] != '/') || drivePath(m, i):
			n := pathLen(m[i:])
			if p := m[i : i+n]; strings.Count(p, "/") >= 2 || drivePath(m, i) {
				b = appendFile(b, p)
				i += n
				continue
			}
			b = append(b, c)
			i++
		case c == '\n' || c == '\r' || c == '\t' || c == ' ':
			if n := len(b); n == 0 || b[n-1] != ' ' {
				b = append(b, ' ')
			}
			i++
		default:
			b = append(b, c)
			i++
		}
	}
	return b
}

// appendWord writes a word with digits: "#" for a hexadecimal identifier, else
// with "#" in place of each run of digits.
func appendWord(b []byte, w string) []byte {
	hex := len(w) >= 8
	for i := 0; hex && i < len(w); i++ {
		c := w[i]
		hex = digit(c) || c|0x20 >= 'a' && c|0x20 <= 'f'
	}
	if hex {
		return append(b, '#')
	}
	for i := 0; i < len(w); i++ {
		if !digit(w[i]) {
			b = append(b, w[i])
			continue
		}
		b = append(b, '#')
		for i+1 < len(w) && digit(w[i+1]) {
			i++
		}
	}
	return b
}

// uuidLen returns 36 if a UUID begins s, else 0.
func uuidLen(s string) int {
	if len(s) < 36 || s[8] != '-' || s[13] != '-' || s[18] != '-' || s[23] != '-' {
		return 0
	}
	for i := range 36 {
		c := s[i]
		if i == 8 || i == 13 || i == 18 || i == 23 {
			continue
		}
		if !digit(c) && (c|0x20 < 'a' || c|0x20 > 'f') {
			return 0
		}
	}
	return 36
}

func drivePath(m string, i int) bool {
	return i+2 < len(m) && m[i+1] == ':' && m[i+2] == '\\' && m[i]|0x20 >= 'a' && m[i]|0x20 <= 'z' && (i == 0 || !isIdent(m[i-1]))
}

// pathLen returns how far a path reaches in a message.
func pathLen(s string) int {
	n := 1
	for n < len(s) && !(s[n] <= ' ' || s[n] == '\'' || s[n] == '"' || s[n] == '`' || s[n] == ',' || s[n] == ')' || s[n] == ']' || s[n] == ';') {
		if s[n] == ':' && n > 1 {
			break
		}
		n++
	}
	return n
}

// appendFile writes what stays of a path over releases: the package and the
// file, or the file alone, without the hash that a bundler gave it.
func appendFile(b []byte, p string) []byte {
	p = strings.TrimPrefix(p, "node:")
	if strings.Contains(p, packagesFolder) {
		rest := strings.TrimLeft(p[strings.LastIndex(p, packagesFolder)+len(packagesFolder):], `/\`)
		n := strings.IndexAny(rest, `/\`)
		if n > 0 && rest[0] == '@' {
			if k := strings.IndexAny(rest[n+1:], `/\`); k > 0 {
				n += 1 + k
			}
		}
		if n > 0 {
			b = append(append(b, rest[:n]...), '/')
		}
	}
	if strings.HasPrefix(p, "internal/") { // Node's own: the path is the same everywhere
		return append(b, strings.TrimSuffix(p, ".js")...)
	}
	at := len(p)
	for at > 0 && p[at-1] != '/' && p[at-1] != '\\' {
		at--
	}
	base := p[at:]
	if i := strings.IndexByte(base, '?'); i > 0 {
		base = base[:i]
	}
	return appendNormal(b, base)
}
