package terminal

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/width"
)

// RuneWidth returns how many columns r takes: 2 for East Asian wide and
// fullwidth characters and emoji, 0 for combining marks and joiners, else 1.
// Ambiguous characters count as narrow, as terminals outside East Asia show
// them.
func RuneWidth(r rune) int {
	switch {
	case r < 0x300:
		return 1
	case r >= 0x1160 && r <= 0x11ff: // vowels and finals of a Hangul syllable join its initial
		return 0
	case unicode.In(r, unicode.Mn, unicode.Me) || r == 0x200c || r == 0x200d:
		return 0
	}
	switch width.LookupRune(r).Kind() {
	case width.EastAsianWide, width.EastAsianFullwidth:
		return 2
	}
	return 1
}

// Width returns how many columns s takes. Tabs and newlines count as one:
// expand and split them first.
func Width(s string) int {
	n := 0
	for i := 0; i < len(s); {
		if s[i] < utf8.RuneSelf {
			n, i = n+1, i+1
			continue
		}
		r, size := utf8.DecodeRuneInString(s[i:])
		n += RuneWidth(r)
		i += size
	}
	return n
}

// maxMarks bounds the characters of a row, as a multiple of its columns, so that
// a flood of combining marks cannot make one row of a megabyte.
const maxMarks = 4

// Prefix returns the longest beginning of s that fits into cols columns. It is
// never empty if s is not, so that a loop over it ends.
func Prefix(s string, cols int) string {
	n, runes := 0, 0
	for i := 0; i < len(s); {
		r, size := utf8.DecodeRuneInString(s[i:])
		n += RuneWidth(r)
		runes++
		if (n > cols || runes > maxMarks*max(cols, 1)) && i > 0 {
			return s[:i]
		}
		i += size
	}
	return s
}

// Clip returns s cut to cols columns, with an ellipsis in the last one if
// something was cut.
func Clip(s string, cols int) string {
	if p := Prefix(s, cols); len(p) == len(s) {
		return s
	}
	return strings.TrimRight(Prefix(s, cols-1), " ") + "…"
}

// Pad returns s with spaces appended up to cols columns.
func Pad(s string, cols int) string {
	if n := cols - Width(s); n > 0 {
		return s + strings.Repeat(" ", n)
	}
	return s
}

// ExpandTabs replaces tabs by spaces up to the next multiple of eight columns.
func ExpandTabs(s string) string {
	if !strings.Contains(s, "\t") {
		return s
	}
	var b strings.Builder
	b.Grow(len(s) + 32)
	col := 0
	var part string
	for more := true; more; {
		part, s, more = strings.Cut(s, "\t")
		b.WriteString(part)
		col += Width(part)
		if more {
			n := 8 - col%8
			b.WriteString("        "[:n])
			col += n
		}
	}
	return b.String()
}

// Wrap splits s, which holds no newline, into at most rows rows of at most cols
// columns, at spaces where it can; the spaces at a break are dropped. It reads
// no more of s than it needs and returns how many bytes of it the rows hold.
func Wrap(s string, cols, rows int) ([]string, int) {
	cols = max(cols, 2)
	var out []string
	at := 0
	for at < len(s) && len(out) < rows {
		row := Prefix(s[at:], cols)
		end := at + len(row)
		if end < len(s) && s[end] != ' ' {
			if i := strings.LastIndexByte(row, ' '); i > 0 && strings.TrimLeft(row[:i], " ") != "" {
				row = row[:i]
				end = at + i
			}
		}
		out = append(out, strings.TrimRight(row, " "))
		for end < len(s) && s[end] == ' ' {
			end++
		}
		at = end
	}
	return out, at
}
