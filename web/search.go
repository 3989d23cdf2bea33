package web

import (
	"context"
	"math"
	"net/http"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"culprit/internal/query"
)

const (
	maxBins    = 1000
	countTime  = time.Second // an exact total is nice to have, not worth more
	endRecords = 50          // looked at for the first or last time of a range
)

// Selection is a query as the routes of records take it.
type Selection struct {
	Q string `query:"q" maxLength:"4096" doc:"Words, \"phrases\", prefix*, field:value, ranges, AND OR NOT ( ), -word"`
	Window
}

// query parses the text; what is wrong with it is told with its column.
func (q Selection) query() (Query, error) {
	tree, err := query.Parse(strings.TrimSpace(q.Q))
	return Query{Query: tree, Since: q.Since, Until: q.Until}, err
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
		Total   int64    `json:"total" doc:"Records that the query selects; -1 on later pages, and where counting them would take too long"`
		TookMS  float64  `json:"took_ms"`
	}
}

type histogramIn struct {
	Selection
	By   string `query:"by" enum:"none,phase,severity,service" default:"none"`
	Bins int    `query:"bins" minimum:"1" maximum:"1000" default:"120" doc:"About how many"`
}

// A HistogramBin is one step that holds records.
type HistogramBin struct {
	Time  time.Time        `json:"time"`
	Count int64            `json:"count"`
	By    map[string]int64 `json:"by" doc:"Those of a named group; the rest belongs to none"`
}

