package parsers

import "culprit"

// A format knows one way to write log lines. There are two sorts.
//
// A transport stands around every line, whoever wrote it: syslog, a journal
// dump, docker, a prefix with the time. Transports may be nested. The others
// are the program's own way to begin an entry (nginx's error log, a logger):
// only the first line of an entry has it, and at most one is peeled.
type format struct {
	name string

	// first holds the bytes that a line of the format may begin with; "" is any.
	first string

	// signs, where set, are those of which every line of the format has one.
	signs signSet

	// transport says that the envelope stands around every line. What tells
	// programs apart (the key of an envelope) comes from transports alone.
	transport bool

	// indented says that lines which begin with white space and have no envelope
	// go on the line before (journalctl's short forms print messages of several
	// lines so).
	indented bool

	// peel takes the envelope off a line: it fills e (Body, Time, ...) and
	// reports whether the line is of this format. It must reject quickly, and
	// must leave e as it was when it rejects. In e stands what transports gave.
	peel func(c *clock, line []byte, e *Envelope) bool

	// sticky says that every record of the format begins with an envelope: a
	// line that no format peels and that is no rule's head belongs to the record
	// before it.
	sticky bool

	// exact says that no other format peels a line of this one, so that it may be
	// tried before all others.
	exact bool

	// parse, where set, is the only parser for bodies of this format (an access
	// log line); else the body parsers are asked.
	parse bodyParser

	// rules, where set, are the only rules for records of this format; a format
	// with parse and without rules has records of one line, unless it is sticky.
	rules []*rule
}

// A bodyParser gives r its Kind, Message and Attrs from the body of a record
// (its lines without envelopes, joined by \n) and reports whether it knew it.
// The stream has set the other fields of r from the envelope of the first line
// (Message is the whole body); a parser may correct Severity, PID and Time where
// the body states them. It must leave r as it was when it reports false. Strings
// of r may alias body.
type bodyParser func(c *clock, e *Envelope, body []byte, r *culprit.Record) bool

// A body is a bodyParser with the name that Stream.Format gives for records
// that only it knew.
type body struct {
	name  string
	parse bodyParser
	first string    // bytes that a body which it knows may begin with; "" is any
	words phraseSet // where set, phrases of which every body that it knows holds one
}

// A step is what a rule makes of the next body of the same program.
type step uint8

const (
	stepEnd   step = iota // it begins another record
	stepJoin              // it belongs to the record
	stepLast              // it belongs to the record and ends it
	stepMaybe             // it belongs to the record if a later body does (a blank line); else it is a record of its own
	stepPass              // it is another record, and this one still waits (an unrelated line in between)
)

// A rule joins several bodies into one record. The first rule of the list whose
// head matches is taken.
type rule struct {
	name string

	// first holds the bytes that a body which begins such a record may begin
	// with; "" is any.
	first string

	// words, where set, are phrases of which every such body holds one.
	words phraseSet

	// head reports whether a body begins a record that may go on.
	head func(e *Envelope, body []byte) bool

	// start, where set, returns the state that the body which begins the record
	// leaves; else it starts as 0.
	start func(body []byte) int

	// next decides about the next body of the same program. State is kept for
	// the rule from call to call. Where e.Format names a
	// format that is no transport the line has an envelope of its own: such lines
	// end the record without a call, unless enveloped is set.
	next      func(e *Envelope, body []byte, state *int) step
	enveloped bool

	// frames says that next only calls traceNext for a call of a stack, once the
	// record has a state.
	frames bool
}
