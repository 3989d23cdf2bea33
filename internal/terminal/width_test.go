package terminal_test

import (
	"os"
	"slices"
	"strings"
	"testing"

	"culprit/internal/terminal"
)

func TestWidth(t *testing.T) {
	for _, c := range []struct {
		in   string
		want int
	}{
		{"", 0}, {"abc", 3}, {"é", 1}, {"e\u0301", 1}, {"日本", 4}, {"ｆ", 2}, {"ﾊ", 1}, {"👍", 2}, {"한국", 4},
		{"\u1112\u1161\u11ab", 2}, {"│ ▁█ ✖ …", 8}, {"नमस्ते", 4}, {"a\xffb", 3},
	} {
		if got := terminal.Width(c.in); got != c.want {
			t.Errorf("Width(%q) = %d, want %d", c.in, got, c.want)
		}
	}
}

func TestClip(t *testing.T) {
	for _, c := range []struct {
		in   string
		cols int
		want string
	}{
		{"short", 10, "short"}, {"exactly", 7, "exactly"}, {"too long", 7, "too lo…"}, {"a word", 3, "a…"},
		{"日本語", 5, "日本…"}, {"日本語", 4, "日…"}, {"", 0, ""},
	} {
		if got := terminal.Clip(c.in, c.cols); got != c.want {
			t.Errorf("Clip(%q, %d) = %q, want %q", c.in, c.cols, got, c.want)
		}
	}
}

func TestWrap(t *testing.T) {
	for _, c := range []struct {
		name, in   string
		cols, rows int
		want       []string
		rest       string
	}{
		{"fits", "one two", 10, 9, []string{"one two"}, ""},
		{"at a space", "one two three", 8, 9, []string{"one two", "three"}, ""},
		{"at the last column", "one two three", 7, 9, []string{"one two", "three"}, ""},
		{"long word is cut", "abcdefghij", 4, 9, []string{"abcd", "efgh", "ij"}, ""},
		{"word, then a long one", "ab cdefghij", 4, 9, []string{"ab", "cdef", "ghij"}, ""},
		{"indent stays", "    at Module._load (x)", 16, 9, []string{"    at", "Module._load (x)"}, ""},
		{"wide characters", "日本語 文字", 7, 9, []string{"日本語", "文字"}, ""},
		{"wide character does not fit the last column", "日本語", 5, 9, []string{"日本", "語"}, ""},
		{"at most so many rows", "a b c d", 1, 2, []string{"a", "b"}, "c d"}, // two columns at least
		{"stops", "aa bb cc dd", 2, 2, []string{"aa", "bb"}, "cc dd"},
		{"empty", "", 10, 9, nil, ""},
		{"only spaces", "    ", 2, 9, []string{""}, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, n := terminal.Wrap(c.in, c.cols, c.rows)
			if !slices.Equal(got, c.want) || c.in[n:] != c.rest {
				t.Errorf("got %q and %q left, want %q and %q", got, c.in[n:], c.want, c.rest)
			}
		})
	}
}

func FuzzWrap(f *testing.F) {
	f.Add("2026/11/22 08:22:33 [error] 287#287: *1624 connect() failed", 20, 5)
	f.Add(strings.Repeat("\u0301", 300), 3, 4)
	f.Add("日 本  語   a\xff", 1, 9)
	f.Fuzz(func(t *testing.T, s string, cols, rows int) {
		s = terminal.ExpandTabs(terminal.EscapeLine(s))
		cols, rows = min(max(cols, 0), 200), min(max(rows, 0), 50)
		got, n := terminal.Wrap(s, cols, rows)
		if len(got) > rows {
			t.Fatalf("%d rows, at most %d asked for", len(got), rows)
		}
		for _, r := range got {
			if terminal.Width(r) > max(cols, 2) {
				t.Fatalf("row %q is wider than %d", r, cols)
			}
			if len(r) > 16*max(cols, 2) {
				t.Fatalf("row of %d bytes in %d columns", len(r), cols)
			}
		}
		squeeze := func(s string) string { return strings.ReplaceAll(s, " ", "") }
		if a, b := squeeze(strings.Join(got, "")), squeeze(s[:n]); a != b {
			t.Fatalf("rows hold %q, text is %q", a, b)
		}
		if len(got) < rows && n != len(s) {
			t.Fatalf("stopped at %d of %d with rows left", n, len(s))
		}
	})
}

func TestExpandTabs(t *testing.T) {
	for in, want := range map[string]string{
		"a\tb": "a       b", "\tx": "        x", "12345678\tx": "12345678        x", "日\tx": "日      x", "none": "none",
	} {
		if got := terminal.ExpandTabs(in); got != want {
			t.Errorf("ExpandTabs(%q) = %q, want %q", in, got, want)
		}
	}
}

func TestScreenOfPipe(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	defer w.Close()
	if got := terminal.Of(w, func(string) string { return "" }); got != (terminal.Screen{}) {
		t.Errorf("a pipe is %+v, want plain", got)
	}
}

func TestScreenOfTerminal(t *testing.T) {
	f, err := os.OpenFile("/dev/ptmx", os.O_RDWR, 0)
	if err != nil {
		t.Skip("no pseudo terminal here:", err)
	}
	defer f.Close()
	for _, c := range []struct {
		name, key, value string
		want             terminal.Screen
	}{
		{"terminal", "TERM", "xterm", terminal.Screen{Width: 80, Color: true}},
		{"NO_COLOR", "NO_COLOR", "1", terminal.Screen{Width: 80}},
		{"NO_COLOR empty", "NO_COLOR", "", terminal.Screen{Width: 80, Color: true}},
		{"dumb", "TERM", "dumb", terminal.Screen{}},
	} {
		t.Run(c.name, func(t *testing.T) {
			env := map[string]string{c.key: c.value}
			if got := terminal.Of(f, func(k string) string { return env[k] }); got != c.want {
				t.Errorf("got %+v, want %+v", got, c.want)
			}
		})
	}
}

func TestPaint(t *testing.T) {
	if got := terminal.BoldRed.Paint("x", true); got != "\x1b[1;31mx\x1b[0m" {
		t.Errorf("got %q", got)
	}
	for _, got := range []string{terminal.BoldRed.Paint("x", false), terminal.Plain.Paint("x", true)} {
		if got != "x" {
			t.Errorf("got %q, want no escape", got)
		}
	}
}
