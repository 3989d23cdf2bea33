package web

import (
	"context"
	"io"
	"time"

	"culprit"
)

// A Query selects records: a text in the query language and a range of time.
type Query struct {
	Text  string    // "" selects all
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
	Hits    []Hit
	Cursor  string // of the next page, "" after the last
	Total   int    // records that the query selects, -1 if that was not counted
	Read    int64  // bytes of records that were looked at
	Partial string // why not all was looked at, as a sentence; "" if all was
}

// A Bin is one step of a histogram.
type Bin struct {
	Time  time.Time      // where it begins
	Count int            // records in it
	By    map[string]int // by value of the field asked for, nil if none was
}

// A Facet is a field with its most frequent values among the records of a query.
type Facet struct {
	Field  string
	Values []FacetValue // the most frequent first
	More   int          // values that are left out
}

// A FacetValue is one value with the number of records that hold it.
type FacetValue struct {
	Value string `json:"value"`
	Count int    `json:"count"`
}

// A Searcher finds records. A query that cannot be understood is an
// [culprit.ErrQuery]; what takes longer than ctx allows ends with its error or
// as a partial page.
type Searcher interface {
	Search(ctx context.Context, s Search) (*Page, error)
	Histogram(ctx context.Context, q Query, step time.Duration, by string) ([]Bin, error)
	Facets(ctx context.Context, q Query, fields []string, top int) ([]Facet, error)
}

// A Reader hands out single records. One that is not there is an
// [culprit.ErrNotFound].
type Reader interface {
	Record(ctx context.Context, source string, seq int64) (*Hit, error)
	// Around returns records of all sources within span before and after the
	// given one, in order of time, at most limit, the nearest ones.
	Around(ctx context.Context, source string, seq int64, span time.Duration, limit int) ([]Hit, error)
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

// A Match says whether a record is selected by a query.
type Match func(h *Hit) bool

// A CompileFunc makes the predicate of a query, for records as they arrive. A
// query that cannot be understood is an [culprit.ErrQuery].
type CompileFunc func(query string) (Match, error)
