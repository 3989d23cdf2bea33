package parsers

import "strings"

// A memberScan goes over the members of one JSON object without looking into
// nested ones. It takes linear time and no memory.
type memberScan struct {
	s   string
	pos int
	bad bool
}

// scanObject begins with the object that s is; ok is false if s is none.
func scanObject(s string) (j memberScan, ok bool) {
	j.s = s
	j.space()
	if j.pos >= len(s) || s[j.pos] != '{' {
		return j, false
	}
	j.pos++
	return j, true
}

func (j *memberScan) space() {
	for j.pos < len(j.s) {
		switch j.s[j.pos] {
		case ' ', '\t', '\n', '\r':
			j.pos++
		default:
			return
		}
	}
}

// next returns a member: its key without quotes, its value as it stands there.
func (j *memberScan) next() (key, value string, ok bool) {
	j.space()
	if j.pos < len(j.s) && j.s[j.pos] == ',' {
		j.pos++
		j.space()
	}
	if j.pos >= len(j.s) || j.s[j.pos] != '"' {
		j.bad = j.bad || j.pos >= len(j.s) || j.s[j.pos] != '}'
		return "", "", false
	}
	key, ok = j.str()
	if !ok {
		return "", "", false
	}
	j.space()
	if j.pos >= len(j.s) || j.s[j.pos] != ':' {
		j.bad = true
		return "", "", false
	}
	j.pos++
	j.space()
	from := j.pos
	if !j.value() || j.pos == from {
		j.bad = true
		return "", "", false
	}
	return key, j.s[from:j.pos], true
}

// str reads a string and returns what stands between its quotes.
func (j *memberScan) str() (string, bool) {
	from := j.pos + 1
	for i := from; i < len(j.s); {
		k := strings.IndexByte(j.s[i:], '"')
		if k < 0 {
			break
		}
		i += k
		n := i
		for n > from && j.s[n-1] == '\\' {
			n--
		}
		if (i-n)%2 == 0 {
			j.pos = i + 1
			return j.s[from:i], true
		}
		i++
	}
	j.pos, j.bad = len(j.s), true
	return "", false
}

// value skips a value.
func (j *memberScan) value() bool {
	if j.pos >= len(j.s) {
		return false
	}
	switch j.s[j.pos] {
	case '"':
		_, ok := j.str()
		return ok
	case '{', '[':
		depth := 0
		for j.pos < len(j.s) {
			switch j.s[j.pos] {
			case '"':
				if _, ok := j.str(); !ok {
					return false
				}
				continue
			case '{', '[':
				depth++
			case '}', ']':
				if depth--; depth == 0 {
					j.pos++
					return true
				}
			}
			j.pos++
		}
		return false
	}
	for j.pos < len(j.s) {
		switch j.s[j.pos] {
		case ',', '}', ']', ' ', '\t', '\n', '\r':
			return true
		}
		j.pos++
	}
	return true
}

// jsonText returns the text of a JSON string, "" for any other value.
func jsonText(value string) string {
	if len(value) < 2 || value[0] != '"' {
		return ""
	}
	return unescapeJS(value[1 : len(value)-1])
}
