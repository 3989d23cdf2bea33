package parsers

import (
	"bytes"
	"hash/maphash"

	"culprit"
)

// A program in a crash loop writes the very same trace each time it starts. So
// the last traces of a stream that came twice are kept with what they mean.

// maxSeen bounds the text of a trace that is kept.
const maxSeen = 16 << 10

// A traceMemory holds the traces of one stream, each in the place that the hash
// of its text gives.
type traceMemory struct {
	seed  maphash.Seed
	slots []seenTrace
}

// A seenTrace is the text of a record and what parseNode made of it. All that
// its meaning depends on besides the text is kept with it.
type seenTrace struct {
	hash     uint64 // of the last text that came to this place
	text     []byte
	format   string
	given    [2]culprit.Severity // of the envelope and of the record before it was read
	handler  bool                // see exceptionContext
	known    bool                // what stands here is the meaning of text
	kind     culprit.Kind
	message  string
	severity culprit.Severity
	attrs    culprit.Attrs
}

// at returns the place of a body, nil for one that is too long or comes for the
// first time, as most errors never come again.
func (m *traceMemory) at(body []byte) *seenTrace {
	if len(body) > maxSeen {
		return nil
	}
	if m.slots == nil {
		m.seed, m.slots = maphash.MakeSeed(), make([]seenTrace, 64)
	}
	hash := maphash.Bytes(m.seed, body)
	t := &m.slots[hash%uint64(len(m.slots))]
	if t.hash != hash {
		t.hash, t.known = hash, false
		return nil
	}
	return t
}

// recall gives r the meaning of body if it is that of the place.
func (t *seenTrace) recall(e *Envelope, body []byte, r *culprit.Record) bool {
	if !t.known || notNode(e) || t.format != e.Format || t.given != [2]culprit.Severity{e.Severity, r.Severity} || t.handler != exceptionContext(e) || !bytes.Equal(t.text, body) {
		return false
	}
	r.Kind, r.Message, r.Severity = t.kind, t.message, t.severity
	r.Attrs = append(r.Attrs, t.attrs...)
	return true
}

// learn puts a body that parseNode has read in the place of another, if it is an
// error: r, which had so many attributes and that severity before.
func (t *seenTrace) learn(e *Envelope, severity culprit.Severity, body []byte, r *culprit.Record, attrs int) {
	if n := len(r.Attrs); n == attrs || r.Attrs[n-1].Key != "fingerprint" {
		return
	}
	t.text = append(t.text[:0], body...)
	t.format, t.given, t.handler, t.known = e.Format, [2]culprit.Severity{e.Severity, severity}, exceptionContext(e), true
	t.kind, t.message, t.severity, t.attrs = r.Kind, own(r.Message), r.Severity, r.Attrs[attrs:].Clone()
}
