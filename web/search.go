package web

import (
	"context"
	"math"
	"net/http"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
)

// bins of a histogram: about this many, on a step that people count in.
const (
	wantBins = 120
	maxBins  = 1000
)

// Selection is a query as the routes of records take it.
type Selection struct {
	Q string `query:"q" maxLength:"1024" doc:"Words, \"phrases\", prefix*, field:value, ranges, AND OR NOT ( ), -word"`
	Window
}

func (q Selection) query() Query {
	return Query{Text: strings.TrimSpace(q.Q), Since: q.Since, Until: q.Until}
}

type searchIn struct {
	Selection
	Order  string `query:"order" enum:"newest,oldest" default:"newest"`
	Limit  int    `query:"limit" minimum:"1" maximum:"1000" default:"200"`
	Cursor string `query:"cursor" maxLength:"512" doc:"From the page before"`
}

type searchOut struct {
	Body struct {
		Records []Record `json:"records"`
		Cursor  string   `json:"cursor" doc:"Of the next page, empty after the last"`
		Total   int      `json:"total" doc:"Records that the query selects, -1 if they were not counted"`
		Read    int64    `json:"read_bytes" doc:"Bytes of records that were looked at"`
		TookMS  float64  `json:"took_ms"`
		Partial string   `json:"partial" doc:"Why not all was looked at, as a sentence; empty if all was"`
	}
}

type histogramIn struct {
	Selection
	By   string `query:"by" enum:"none,severity,kind,service,source" default:"none"`
	Bins int    `query:"bins" minimum:"1" maximum:"1000" default:"120" doc:"About how many"`
}

// A HistogramBin is one step that holds records.
type HistogramBin struct {
	Time  time.Time      `json:"time"`
	Count int            `json:"count"`
	By    map[string]int `json:"by"`
}

type histogramOut struct {
	Body struct {
		From  time.Time      `json:"from"`
		To    time.Time      `json:"to"`
		Step  float64        `json:"step_seconds"`
		Total int            `json:"total"`
		Bins  []HistogramBin `json:"bins" doc:"Those that hold records, in order of time"`
	}
}

type facetsIn struct {
	Selection
	Fields []string `query:"fields" maxItems:"8" doc:"Default: severity, service, kind, source"`
	Top    int      `query:"top" minimum:"1" maximum:"50" default:"8"`
}

// A FacetGroup is one field with its most frequent values.
type FacetGroup struct {
	Field  string       `json:"field"`
	Values []FacetValue `json:"values"`
	More   int          `json:"more" doc:"Values that are left out"`
}

type facetsOut struct {
	Body struct {
		Facets []FacetGroup `json:"facets"`
	}
}

// registerSearch registers GET /api/search, /api/histogram and /api/facets.
func (s *Server) registerSearch() {
	huma.Register(s.api, huma.Operation{
		OperationID: "search", Method: http.MethodGet, Path: "/api/search", Tags: []string{"records"},
		Summary: "Records that a query selects",
	}, func(ctx context.Context, in *searchIn) (*searchOut, error) {
		begun := time.Now()
		return bounded(ctx, s, func(ctx context.Context) (*searchOut, error) {
			p, err := s.cfg.Searcher.Search(ctx, Search{Query: in.query(), OldestFirst: in.Order == "oldest", Limit: in.Limit, Cursor: in.Cursor})
			if err != nil {
				return nil, err
			}
			out := &searchOut{}
			b := &out.Body
			b.Records, b.Cursor, b.Total, b.Read, b.Partial = shown(p.Hits, listText), p.Cursor, p.Total, p.Read, p.Partial
			b.TookMS = math.Round(float64(time.Since(begun).Microseconds())/10) / 100
			return out, nil
		})
	})
	huma.Register(s.api, huma.Operation{
		OperationID: "histogram", Method: http.MethodGet, Path: "/api/histogram", Tags: []string{"records"},
		Summary: "How many records a query selects over time",
	}, func(ctx context.Context, in *histogramIn) (*histogramOut, error) {
		return bounded(ctx, s, func(ctx context.Context) (*histogramOut, error) { return s.histogram(ctx, in) })
	})
	huma.Register(s.api, huma.Operation{
		OperationID: "facets", Method: http.MethodGet, Path: "/api/facets", Tags: []string{"records"},
		Summary: "The most frequent values among the records of a query",
	}, func(ctx context.Context, in *facetsIn) (*facetsOut, error) {
		fields := in.Fields
		if len(fields) == 0 {
			fields = []string{"severity", "service", "kind", "source"}
		}
		return bounded(ctx, s, func(ctx context.Context) (*facetsOut, error) {
			fs, err := s.cfg.Searcher.Facets(ctx, in.query(), fields, in.Top)
			if err != nil {
				return nil, err
			}
			out := &facetsOut{}
			out.Body.Facets = make([]FacetGroup, len(fs))
			for i, f := range fs {
				out.Body.Facets[i] = FacetGroup{Field: f.Field, Values: orEmpty(f.Values), More: f.More}
			}
			return out, nil
		})
	})
}

