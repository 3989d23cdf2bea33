package terminal

import (
	"os"

	"golang.org/x/term"
)

// A Screen says how to print for people. Its zero value is plain: no escapes, no
// wrapping, for pipes and files.
type Screen struct {
	Width int  // columns, 0 if plain
	Color bool // ANSI colours may be used
}

// Of returns the screen behind f: plain unless f is a terminal and TERM is not
// dumb; without colours if NO_COLOR is set (no-color.org). getenv is [os.Getenv].
func Of(f *os.File, getenv func(string) string) Screen {
	if getenv("TERM") == "dumb" || !term.IsTerminal(int(f.Fd())) {
		return Screen{}
	}
	cols, _, err := term.GetSize(int(f.Fd()))
	if err != nil || cols <= 0 {
		cols = 80
	}
	return Screen{Width: cols, Color: getenv("NO_COLOR") == ""}
}

// A Style is a combination of ANSI attributes: the parameters of SGR (ECMA-48,
// 8.3.117). Only the 16 colours are used, so that the reader's theme holds.
type Style string

// The styles.
const (
	Plain      Style = ""
	Bold       Style = "1"
	Dim        Style = "2"
	Red        Style = "31"
	Green      Style = "32"
	Yellow     Style = "33"
	BoldRed    Style = "1;31"
	BoldYellow Style = "1;33"
)

// Paint returns s in the style if color is set, else as it is. s must have been
// escaped.
func (st Style) Paint(s string, color bool) string {
	if !color || st == Plain || s == "" {
		return s
	}
	return "\x1b[" + string(st) + "m" + s + "\x1b[0m"
}
