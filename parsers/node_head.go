package parsers

import "strings"

// maxTypeName bounds the type of an error and the code in its head, so that
// hostile lines cost no more than others.
const maxTypeName = 100

// An errorHead is where the text of an error begins in a line.
type errorHead struct {
	at      int    // of the type's first byte, or of the bracket before it
	typ     string // TypeError
	code    string // ERR_X of "Error [ERR_X]:"
	message int    // where the message begins
	opens   bool   // the line ends with the brace of the error's properties
	bracket bool   // written without a stack: "[Error: x]"
}

// findErrorHead looks for the first "SomethingError: message" of a line, and
// for "[SomethingError: message]" as util.inspect writes an error that has no
// stack.
func findErrorHead(line string) (h errorHead, ok bool) {
	for i := 0; i < len(line); {
		j := strings.IndexByte(line[i:], 'E')
		if j < 0 {
			break
		}
		i += j
		n := 0
		if rest := line[i:]; strings.HasPrefix(rest, "Error") {
			n = 5
		} else if strings.HasPrefix(rest, "Exception") {
			n = 9
		}
		if n > 0 {
			if h, ok = errorHeadAt(line, i+n); ok {
				return h, true
			}
		}
		i += max(n, 1)
	}
	const rejection = "UnhandledPromiseRejection"
	if strings.HasPrefix(strings.TrimPrefix(line, "["), rejection) {
		return errorHeadAt(line, len(rejection)+len(line)-len(strings.TrimPrefix(line, "[")))
	}
	return h, false
}

// errorHeadAt reads the error whose type ends at end.
func errorHeadAt(line string, end int) (h errorHead, ok bool) {
	start := end
	for start > 0 && end-start < maxTypeName && (isIdent(line[start-1]) || line[start-1] == '.' && start > 1 && isIdent(line[start-2])) {
		start--
	}
	h = errorHead{at: start, typ: line[start:end]}
	if h.typ == "uncaughtException" || h.typ == "unhandledException" || h.typ == "Exception" && start > 0 {
		return h, false // the event, not a type
	}
	if start > 0 && line[start-1] == '[' {
		h.bracket = true
		h.at = start - 1
	}
	if start > 0 && (line[start-1] == '\'' || line[start-1] == '"' || line[start-1] == '/' || line[start-1] == '@') {
		return h, false
	}
	rest := line[end:]
	n := len(rest)
	if n > 2 && rest[0] == ' ' && rest[1] == '[' {
		if i := strings.IndexByte(rest[:min(n, maxTypeName)], ']'); i > 2 && nameWord(rest[2:i]) {
			// "Error [ERR_X]: x", but "MyException [Error]: x" names the class.
			if codeWord(rest[2:i]) {
				h.code = rest[2:i]
			}
			end += i + 1
			rest = line[end:]
			n = len(rest)
		}
	}
	// "Error (42P01): x" and "SequelizeDatabaseError(x)" are messages, not heads.
	switch {
	case n == 0:
		h.message = end
		return h, true
	case n >= 2 && rest[0] == ':' && rest[1] == ' ':
		h.message = end + 2
	case n == 1 && rest[0] == ':':
		h.message = end + 1
	case rest == " {" || rest == "] {":
		h.message, h.opens = end, true
		return h, true
	case h.bracket && rest == "]":
		h.message = end
		return h, true
	default:
		return h, false
	}
	if strings.HasSuffix(line, " {") && (h.bracket || h.at == 0) {
		h.opens = true
	}
	return h, true
}

func isIdent(c byte) bool {
	return c|0x20 >= 'a' && c|0x20 <= 'z' || c >= '0' && c <= '9' || c == '_' || c == '$' || c >= 0x80
}

func nameWord(s string) bool {
	for i := range len(s) {
		if !isIdent(s[i]) {
			return false
		}
	}
	return s != ""
}

// codeWord reports whether s looks like a code: capitals, digits and
// underscores.
func codeWord(s string) bool {
	if len(s) < 3 || len(s) > 64 {
		return false
	}
	for i := range len(s) {
		if c := s[i]; (c < 'A' || c > 'Z') && (c < '0' || c > '9') && c != '_' {
			return false
		}
	}
	return s[0] >= 'A' && s[0] <= 'Z'
}

// errorMessage returns the message that begins at h in its line.
func (h errorHead) text(line string) string {
	m := strings.TrimRight(line[min(h.message, len(line)):], " ")
	if h.opens {
		m = strings.TrimRight(strings.TrimSuffix(m, "{"), " ")
	}
	if h.bracket {
		if i := strings.Index(m, "] "); i > 0 { // "{ [Error: x] code: 'Y' }" of Node 4, "[Error: x] { code: 'Y' }"
			if _, _, ok := property(strings.TrimPrefix(m[i+2:], "{ ")); ok {
				return m[:i]
			}
		}
		m = strings.TrimSuffix(strings.TrimSuffix(m, ","), "]")
	}
	return m
}