// histogram fills in the missing end of the range from the records themselves,
// and chooses the step.
func (s *Server) histogram(ctx context.Context, in *histogramIn) (*histogramOut, error) {
	q := in.query()
	out := &histogramOut{}
	b := &out.Body
	b.Bins = []HistogramBin{}
	for _, end := range []struct {
		t      *time.Time
		oldest bool
	}{{&q.Since, true}, {&q.Until, false}} {
		if !end.t.IsZero() {
			continue
		}
		t, err := s.edge(ctx, q, end.oldest)
		if err != nil {
			return nil, err
		}
		if t.IsZero() {
			return out, nil // no record with a time
		}
		if !end.oldest {
			t = t.Add(time.Nanosecond) // the range leaves its end out
		}
		*end.t = t
	}
	if !q.Since.Before(q.Until) {
		return nil, huma.Error400BadRequest("since is not before until.")
	}
	step := niceStep(q.Until.Sub(q.Since), in.Bins)
	by := in.By
	if by == "none" {
		by = ""
	}
	bins, err := s.cfg.Searcher.Histogram(ctx, q, step, by)
	if err != nil {
		return nil, err
	}
	b.From, b.To, b.Step = q.Since.UTC(), q.Until.UTC(), step.Seconds()
	for _, bin := range bins {
		if bin.Count == 0 {
			continue
		}
		b.Total += bin.Count
		if bin.By == nil {
			bin.By = map[string]int{}
		}
		b.Bins = append(b.Bins, HistogramBin{Time: bin.Time.UTC(), Count: bin.Count, By: bin.By})
	}
	return out, nil
}

// edge returns the time of the first or last record that q selects and that has
// a time.
func (s *Server) edge(ctx context.Context, q Query, oldest bool) (time.Time, error) {
	p, err := s.cfg.Searcher.Search(ctx, Search{Query: q, OldestFirst: oldest, Limit: 1})
	if err != nil || len(p.Hits) == 0 {
		return time.Time{}, err
	}
	r := p.Hits[0].Record
	if !r.Time.IsZero() {
		return r.Time, nil
	}
	if oldest {
		return r.NotBefore, nil
	}
	return r.NotAfter, nil
}

var niceSteps = []time.Duration{
	10 * time.Millisecond, 100 * time.Millisecond, 500 * time.Millisecond,
	time.Second, 2 * time.Second, 5 * time.Second, 10 * time.Second, 15 * time.Second, 30 * time.Second,
	time.Minute, 2 * time.Minute, 5 * time.Minute, 10 * time.Minute, 15 * time.Minute, 30 * time.Minute,
	time.Hour, 2 * time.Hour, 3 * time.Hour, 6 * time.Hour, 12 * time.Hour, 24 * time.Hour,
}

// niceStep returns the smallest step that people count in which cuts span into
// at most n bins.
func niceStep(span time.Duration, n int) time.Duration {
	if n <= 0 {
		n = wantBins
	}
	n = min(n, maxBins)
	for _, s := range niceSteps {
		if span/s < time.Duration(n) {
			return s
		}
	}
	day := 24 * time.Hour
	return (span/time.Duration(n)/day + 1) * day
}
