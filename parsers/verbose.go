package parsers

import (
	"bytes"

	"culprit"
)

// verboseFormat is journalctl -o verbose: a head with the time and the cursor,
// then a field a line.
//
//	Sun 2026-11-22 10:00:01.123456 UTC [s=0b7c;i=1f;b=9a0e;m=24e3;t=62a1;x=7d]
//	    PRIORITY=6
//	    MESSAGE=first line
//	            second line
var verboseFormat = &format{name: "journal_verbose", first: letterBytes, signs: signBracket, peel: peelVerbose, parse: parseVerbose, rules: []*rule{verboseRule}}

func peelVerbose(c *clock, line []byte, e *Envelope) bool {
	n := len(line)
	if n < 30 || line[n-1] != ']' || !isLetter(line[0]) {
		return false
	}
	i := bytes.Index(line, []byte(" [s="))
	if i < 20 || !bytes.Contains(line[i:], []byte(";i=")) {
		return false
	}
	s := c.scan(line)
	if s.n == 0 || s.n > i {
		return false
	}
	e.Time, e.TimeText, e.Zoned = s.t, text(line[:i]), s.zoned
	e.Body = line[i+1:]
	return true
}

var verboseRule = &rule{
	name: "journal verbose",
	head: func(_ *Envelope, body []byte) bool { return len(body) > 3 && body[0] == '[' && body[1] == 's' },
	next: func(_ *Envelope, body []byte, _ *int) step {
		if len(body) > 4 && (body[0] == ' ' || body[0] == '\t') {
			return stepJoin
		}
		return stepEnd
	},
}

// parseVerbose reads the fields and has the message parsed as that of any entry
// of a journal.
func parseVerbose(c *clock, e *Envelope, body []byte, r *culprit.Record) bool {
	var j JournalEntry
	j.reset()
	var name, value []byte
	keep := func() {
		if f, ok := journalFieldOf(name); ok && len(name) > 0 {
			j.set(f, value)
		}
	}
	_, rest, _ := bytes.Cut(body, []byte("\n"))
	for len(rest) > 0 {
		var line []byte
		line, rest, _ = bytes.Cut(rest, []byte("\n"))
		t := bytes.TrimLeft(line, " \t")
		if k := bytes.IndexByte(t, '='); len(line)-len(t) == 4 && k > 0 && fieldName(t[:k]) {
			keep()
			name, value = t[:k], append([]byte(nil), t[k+1:]...)
		} else if len(name) > 0 {
			value = append(append(value, '\n'), t...)
		}
	}
	keep()
	if !j.has(jMessage) {
		return true
	}
	var inner Envelope
	inner.reset()
	j.envelope(&inner)
	if !inner.Time.IsZero() {
		r.Time = inner.Time
	}
	r.Host, r.Process, r.PID, r.Unit, r.Severity = inner.Host, inner.Process, inner.PID, inner.Unit, inner.Severity
	r.Attrs = append(r.Attrs, inner.Attrs...)
	r.Message = text(inner.Body)
	parseBody(c, &inner, inner.Body, r)
	return true
}
