package parsers

import "culprit"

// A format knows one way to write log lines. Formats are tried in the order of
// the list formats, the stream's last one first.
type format struct {
	name string

	// peel takes the envelope off a line: it fills e (Body, Time, ...) and
	// reports whether the line is of this format. It must reject quickly.
	peel func(c *clock, line []byte, e *Envelope) bool

	// sticky says that every record of the format begins with an envelope: a
	// line that no format peels belongs to the record before it.
	sticky bool

	// parse, where set, is the only parser for bodies of this format (an
	// access log line); else the body parsers are asked.
	parse bodyParser
}

// A bodyParser gives r its Kind, Message and Attrs from the body of a record
// (its lines without envelopes, joined by \n) and reports whether it knew it.
// The stream has set the other fields of r from the envelope of the first line;
// a parser may correct Severity, PID and Time where the body states them.
type bodyParser func(c *clock, e *Envelope, body []byte, r *culprit.Record) bool

// A step is what a rule makes of the next body of the same program.
type step uint8

const (
	stepEnd   step = iota // it begins another record
	stepJoin              // it belongs to the record
	stepLast              // it belongs to the record and ends it
	stepHold              // it belongs to the record if one of the next bodies does (stepJoin or stepLast), else it is handed out again as if it came now
	stepAside             // it stands between the lines of the record (a firewall's line in an OOM report): it is read as if the record were not there, which stays open
)

// maxHeld bounds the lines that a record holds by stepHold: what follows is taken as stepEnd.
// Bodies that stand aside count as lines of others (maxAway).
const maxHeld = 64

// A rule joins several bodies into one record.
type rule struct {
	name string

	// head reports whether a body begins a record that may go on.
	head func(e *Envelope, body []byte) bool

	// next decides about the next body of the same program. State, which
	// starts as 0, is kept for the rule from call to call.
	next func(e *Envelope, body []byte, state *int) step
}
