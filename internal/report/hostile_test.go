package report_test

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"
	"time"

	"culprit"
	"culprit/internal/terminal"
)

// hostile are log lines that try to be more than text.
var hostile = map[string]string{
	"script":        `<script>alert(1)</script><img src=x onerror=alert(1)>`,
	"svg":           `</text></svg><svg onload=alert(1)>`,
	"attribute":     `" onmouseover="alert(1)" x="' onfocus='alert(1)`,
	"style":         `</style><style>*{display:none}</style>`,
	"comment":       `--><!-- <!DOCTYPE html> <![CDATA[`,
	"escapes":       "\x1b[2J\x1b]0;owned\x07\x1b[31m\rfake\x08\x9b1m\u009b2J",
	"right-to-left": "\u202egnp.exe\u202c \u2066x\u2069 \u200f",
	"template":      `{{.Title}} {{template "x"}} ${7*7} <%= 7 %> #{7}`,
	"Markdown":      "[x](javascript:alert(1)) ![i](http://evil.example/p.png) <http://evil.example> **b** `c` | d | # h",
	"fence":         "```\n# Owned\n~~~\n````````````\n<b>x</b>",
	"table":         "a|b|c\n|---|\n| x |",
	"list":          "\n- [ ] task\n1. one\n> quote\n===\n---\n",
	"entities":      `&lt;script&gt; &#x3c; &amp;`,
	"formula":       `=HYPERLINK("http://evil.example","x")`,
	"not UTF-8":     "caf\xe9 \xff\xfe \xc3",
	"NUL":           "a\x00b",
	"combining":     strings.Repeat("e"+strings.Repeat("\u0301", 200), 20),
	"wide":          strings.Repeat("接続", 300),
	"long word":     strings.Repeat("x", 5000),
	"many lines":    strings.Repeat("line\n", 5000),
	"empty":         "",
	"spaces":        strings.Repeat(" ", 500) + "\t\t",
}

// poison returns a report in which every string is s.
func poison(t *testing.T, name, s string) *culprit.Report {
	t.Helper()
	rep := load(t, name)
	var walk func(v reflect.Value)
	walk = func(v reflect.Value) {
		switch v.Kind() {
		case reflect.Pointer:
			if _, ok := v.Interface().(*time.Time); !ok && !v.IsNil() {
				walk(v.Elem())
			}
		case reflect.Struct:
			if _, ok := v.Interface().(time.Time); ok {
				return
			}
			for i := range v.NumField() {
				if f := v.Type().Field(i); f.Name == "Role" || f.Name == "Verdict" || f.Name == "Tier" {
					continue // closed lists of our own
				}
				walk(v.Field(i))
			}
		case reflect.Slice:
			for i := range v.Len() {
				walk(v.Index(i))
			}
		case reflect.Map:
			if v.Type().Elem().Kind() == reflect.Int && v.Len() > 0 {
				v.SetMapIndex(reflect.ValueOf(s).Convert(v.Type().Key()), reflect.ValueOf(7))
			}
		case reflect.String:
			v.SetString(s)
		}
	}
	walk(reflect.ValueOf(rep))
	return rep
}

func TestPoisonReachesEveryString(t *testing.T) {
	b, err := json.Marshal(poison(t, "oom_kill", "POISON"))
	if err != nil {
		t.Fatal(err)
	}
	for _, field := range []string{`"title":"POISON"`, `"text":"POISON"`, `"source":"POISON"`, `"remedy":"POISON"`, `"entity":"POISON"`, `"command":"POISON"`, `"hosts":["POISON"]`, `"POISON":7`} {
		if !strings.Contains(string(b), field) {
			t.Errorf("%s is not in the poisoned report", field)
		}
	}
}

// checkText fails if a terminal would obey anything in s but colours of our own.
func checkText(t *testing.T, s string, color bool) {
	t.Helper()
	if color {
		s = sgr.ReplaceAllString(s, "")
	}
	for _, r := range s {
		if r != '\n' && terminal.Hidden(r) {
			t.Fatalf("%U reaches the terminal", r)
		}
	}
}

func TestTextOfHostileLines(t *testing.T) {
	for name, line := range hostile {
		t.Run(name, func(t *testing.T) {
			for _, s := range samples {
				rep := poison(t, s.name, line)
				for _, cols := range []int{0, 24, 80} {
					got := text(t, rep, s.options(t, terminal.Screen{Width: cols, Color: cols == 80}))
					if cols == 0 { // tabs stay in verbatim lines of pipes
						got = strings.ReplaceAll(got, "\t", " ")
					}
					checkText(t, got, cols == 80)
					if len(got) > 4<<20 {
						t.Errorf("%s at %d columns: %d bytes", s.title(), cols, len(got))
					}
				}
			}
		})
	}
}

// megabyte is the size of a long line; under -short, with the race detector, a
// sixteenth of it.
func megabyte() int {
	if testing.Short() {
		return 1 << 16
	}
	return 1 << 20
}

func TestTextOfMegabyteLine(t *testing.T) {
	for _, unit := range []string{"x ", "\x1b", "\u0301", "upstream timed out (110: ", "a\n"} {
		line := strings.Repeat(unit, megabyte()/len(unit))
		for _, cols := range []int{0, 80} {
			start := time.Now()
			got := text(t, poison(t, "oom_kill", line), samples[0].options(t, terminal.Screen{Width: cols}))
			checkText(t, strings.ReplaceAll(got, "\t", ""), false)
			if cols == 80 && strings.Count(got, "\n") > 300 {
				t.Errorf("%q: %d lines on a screen", unit, strings.Count(got, "\n"))
			}
			// Far more than it takes; a quadratic step would take hours.
			if d := time.Since(start); d > 30*time.Second {
				t.Errorf("%q at %d columns took %v", unit, cols, d)
			}
		}
	}
}
