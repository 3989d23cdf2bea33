package parsers

import (
	"bytes"
	"testing"

	"culprit"
)

// TestFirstBytes: no rule or body parser knows a line of the golden files, or
// what stands behind its first space, that begins with a byte it does not
// declare.
func TestFirstBytes(t *testing.T) {
	logs := goldenLogs(t)
	read := func(data []byte) string {
		var lines [][]byte
		for no, line := range bytes.Split(data, []byte("\n")) {
			lines = append(lines, line)
			if no%3 == 0 {
				_, rest, _ := bytes.Cut(line, []byte(" "))
				lines = append(lines, rest)
			}
		}
		return readJSON(lines)
	}
	ruled, bodied := rulesByFirst, bodiesByFirst
	t.Cleanup(func() { rulesByFirst, bodiesByFirst = ruled, bodied })
	var got []string
	for _, log := range logs {
		got = append(got, read(log.data))
	}
	for b := range 256 {
		rulesByFirst[b], bodiesByFirst[b] = rules, bodies
	}
	for i, log := range logs {
		if want := read(log.data); got[i] != want {
			t.Errorf("%s: other records when all are asked", log.path)
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
		for no, line := range []string{"", "[", "2", ":22 Nov 2026 10:00:00 web-01 app: x", "Error: x", "", "    at main (/srv/app.js:1:2)", ""} {
			s.Push(Line{Text: []byte(line), No: no + 1}, emit)
		}
		s.Close(emit)
		if n == 0 {
			t.Errorf("%s: no record", name)
		}
	}
}
