package parsers

import (
	"time"

	"culprit"
)

// An Envelope is what a format says around the body of a line. Its strings and
// slices alias the line.
type Envelope struct {
	Time     time.Time // zero if unknown
	TimeText string    // as it stands in the line
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
}

// reset empties e and keeps its attribute slice.
func (e *Envelope) reset() {
	*e = Envelope{Severity: culprit.SeverityNone, Attrs: e.Attrs[:0]}
}

// key tells programs in one source apart: lines of different keys never join.
type key struct {
	host, process string
	pid           int
	prefix        string
}

func (e *Envelope) key() key { return key{e.Host, e.Process, e.PID, e.Prefix} }
