package parsers

import (
	"time"

	"culprit"
)

// Options say how to read one source.
type Options struct {
	Source    string    // path or journal, as it goes into the records
	Format    string    // name of a format, "" to detect it from the content
	Zone      Zone      // for times that state no offset; nil is UTC
	Ref       time.Time // an instant near the end of the source, for times without a year (a file's mtime); zero if unknown
	LogFormat string    // text of nginx's log_format, for an access log that uses one
	Service   string    // the program that writes the source, where it is known from configuration or the path
}

// A Line is one physical line of a file or one entry of a journal.
type Line struct {
	Text  []byte           // without its newline; the entry's message in a journal. Only valid during the call
	No    int              // its number from 1
	Start culprit.Position // of its first byte
	End   culprit.Position // after its newline
	Mark  culprit.Mark     // what the reader noticed
	Entry *Envelope        // the envelope of a journal entry, nil for a line of a file
}

// Bounds of a record. What lies behind a bound begins a new record, and the one
// before is marked as truncated.
const (
	MaxLines = 4096    // lines of one record
	MaxBytes = 1 << 20 // bytes of one record
	maxAway  = 1024    // lines of others after which a record that waits for more is complete
)

// A Stream turns the lines of one source into records. It is not safe for
// concurrent use.
type Stream struct {
	opts  Options
	clock clock
}

// NewStream returns a stream for one source.
func NewStream(o Options) *Stream {
	return &Stream{opts: o, clock: clock{zone: o.Zone, ref: o.Ref}}
}

// Push reads one line. Records that are complete are handed to emit in the
// order of their first lines; a record is only valid during the call of emit.
func (s *Stream) Push(l Line, emit func(*culprit.Record)) { panic("not written") }

// Close ends the source: what still waited for more lines is complete.
func (s *Stream) Close(emit func(*culprit.Record)) { panic("not written") }

// Open hands out the records that may still grow, as they would be if the
// source ended here, and keeps them open.
func (s *Stream) Open(emit func(*culprit.Record)) { panic("not written") }

// Resume returns the position from which the source has to be read again to
// get the records that were not emitted yet: the first byte of the first open
// record, or the end of the last line.
func (s *Stream) Resume() culprit.Position { panic("not written") }

// Format returns the name of the format of most lines so far, "" if no line
// was understood.
func (s *Stream) Format() string { panic("not written") }
