package parsers

import (
	"time"
	"unsafe"

	"culprit"
)

// An Envelope is what a format says around the body of a line. Its strings and
// slices alias the line.
type Envelope struct {
	Time     time.Time // zero if unknown
	TimeText string    // as it stands in the line
	Zoned    bool      // Time is an instant whatever the zone of the source: it states its offset or is an epoch
	Severity culprit.Severity
	Host     string
	Process  string // program or syslog identifier
	PID      int
	Unit     string
	Facility string // "kernel" where the transport says that the kernel wrote it
	Stream   string // stdout or stderr, where the source says so
	Partial  bool   // the body goes on in the next line of the same program (Docker's 16 KiB pieces)

	Prefix string        // what stands before the log's own line (a compose prefix, a container's name)
	Format string        // name of the format that peeled the line
	Body   []byte        // the rest: the message
	Attrs  culprit.Attrs // attributes that the envelope itself gives; kept by the stream and used again

	pm2      bool   // PM2's daemon wrote the line, not one of its apps
	plain    bool   // it is known that no format peels the line
	indented bool   // see format.indented
	ownTime  bool   // TimeText is a field of its own (JSON): the time of an inner format does not replace it
	buf      []byte // where a format that has to decode its line (JSON) puts the body

	looked string    // the body in which phrases were looked for
	found  phraseSet // and which it holds
}

// reset empties e and keeps its buffers.
func (e *Envelope) reset() {
	attrs, buf := e.Attrs[:0], e.buf[:0]
	*e = Envelope{} // in place, not by way of a copy
	e.Severity, e.Attrs, e.buf = culprit.SeverityNone, attrs, buf
}

// key tells programs in one source apart: lines of different keys never join.
type key struct {
	host, process string
	pid           int
	prefix        string
}

func (e *Envelope) key() key { return key{e.Host, e.Process, e.PID, e.Prefix} }

// keep makes dst a copy of e whose strings lie in buf, which it returns; the
// body is left off.
func (e *Envelope) keep(dst *Envelope, buf []byte) []byte {
	attrs, own := dst.Attrs[:0], dst.buf
	*dst = *e
	dst.Body, dst.Attrs, dst.buf, dst.looked = nil, attrs, own, ""
	n := len(e.TimeText) + len(e.Host) + len(e.Process) + len(e.Unit) + len(e.Facility) + len(e.Stream) + len(e.Prefix)
	for i := range e.Attrs {
		if v := &e.Attrs[i].Value; v.Type() == culprit.TypeString {
			n += len(v.String())
		}
	}
	if n == 0 && len(e.Attrs) == 0 { // a line without an envelope
		return buf
	}
	if cap(buf) < n {
		buf = make([]byte, 0, n+64)
	}
	buf = buf[:0]
	for _, f := range [...]*string{&dst.TimeText, &dst.Host, &dst.Process, &dst.Unit, &dst.Facility, &dst.Stream, &dst.Prefix} {
		from := len(buf)
		buf = append(buf, *f...)
		*f = text(buf[from:])
	}
	for i, a := range e.Attrs {
		switch a.Value.Type() {
		case culprit.TypeString:
			from := len(buf)
			buf = append(buf, a.Value.String()...)
			a.Value = culprit.String(text(buf[from:]))
		case culprit.TypeStrings, culprit.TypeFrame:
			a.Value = e.Attrs[i : i+1].Clone()[0].Value
		}
		dst.Attrs = append(dst.Attrs, a)
	}
	return buf
}

// text returns b as a string that shares its memory: valid as long as b is not
// written to. All strings of envelopes and records are made by it, which is why
// a record is only valid during the call of emit.
func text(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }
