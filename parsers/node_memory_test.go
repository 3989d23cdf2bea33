package parsers

import (
	"bytes"
	"strings"
	"testing"

	"culprit"
)

// TestTraceMemory: a trace that was seen before means what it means to a stream
// that sees it for the first time, whatever stands around it.
func TestTraceMemory(t *testing.T) {
	trace := "Error: connect ECONNREFUSED 127.0.0.1:5432\n    at TCPConnectWrap.afterConnect [as oncomplete] (node:net:1611:16)\n"
	var data []byte
	for _, lead := range []string{"", "[Nest] 232  - 11/22/2026, 8:22:26 AM   ERROR [ExceptionsHandler] ", "2026-11-22T10:00:00.000Z error: ", "warn: "} {
		data = append(data, lead+trace+"listening on 3000\n"...)
	}
	for _, tag := range []string{"node[7]: ", "node[8]: ", "sshd[9]: ", "kernel: "} {
		for line := range strings.Lines(trace) {
			data = append(data, "Nov 22 10:00:00 web-01 "+tag+line...)
		}
	}
	for _, log := range goldenLogs(t) {
		data = append(append(data, log.data...), '\n')
	}
	data = bytes.Repeat(data, 3)

	read := func(forget bool) (list []string) {
		s := NewStream(Options{})
		emit := func(r *culprit.Record) {
			list = append(list, string(AppendJSON(nil, r)))
			if forget {
				s.clock.traces.slots = nil
			}
		}
		for no, line := range bytes.Split(data, []byte("\n")) {
			s.Push(Line{Text: line, No: no + 1}, emit)
		}
		s.Close(emit)
		return list
	}
	got, want := read(false), read(true)
	if len(got) != len(want) {
		t.Fatalf("%d records, want %d", len(got), len(want))
	}
	for i := range got {
		if got[i] != want[i] {
			t.Fatalf("record %d:\n got %.999s\nwant %.999s", i, got[i], want[i])
		}
	}
}

// TestTraceMemory_Recall: what a trace means is known for the same envelope only.
func TestTraceMemory_Recall(t *testing.T) {
	body := []byte("Error: x\n    at main (/srv/app.js:1:1)")
	var c clock
	first := Envelope{Format: formatNest, Severity: culprit.SeverityError}
	var r culprit.Record
	for range 2 {
		r = culprit.Record{Severity: culprit.SeverityError}
		if !parseTrace(&c, &first, bytes.Clone(body), &r) {
			t.Fatal("the trace is not known")
		}
	}
	for _, x := range []struct {
		name   string
		e      Envelope
		body   string
		recall bool
	}{
		{"same", first, string(body), true},
		{"longer", first, string(body) + " ", false},
		{"format", Envelope{Severity: culprit.SeverityError}, string(body), false},
		{"severity", Envelope{Format: formatNest, Severity: culprit.SeverityWarning}, string(body), false},
		{"context", Envelope{Format: formatNest, Severity: culprit.SeverityError, Attrs: culprit.Attrs{{Key: "nest_context", Value: culprit.String("ExceptionsHandler")}}}, string(body), false},
		{"daemon", Envelope{Format: formatNest, Severity: culprit.SeverityError, Process: "sshd"}, string(body), false},
		{"kernel", Envelope{Format: formatNest, Severity: culprit.SeverityError, Facility: "kernel"}, string(body), false},
	} {
		again := culprit.Record{Severity: x.e.Severity}
		b := []byte(x.body)
		seen := c.traces.at(b)
		if got := seen != nil && seen.recall(&x.e, b, &again); got != x.recall {
			t.Errorf("%s: recall is %v", x.name, got)
		} else if got && (again.Kind != r.Kind || again.Message != "x" || len(again.Attrs) != len(r.Attrs)) {
			t.Errorf("%s: %+v, want %+v", x.name, again, r)
		}
	}
}
