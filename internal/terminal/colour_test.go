package terminal_test

import (
	"testing"

	"culprit/internal/terminal"
)

func TestWithoutColours(t *testing.T) {
	for _, c := range []struct{ name, in, want string }{
		{"plain", "a b", "a b"},
		{"Nest", "\x1b[32m[Nest] 7  - \x1b[39m \x1b[38;5;3m[HTTP]\x1b[39m x", "[Nest] 7  -  [HTTP] x"},
		{"rsyslog", "#033[33m[Nest] 7#033[39m", "[Nest] 7"},
		{"title", "\x1b]0;owned\x07", "\x1b]0;owned\x07"},
		{"clear", "\x1b[2J\x1b[H", "\x1b[2J\x1b[H"},
		{"cut", "a\x1b[3", "a\x1b[3"},
		{"reset", "\x1b[m", ""},
		{"endless", "\x1b[" + "0000000000000000000000000000000000000000" + "m", "\x1b[0000000000000000000000000000000000000000m"},
	} {
		if got := terminal.WithoutColours(c.in); got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}
