package parsers

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"culprit"
)

// TestFirstBytes: no rule or body parser knows a line of the golden files, or
// what stands behind its first space, that begins with a byte it does not
// declare.
func TestFirstBytes(t *testing.T) {
	files, err := filepath.Glob("testdata/*/*.log")
	if err != nil || len(files) == 0 {
		t.Fatal(err)
	}
	read := func(data []byte) string {
		var out []byte
		s := NewStream(Options{})
		emit := func(r *culprit.Record) { out = append(AppendJSON(out, r), '\n') }
		for no, line := range bytes.Split(data, []byte("\n")) {
			s.Push(Line{Text: line, No: no + 1}, emit)
			if no%3 == 0 {
				_, rest, _ := bytes.Cut(line, []byte(" "))
				s.Push(Line{Text: rest, No: no + 1}, emit)
			}
		}
		s.Close(emit)
		return string(out)
	}
	ruled, bodied := rulesByFirst, bodiesByFirst
	t.Cleanup(func() { rulesByFirst, bodiesByFirst = ruled, bodied })
	var got []string
	for _, path := range files {
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, read(data))
	}
	for b := range 256 {
		rulesByFirst[b], bodiesByFirst[b] = rules, bodies
	}
	for i, path := range files {
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if want := read(data); got[i] != want {
			t.Errorf("%s: other records when all are asked", path)
		}
	}
}

// TestForcedFormat: a format that was asked for may be another than that of the
// lines, of which some are empty.
func TestForcedFormat(t *testing.T) {
	for _, name := range Formats() {
		n := 0
		s := NewStream(Options{Format: name})
		emit := func(*culprit.Record) { n++ }
		for no, line := range []string{"", "[", "2", "Error: x", "", "    at main (/srv/app.js:1:2)", ""} {
			s.Push(Line{Text: []byte(line), No: no + 1}, emit)
		}
		s.Close(emit)
		if n == 0 {
			t.Errorf("%s: no record", name)
		}
	}
}
