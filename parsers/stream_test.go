package parsers

import (
	"testing"

	"culprit"
)

func collect(o Options, lines ...string) []*culprit.Record {
	s := NewStream(o)
	var out []*culprit.Record
	emit := func(r *culprit.Record) { out = append(out, r.Clone()) }
	off := int64(0)
	for i, l := range lines {
		end := off + int64(len(l)) + 1
		s.Push(Line{Text: []byte(l), No: i + 1, Start: culprit.Position{Offset: off}, End: culprit.Position{Offset: end}}, emit)
		off = end
	}
	s.Close(emit)
	return out
}

func TestStreamPlainLines(t *testing.T) {
	got := collect(Options{Source: "x"}, "a", "", "b\r")
	if len(got) != 3 || string(got[2].Text) != "b\r" || got[2].Message != "b" || got[2].LineFrom != 3 {
		t.Fatalf("got %+v", got)
	}
}
