package parsers

import (
	"bytes"
	"strings"
	"testing"
)

// TestPhraseGates: no parser or rule knows a line of the golden files that has
// none of the phrases it asks for. Some phrases are all that is asked.
func TestPhraseGates(t *testing.T) {
	for _, log := range goldenLogs(t) {
		lines := bytes.Split(log.data, []byte("\n"))
		got := strings.Split(readJSON(lines), "\n")
		lineWords.all = ^(frameWords | nestWords | statusWords)
		want := strings.Split(readJSON(lines), "\n")
		lineWords.all = 0
		for i := range min(len(got), len(want)) {
			if got[i] != want[i] {
				t.Errorf("%s:\n got %.999s\nwant %.999s", log.path, got[i], want[i])
				break
			}
		}
	}
}

// TestPhraseScan: every phrase is found wherever it stands, and nothing else is.
func TestPhraseScan(t *testing.T) {
	for _, e := range lineWords.list {
		for lead := range 5 {
			for _, tail := range []string{"", ".", " and more"} {
				for _, s := range []string{e.text, strings.ToUpper(e.text)} {
					line := strings.Repeat("-", lead) + s + tail
					if lineWords.scan(line)&e.set == 0 && (e.fold || s == e.text) {
						t.Errorf("%q is not found in %q", e.text, line)
					}
				}
			}
		}
	}
	for _, s := range []string{"", "E", "rro", "the third customer of the day", strings.Repeat("x", 99)} {
		if got := lineWords.scan(s); got != 0 {
			t.Errorf("%q: found %b", s, got)
		}
	}
}
