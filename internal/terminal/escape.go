// Package terminal keeps what is printed for people safe and in shape: log text
// never moves the cursor, changes a colour or turns the reading direction, and
// lines fit the columns that there are.
package terminal

import (
	"io"
	"unicode"
	"unicode/utf8"
)

const hexDigits = "0123456789abcdef"

// Escape returns s with everything that a terminal would obey instead of show
// written out: C0 controls but newline and tab, DEL, C1 controls and bytes that
// are not UTF-8 as \x1b, bidirectional controls, line separators and other
// invisible format characters as \u202e. What is left can be printed anywhere.
// Text that was escaped stays as it is when it is escaped again.
func Escape(s string) string {
	if clean(s, true) {
		return s
	}
	return string(appendEscaped(make([]byte, 0, len(s)+len(s)/8+16), s, true))
}

// EscapeLine is Escape for what must stay on one line, such as a name or a
// sentence: newline and tab are written out too.
func EscapeLine(s string) string {
	if clean(s, false) {
		return s
	}
	return string(appendEscaped(make([]byte, 0, len(s)+len(s)/8+16), s, false))
}

// AppendEscaped appends s to dst as Escape writes it.
func AppendEscaped(dst []byte, s string) []byte { return appendEscaped(dst, s, true) }

// clean says whether s is printable ASCII, so that nothing is to be done.
func clean(s string, lines bool) bool {
	for i := range len(s) {
		c := s[i]
		if c >= ' ' && c < 0x7f || lines && (c == '\n' || c == '\t') {
			continue
		}
		return false
	}
	return true
}

func appendEscaped(dst []byte, s string, lines bool) []byte {
	for i := 0; i < len(s); {
		c := s[i]
		if c < utf8.RuneSelf {
			if c >= ' ' && c != 0x7f || lines && (c == '\n' || c == '\t') {
				dst = append(dst, c)
			} else {
				dst = append(dst, '\\', 'x', hexDigits[c>>4], hexDigits[c&15])
			}
			i++
			continue
		}
		r, n := utf8.DecodeRuneInString(s[i:])
		switch {
		case r == utf8.RuneError && n == 1:
			dst = append(dst, '\\', 'x', hexDigits[c>>4], hexDigits[c&15])
		case r <= 0x9f:
			dst = append(dst, '\\', 'x', hexDigits[r>>4], hexDigits[r&15])
		case Hidden(r):
			dst = appendRune(dst, r)
		default:
			dst = append(dst, s[i:i+n]...)
		}
		i += n
	}
	return dst
}

// appendRune writes \u202e, or \U000e0041 above the first plane.
func appendRune(dst []byte, r rune) []byte {
	letter, shift := byte('u'), 12
	if r > 0xffff {
		letter, shift = 'U', 28
	}
	dst = append(dst, '\\', letter)
	for ; shift >= 0; shift -= 4 {
		dst = append(dst, hexDigits[r>>shift&15])
	}
	return dst
}

// shownFormats are characters of category Cf that are seen or that scripts and
// emoji need: the joiners and the signs that enclose Arabic and Syriac numbers.
var shownFormats = &unicode.RangeTable{
	R16: []unicode.Range16{
		{Lo: 0x0600, Hi: 0x0605, Stride: 1}, {Lo: 0x06dd, Hi: 0x06dd, Stride: 1}, {Lo: 0x070f, Hi: 0x070f, Stride: 1},
		{Lo: 0x0890, Hi: 0x0891, Stride: 1}, {Lo: 0x08e2, Hi: 0x08e2, Stride: 1}, {Lo: 0x200c, Hi: 0x200d, Stride: 1},
	},
	R32: []unicode.Range32{{Lo: 0x110bd, Hi: 0x110bd, Stride: 1}, {Lo: 0x110cd, Hi: 0x110cd, Stride: 1}},
}

// Hidden says whether r is a control or format character that Escape writes
// out; newline and tab count as such.
func Hidden(r rune) bool {
	switch {
	case r < ' ' || r >= 0x7f && r <= 0x9f || r == 0x2028 || r == 0x2029:
		return true
	case r < 0xad:
		return false
	}
	return unicode.Is(unicode.Cf, r) && !unicode.Is(shownFormats, r)
}

// A Writer escapes what is written to it, also where a character is split
// between two writes. It is for output that holds no colours of its own: error
// messages, lists, lines of a log.
type Writer struct {
	w    io.Writer
	held []byte // the beginning of a character
	buf  []byte
}

// NewWriter returns a Writer to w. Close it (or Flush) so that a character that
// was never finished is written out as well.
func NewWriter(w io.Writer) *Writer { return &Writer{w: w} }

// Write implements [io.Writer]; it reports len(p) unless w fails.
func (w *Writer) Write(p []byte) (int, error) {
	rest := p
	if len(w.held) > 0 {
		rest = append(w.held, p...)
		w.held = nil
	}
	end := len(rest)
	for i := 1; i < utf8.UTFMax && i <= len(rest); i++ {
		if c := rest[len(rest)-i]; utf8.RuneStart(c) {
			if !utf8.FullRune(rest[len(rest)-i:]) {
				end = len(rest) - i
			}
			break
		}
	}
	if end < len(rest) {
		w.held = append([]byte(nil), rest[end:]...)
	}
	w.buf = AppendEscaped(w.buf[:0], string(rest[:end]))
	if _, err := w.w.Write(w.buf); err != nil {
		return 0, err
	}
	return len(p), nil
}

// Flush writes the beginning of a character that was never finished.
func (w *Writer) Flush() error {
	if len(w.held) == 0 {
		return nil
	}
	b := AppendEscaped(nil, string(w.held))
	w.held = nil
	_, err := w.w.Write(b)
	return err
}
