package web

import (
	"context"
	"io"
	"time"

	"culprit"
	"culprit/internal/query"
)

// A Query selects records: a tree of the query language and a range of time.
type Query struct {
	*query.Query
	Since time.Time // zero: from the first record
	Until time.Time // zero: to the last one; exclusive
}

// A Search asks for one page of the records that a query selects.
type Search struct {
	Query
	OldestFirst bool
	Limit       int    // at least 1
	Cursor      string // where the page before ended, "" for the first
}

// A Hit is a stored record with what the store knows beside it.
type Hit struct {
	Record   *culprit.Record
	Seq      int64  // its number in the store; with Source it names the record for good
	Service  string // "" if it is not known which
	Upstream string
}

// A Page is one page of hits.
type Page struct {
	Hits   []Hit
	Cursor string // of the next page, "" after the last
}

// A Facet is a field with its most frequent values among the records of a query.
type Facet struct {
	Field  string
	Values []FacetValue // the most frequent first
	More   bool         // there are values that are left out, or only the newest records were counted
}

// A FacetValue is one value with the number of records that hold it.
type FacetValue struct {
	Value string `json:"value"`
	Count int64  `json:"count"`
}

// A Searcher finds records. What takes longer than ctx allows ends with its
// error.
type Searcher interface {
	Search(ctx context.Context, s Search) (*Page, error)
	// Count returns how many records q selects, exactly.
	Count(ctx context.Context, q Query) (int64, error)
	// Histogram counts them in n stretches of equal length; the range of q is set.
	Histogram(ctx context.Context, q Query, n int) ([]int64, error)
	Facets(ctx context.Context, q Query, fields []string, top int) ([]Facet, error)
}

// A Reader hands out single records, and records as they are stored.
type Reader interface {
	// Record returns one record, or [culprit.ErrNotFound].
	Record(ctx context.Context, source string, seq int64) (*Hit, error)
	// Follow calls yield for the records that match and are stored from now on,
	// until ctx ends.
	Follow(ctx context.Context, q *query.Query, yield func(Hit) error) error
}

// An EventQuery selects events, oldest first unless Newest is set. Zero fields
// do not select.
type EventQuery struct {
	Since, Until time.Time
	Kinds        []culprit.Kind
	Newest       bool
	Limit        int
}

// Events hands out what records mean.
type Events interface {
	Events(ctx context.Context, q EventQuery) ([]*culprit.Event, error)
}

// Incidents hands out incidents, the newest first. One that is not there is an
// [culprit.ErrNotFound].
type Incidents interface {
	Incidents(ctx context.Context, since, until time.Time, limit int) ([]*culprit.Incident, error)
	Incident(ctx context.Context, id string) (*culprit.Incident, error)
}

// Health says how well a source is read.
type Health string

// The states of a source.
const (
	HealthOK         Health = "ok"
	HealthLag        Health = "lag"        // read, but behind
	HealthUnreadable Health = "unreadable" // nothing comes from it
)

// A SourceState is one source and how well it is read.
type SourceState struct {
	Path    string     `json:"path" doc:"Path of the file or name of the journal"`
	Format  string     `json:"format" doc:"Name of its log format, empty if not known yet"`
	Health  Health     `json:"health" enum:"ok,lag,unreadable"`
	Lag     float64    `json:"lag_seconds" doc:"Age of what is not read yet"`
	Behind  int64      `json:"behind_bytes" doc:"Bytes not read yet"`
	Records int64      `json:"records" doc:"Records stored of it"`
	Last    *time.Time `json:"last" doc:"Time of its newest record"`
	Reason  string     `json:"reason" doc:"What is wrong, as a sentence"`
	Remedy  string     `json:"remedy" doc:"Command that mends it; culprit never runs it"`
}

// Sources tells how well each source is read.
type Sources interface {
	Sources(ctx context.Context) ([]SourceState, error)
}

// ReportOptions say how an incident is written down.
type ReportOptions struct {
	Format      string         // md, html or json
	HideClients bool           // client addresses are left out too
	Zone        *time.Location // of the times in it
}

// A ReportFunc writes an incident as a report, secrets redacted.
type ReportFunc func(w io.Writer, inc *culprit.Incident, o ReportOptions) error