type histogramOut struct {
	Body struct {
		From  time.Time      `json:"from"`
		To    time.Time      `json:"to"`
		Step  float64        `json:"step_seconds"`
		Total int64          `json:"total"`
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
	More   bool         `json:"more" doc:"There are more values, or only the newest records were counted"`
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
		return bounded(ctx, s, func(ctx context.Context) (*searchOut, error) { return s.search(ctx, in) })
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
			q, err := in.query()
			if err != nil {
				return nil, err
			}
			fs, err := s.cfg.Searcher.Facets(ctx, q, fields, in.Top)
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

func (s *Server) search(ctx context.Context, in *searchIn) (*searchOut, error) {
	begun := time.Now()
	q, err := in.query()
	if err != nil {
		return nil, err
	}
	p, err := s.cfg.Searcher.Search(ctx, Search{Query: q, OldestFirst: in.Order == "oldest", Limit: in.Limit, Cursor: in.Cursor})
	if err != nil {
		return nil, err
	}
	out := &searchOut{}
	b := &out.Body
	b.Records, b.Cursor, b.Total = shown(p.Hits, listText), p.Cursor, -1
	switch {
	case in.Cursor != "":
	case p.Cursor == "":
		b.Total = int64(len(p.Hits))
	default:
		short, cancel := context.WithTimeout(ctx, countTime)
		defer cancel()
		if n, err := s.cfg.Searcher.Count(short, q); err == nil {
			b.Total = n
		} else if ctx.Err() != nil || short.Err() == nil {
			return nil, err
		}
	}
	b.TookMS = math.Round(float64(time.Since(begun).Microseconds())/10) / 100
	return out, nil
}

// A series is one group of a broken down histogram.
type series struct{ name, query string }

var breakdowns = map[string][]series{
	"phase": {
		{"refused", "kind:upstream_connect_failed"}, {"reset", "kind:upstream_reset OR kind:upstream_premature_close"}, {"timed out", "kind:upstream_timeout"},
	},
	"severity": {{"error", "severity:<=3"}, {"warning", "severity:4"}},
}

// histogram fills in the missing end of the range from the records themselves,
// chooses the step, and counts each group of the breakdown.
func (s *Server) histogram(ctx context.Context, in *histogramIn) (*histogramOut, error) {
	q, err := in.query()
	if err != nil {
		return nil, err
	}
	out := &histogramOut{}
	b := &out.Body
	b.Bins = []HistogramBin{}
	if ok, err := s.closeRange(ctx, &q); err != nil || !ok {
		return out, err
	}
	if !q.Since.Before(q.Until) {
		return nil, huma.Error400BadRequest("since is not before until.")
	}
	step := niceStep(q.Until.Sub(q.Since), in.Bins)
	all, err := s.inSteps(ctx, q, step)
	if err != nil {
		return nil, err
	}
	groups := breakdowns[in.By]
	if in.By == "service" {
		if groups, err = s.services(ctx, q); err != nil {
			return nil, err
		}
	}
	by := make([][]int64, len(groups))
	for i, g := range groups {
		sub, err := query.Parse(g.query)
		if err != nil {
			return nil, err
		}
		part := q
		part.Query = both(q.Query, sub)
		if by[i], err = s.inSteps(ctx, part, step); err != nil {
			return nil, err
		}
	}
	b.From, b.To, b.Step = q.Since.UTC(), q.Until.UTC(), step.Seconds()
	for i, n := range all {
		if n == 0 {
			continue
		}
		b.Total += n
		bin := HistogramBin{Time: q.Since.Add(time.Duration(i) * step).UTC(), Count: n, By: map[string]int64{}}
		for k, g := range groups {
			if by[k][i] > 0 {
				bin.By[g.name] = by[k][i]
			}
		}
		b.Bins = append(b.Bins, bin)
	}
	return out, nil
}

// both selects what a and b select.
func both(a, b *query.Query) *query.Query {
	if a.Root.Op == query.OpAll {
		return b
	}
	return &query.Query{Root: &query.Node{Op: query.OpAnd, Kids: []*query.Node{a.Root, b.Root}}, Text: a.Text}
}

// services are the four busiest ones as groups.
func (s *Server) services(ctx context.Context, q Query) ([]series, error) {
	fs, err := s.cfg.Searcher.Facets(ctx, q, []string{"service"}, 4)
	if err != nil {
		return nil, err
	}
	var l []series
	for _, f := range fs {
		for _, v := range f.Values {
			l = append(l, series{v.Value, "service:" + quoted(v.Value)})
		}
	}
	return l, nil
}

// quoted writes a value so that the query language reads it as one.
func quoted(s string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(s) + `"`
}

// inSteps counts in steps of the given length; the last one ends where q does.
func (s *Server) inSteps(ctx context.Context, q Query, step time.Duration) ([]int64, error) {
	n := int((q.Until.Sub(q.Since) + step - 1) / step)
	whole := q
	whole.Until = q.Since.Add(time.Duration(n) * step)
	bins, err := s.cfg.Searcher.Histogram(ctx, whole, n)
	if err != nil {
		return nil, err
	}
	if whole.Until.After(q.Until) {
		last := q
		last.Since = q.Since.Add(time.Duration(n-1) * step)
		if bins[n-1], err = s.cfg.Searcher.Count(ctx, last); err != nil {
			return nil, err
		}
	}
	return bins, nil
}

// closeRange sets a missing end of the range to that of the records themselves; it
// reports false if no record has a time.
func (s *Server) closeRange(ctx context.Context, q *Query) (bool, error) {
	for _, end := range []struct {
		t      *time.Time
		oldest bool
	}{{&q.Since, true}, {&q.Until, false}} {
		if !end.t.IsZero() {
			continue
		}
		// Records of which no time is known may stand at either end: they are passed over.
		some := *q
		if some.Since.IsZero() {
			some.Since = time.Unix(0, 1)
		}
		p, err := s.cfg.Searcher.Search(ctx, Search{Query: some, OldestFirst: end.oldest, Limit: endRecords})
		if err != nil {
			return false, err
		}
		t := time.Time{}
		for i := range p.Hits {
			if t = about(p.Hits[i].Record); !t.IsZero() {
				break
			}
		}
		if t.IsZero() {
			return false, nil
		}
		if !end.oldest {
			t = t.Add(time.Nanosecond) // the range leaves its end out
		}
		*end.t = t
	}
	return true, nil
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
	n = max(1, min(n, maxBins))
	for _, s := range niceSteps {
		if (span+s-1)/s <= time.Duration(n) {
			return s
		}
	}
	day := 24 * time.Hour
	return (span/time.Duration(n)/day + 1) * day
}
