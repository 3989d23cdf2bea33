package culprit

import "time"

// A Place is where a record of an event stands.
type Place struct {
	Source string `json:"source"`
	Line   int    `json:"line"` // number of its first line, from 1; of the journal entry in a journal
	LineTo int    `json:"line_to,omitempty"`
	Seq    int64  `json:"seq,omitempty"` // the record's sequence number in the store, 0 outside of it
}

// An Event is what one record means, or several that say the same: the same
// failure within one second (Count), the same entry in the journal and in a
// syslog file (Places). It shares no memory with the records.
type Event struct {
	ID        int64     `json:"id,omitempty"` // the store's, 0 outside of it
	Kind      Kind      `json:"kind"`
	Time      time.Time `json:"time"` // zero if unknown
	NotBefore time.Time `json:"not_before,omitzero"`
	NotAfter  time.Time `json:"not_after,omitzero"`
	Severity  Severity  `json:"severity"`
	Service   string    `json:"service"`  // "" if it is not known which
	Upstream  string    `json:"upstream"` // the address that nginx connects to, "" if none
	Host      string    `json:"host"`
	Process   string    `json:"process"`
	PID       int       `json:"pid"`
	Unit      string    `json:"unit"`
	Message   string    `json:"message"`
	Text      string    `json:"text"` // the record, verbatim; of the first one where Count > 1
	Attrs     Attrs     `json:"attributes"`
	Count     int       `json:"count"`
	Places    []Place   `json:"places"`
}

// NewEvent makes the event of a record that has a Kind.
func NewEvent(r *Record) *Event {
	return &Event{
		Kind: r.Kind, Time: r.Time, NotBefore: r.NotBefore, NotAfter: r.NotAfter, Severity: r.Severity,
		Host: own(r.Host), Process: own(r.Process), PID: r.PID, Unit: own(r.Unit), Service: own(r.Service), Upstream: PassAddress(r.Attrs.Get("upstream")),
		Message: own(r.Message), Text: string(r.Text), Attrs: r.Attrs.Clone(), Count: 1,
		Places: []Place{{Source: own(r.Source), Line: r.LineFrom, LineTo: r.LineTo}},
	}
}
