package terminal_test

import (
	"bytes"
	"strings"
	"testing"
	"unicode/utf8"

	"culprit/internal/terminal"
)

func TestEscape(t *testing.T) {
	for _, c := range []struct{ name, in, want string }{
		{"plain text stays", "GET /a?b=c 502\n\tat x", "GET /a?b=c 502\n\tat x"},
		{"colour", "\x1b[31mred\x1b[0m", `\x1b[31mred\x1b[0m`},
		{"window title", "\x1b]0;owned\x07", `\x1b]0;owned\x07`},
		{"carriage return hides what came before", "real\rfake", `real\x0dfake`},
		{"backspace", "a\bb", `a\x08b`},
		{"NUL and DEL", "\x00\x7f", `\x00\x7f`},
		{"C1 as a character", "a\u009b31mb", `a\x9b31mb`},
		{"C1 as a raw byte", "a\x9b31mb", `a\x9b31mb`},
		{"not UTF-8", "caf\xe9", `caf\xe9`},
		{"cut character", "caf\xc3", `caf\xc3`},
		{"overlong slash", "\xc0\xaf", `\xc0\xaf`},
		{"surrogate", "\xed\xa0\x80", `\xed\xa0\x80`},
		{"right-to-left override", "exe\u202etxt", `exe\u202etxt`},
		{"isolate", "\u2066x\u2069", `\u2066x\u2069`},
		{"left-to-right mark", "a\u200eb", `a\u200eb`},
		{"Arabic letter mark", "a\u061cb", `a\u061cb`},
		{"zero width space, BOM, soft hyphen", "a\u200bb\ufeffc\u00add", `a\u200bb\ufeffc\u00add`},
		{"line separators", "a\u2028b\u2029c", `a\u2028b\u2029c`},
		{"tag characters", "a\U000e0041b", `a\U000e0041b`},
		{"Arabic text stays", "خطأ في الخادم", "خطأ في الخادم"},
		{"Japanese stays", "接続エラー", "接続エラー"},
		{"joined emoji stay", "👩\u200d💻", "👩\u200d💻"},
		{"literal backslash stays", `GET /\x22`, `GET /\x22`},
		{"replacement character stays", "a\ufffdb", "a\ufffdb"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := terminal.Escape(c.in); got != c.want {
				t.Errorf("Escape(%q) = %q, want %q", c.in, got, c.want)
			}
		})
	}
	if got, want := terminal.EscapeLine("a\nb\tc"), `a\x0ab\x09c`; got != want {
		t.Errorf("EscapeLine = %q, want %q", got, want)
	}
}

// obeyed returns the first character in s that a terminal would obey.
func obeyed(s string) (rune, bool) {
	for _, r := range s {
		if r != '\n' && r != '\t' && terminal.Hidden(r) {
			return r, true
		}
	}
	return 0, false
}

func FuzzEscape(f *testing.F) {
	for _, s := range []string{"", "a\x1b[2Jb", "\xff\xfe", "\u202eabc", "é\xc3", "\xe2\x80", "日本", "\r\n", strings.Repeat("\u0301", 50)} {
		f.Add(s, 3)
	}
	f.Fuzz(func(t *testing.T, s string, cut int) {
		got := terminal.Escape(s)
		if r, ok := obeyed(got); ok || !utf8.ValidString(got) {
			t.Fatalf("Escape(%q) = %q lets %U through", s, got, r)
		}
		if again := terminal.Escape(got); again != got {
			t.Fatalf("escaping again changed %q into %q", got, again)
		}
		if line := terminal.EscapeLine(s); strings.ContainsAny(line, "\n\t") {
			t.Fatalf("EscapeLine(%q) = %q", s, line)
		}
		var b bytes.Buffer
		w := terminal.NewWriter(&b)
		cut = min(max(cut, 0), len(s))
		for _, part := range []string{s[:cut], s[cut:]} {
			if n, err := w.Write([]byte(part)); n != len(part) || err != nil {
				t.Fatalf("Write = %d, %v", n, err)
			}
		}
		if err := w.Flush(); err != nil || b.String() != got {
			t.Fatalf("written in two parts %q, at once %q, %v", b.String(), got, err)
		}
	})
}

func TestWriterHoldsSplitCharacter(t *testing.T) {
	var b bytes.Buffer
	w := terminal.NewWriter(&b)
	for _, c := range []byte("ü\u202e日\x1b") {
		if _, err := w.Write([]byte{c}); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	if want := `ü\u202e日\x1b`; b.String() != want {
		t.Errorf("got %q, want %q", b.String(), want)
	}
}

func BenchmarkEscape(b *testing.B) {
	line := `2026/11/22 08:22:33 [error] 287#287: *1624 connect() failed (111: Connection refused) while connecting to upstream`
	for name, s := range map[string]string{"ascii": line, "unicode": line + " é"} {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(s)))
			b.ReportAllocs()
			for b.Loop() {
				terminal.Escape(s)
			}
		})
	}
}
