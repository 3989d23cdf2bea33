package parsers

import (
	"bytes"

	"culprit"
)

// detectLines bounds how much of a sample is looked at.
const detectLines = 2000

// Detect says which format the bytes at the start of a file are in: the name of
// the format or of the parser that knew most records, as [Stream.Format] gives
// it, and the share of the lines that were understood, from 0 to 1. It returns
// "" where nothing was. The last line of the sample may be cut.
func Detect(sample []byte) (format string, confidence float64) {
	if IsJournalDump(sample) {
		return "journal_dump", 1
	}
	s := NewStream(Options{})
	lines, known := 0, 0
	emit := func(r *culprit.Record) {
		if s.known {
			known += r.LineTo - r.LineFrom + 1
		}
	}
	for no := 1; len(sample) > 0 && no <= detectLines; no++ {
		line := sample
		if i := bytes.IndexByte(sample, '\n'); i >= 0 {
			line, sample = sample[:i], sample[i+1:]
		} else if sample = nil; lines > 0 {
			break // perhaps cut
		}
		if len(bytes.TrimSpace(line)) > 0 {
			lines++
		}
		s.Push(Line{Text: line, No: no}, emit)
	}
	s.Close(emit)
	if known == 0 || lines == 0 {
		return "", 0
	}
	return s.Format(), min(1, float64(known)/float64(lines))
}
