package culprit

import "time"

// A Position says where in its source a record begins or ends.
type Position struct {
	Offset int64  // bytes from the start of a file; 0 in a journal
	Cursor string // the journal's cursor of the first entry; "" in a file
}

// Mark is a set of remarks about how a record was read.
type Mark uint8

// The marks of a record.
const (
	MarkTruncated    Mark = 1 << iota // a bound on lines or bytes cut the record; the rest follows as the next one
	MarkUnterminated                  // the source ended without a newline
	MarkInvalidUTF8                   // the bytes are not UTF-8; Text holds them as they are
	MarkNUL                           // a run of NUL bytes stands in it (a hole that copytruncate left)
	MarkSuppressed                    // the source says that it dropped entries here
)

// A Record is one log entry as its source wrote it: one line, or several that
// belong together (a stack trace, an OOM report).
//
// The strings of a record that a parser hands out may alias a buffer that is
// used again: a consumer that keeps the record calls [Record.Clone], one that
// keeps only what it means makes an [Event].
type Record struct {
	Source   string   // the path or the journal that it came from
	Start    Position // of its first byte
	End      Position // after its last byte, newline counted; Cursor is that of its last entry
	LineFrom int      // number of its first line (or journal entry), from 1
	LineTo   int      // number of its last line; other records' lines may lie between
	Text     []byte   // its lines as written, joined by \n; the last newline is left off

	Time         time.Time // when it happened; zero if the log does not say
	TimeText     string    // the time as it stands in the log
	ObservedTime time.Time // when it was read, zero in a one-shot run
	NotBefore    time.Time // bounds of an unknown Time, from its neighbours; zero if unknown
	NotAfter     time.Time

	Severity Severity // SeverityNone unless the log states it
	Host     string
	Process  string // program or syslog identifier
	PID      int    // 0 if unknown
	Unit     string // systemd unit
	Service  string // the program that writes the source, where configuration or the path tells it
	Message  string // what it says, without its envelope

	Mark Mark

	Kind  Kind // "" if its meaning is not known
	Attrs Attrs
}

// Reset empties r for the next record and keeps its attribute slice.
func (r *Record) Reset() {
	attrs := r.Attrs[:0]
	*r = Record{} // in place, not by way of a copy
	r.Severity, r.Attrs = SeverityNone, attrs
}

// Clone returns a copy that shares no memory with r.
func (r *Record) Clone() *Record {
	c := *r
	c.Text = append([]byte(nil), r.Text...)
	c.Source = own(r.Source)
	c.Start.Cursor, c.End.Cursor = own(r.Start.Cursor), own(r.End.Cursor)
	c.TimeText, c.Host, c.Process = own(r.TimeText), own(r.Host), own(r.Process)
	c.Unit, c.Service, c.Message = own(r.Unit), own(r.Service), own(r.Message)
	c.Attrs = r.Attrs.Clone()
	return &c
}
