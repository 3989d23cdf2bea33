package terminal

import "strings"

// WithoutColours drops the colours that a program wrote into its log: SGR
// sequences (ESC [ ... m, ECMA-48 section 8.3.117), also as rsyslog writes them
// (#033[...m). Everything else stays as it is, for Escape to write out.
func WithoutColours(s string) string {
	if !strings.Contains(s, "\x1b[") && !strings.Contains(s, "#033[") {
		return s
	}
	var b strings.Builder
	b.Grow(len(s))
	for i := 0; i < len(s); {
		if n := sgrLen(s[i:]); n > 0 {
			i += n
			continue
		}
		b.WriteByte(s[i])
		i++
	}
	return b.String()
}

// sgrLen returns the length of the colour sequence that s begins with, 0 if it
// begins with none.
func sgrLen(s string) int {
	var n int
	switch {
	case strings.HasPrefix(s, "\x1b["):
		n = 2
	case strings.HasPrefix(s, "#033["):
		n = 5
	default:
		return 0
	}
	for ; n < len(s) && n < 32; n++ {
		switch c := s[n]; {
		case c == 'm':
			return n + 1
		case c != ';' && c != ':' && (c < '0' || c > '9'):
			return 0
		}
	}
	return 0
}
