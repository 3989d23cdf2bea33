package parsers

import (
	"strings"

	"culprit"
)

// mentioned reports whether a line without a stack only speaks of an error that
// would be the cause of an outage: prose, documentation, source code, the
// complaint of a compiler, or a message whose logger says that it is no error.
// The error stands at at if it has a type.
func (x *nodeFailure) mentioned(e *Envelope, s string, at int) bool {
	if x.kind != culprit.KindModuleNotFound && x.kind != culprit.KindAddressInUse || x.frames > 0 {
		return false
	}
	if !x.headed {
		at = max(phraseAt(s), 0)
	}
	level, _ := levelPrefix(s)
	if e.Severity > culprit.SeverityWarning || level > culprit.SeverityWarning {
		return true
	}
	before := strings.TrimRight(s[:min(at, len(s))], " \t")
	if quotedHead(before) {
		return true
	}
	if n := len(before); n > 0 {
		switch c := before[n-1]; {
		case strings.IndexByte("\"'`|", c) >= 0:
			return true
		case strings.Trim(before, " \t0123456789.-+*>#|/") == "" && !digit(before[0]) && before[0] != '.', numbered(before): // a list, a quotation, a diff, a comment
			return true
		case isLetter(c) && !failing(before):
			return true
		}
	}
	if strings.HasPrefix(before, `{"`) && !strings.Contains(before, `"message":"`) && !strings.Contains(before, `"msg":"`) && !strings.Contains(before, `"error":"`) && !strings.Contains(before, `"stack":"`) {
		return true // the title of a page, the answer of an API
	}
	if strings.Contains(before, "console.") || strings.Contains(before, "throw new ") {
		return true
	}
	tail := s[min(at, len(s)):]
	if strings.HasSuffix(tail, ");") || strings.HasSuffix(tail, "|") || strings.Contains(tail, " or its corresponding type declarations") {
		return true
	}
	if x.kind == culprit.KindAddressInUse {
		_, after, ok := strings.Cut(tail, "EADDRINUSE")
		return ok && len(after) > 2 && after[0] == ' ' && isLetter(after[1]) && !strings.HasPrefix(after, " null") && !strings.HasPrefix(after, " at ") && !strings.HasPrefix(after, " address ")
	}
	if i := strings.Index(tail, x.module); x.module != "" && i >= 0 {
		after := tail[i+len(x.module):]
		return strings.HasPrefix(after, "',") || strings.HasPrefix(after, "'`") || strings.HasPrefix(after, "` ")
	}
	return false
}

// quotedHead reports whether a text ends with the type of an error behind a
// quotation mark, as prose and source code cite one: `if you see "Error:`.
func quotedHead(s string) bool {
	s, ok := strings.CutSuffix(s, ":")
	if !ok || strings.HasPrefix(s, "{") {
		return false
	}
	i := len(s)
	for i > 0 && isIdent(s[i-1]) {
		i--
	}
	return i < len(s) && i > 0 && strings.IndexByte("\"'`", s[i-1]) >= 0 && (strings.HasSuffix(s, "Error") || strings.HasSuffix(s, "Exception"))
}

// numbered reports whether a text is the number of a list's entry: "3."
func numbered(s string) bool {
	n := digitsLen([]byte(s))
	return n > 0 && n < 4 && (s[n:] == "." || s[n:] == ")")
}

var failingWords = []string{"ail", "rror", "aught", "nhandled", "rash", "bort", "nable to", "ould not", "an't", "annot", "eject", "xception", "RROR"}

// failing reports whether the words before an error say that something failed.
func failing(s string) bool {
	for _, w := range failingWords {
		if strings.Contains(s, w) {
			return true
		}
	}
	return false
}
