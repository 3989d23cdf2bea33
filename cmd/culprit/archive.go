package main

import (
	"context"
	"io"
	"time"

	"culprit"
	"culprit/internal/query"
	"culprit/internal/report"
	"culprit/internal/store"
	"culprit/web"
)

// An archive shows a store to the web.
type archive struct{ *store.Store }

func hitOf(h *store.Hit) web.Hit {
	return web.Hit{Record: h.Record, Seq: h.Seq, Service: h.Service, Upstream: h.Upstream}
}

// Search implements web.Searcher.
func (a archive) Search(ctx context.Context, s web.Search) (*web.Page, error) {
	order := store.Newest
	if s.OldestFirst {
		order = store.Oldest
	}
	out := &web.Page{}
	p, err := a.Store.Search(ctx, s.Query.Query, store.SearchOptions{Limit: s.Limit, Order: order, Since: s.Since, Until: s.Until, Cursor: s.Cursor}, func(h *store.Hit) error {
		out.Hits = append(out.Hits, hitOf(h))
		return nil
	})
	out.Cursor = p.Cursor
	return out, err
}

// Count implements web.Searcher.
func (a archive) Count(ctx context.Context, q web.Query) (int64, error) {
	return a.Store.Count(ctx, q.Query, q.Since, q.Until)
}

// Histogram implements web.Searcher.
func (a archive) Histogram(ctx context.Context, q web.Query, n int) ([]int64, error) {
	buckets, err := a.Store.Histogram(ctx, q.Query, q.Since, q.Until, n)
	out := make([]int64, 0, len(buckets))
	for _, b := range buckets {
		out = append(out, b.Count)
	}
	return out, err
}

// Facets implements web.Searcher.
func (a archive) Facets(ctx context.Context, q web.Query, fields []string, top int) ([]web.Facet, error) {
	list, err := a.Store.Facets(ctx, q.Query, q.Since, q.Until, fields, top+1)
	var out []web.Facet
	for _, f := range list {
		o := web.Facet{Field: f.Field, More: !f.Complete || len(f.Values) > top}
		for _, v := range f.Values[:min(top, len(f.Values))] {
			o.Values = append(o.Values, web.FacetValue(v))
		}
		out = append(out, o)
	}
	return out, err
}

// Record implements web.Reader.
func (a archive) Record(ctx context.Context, source string, seq int64) (*web.Hit, error) {
	h, err := a.Store.Record(ctx, source, seq)
	if err != nil {
		return nil, err
	}
	hit := hitOf(h)
	return &hit, nil
}

// Follow implements web.Reader.
func (a archive) Follow(ctx context.Context, q *query.Query, yield func(web.Hit) error) error {
	return a.Store.Follow(ctx, q, func(h *store.Hit) error { return yield(hitOf(h)) })
}

// Events implements web.Events.
func (a archive) Events(ctx context.Context, q web.EventQuery) ([]*culprit.Event, error) {
	var out []*culprit.Event
	err := a.Store.Events(ctx, store.EventFilter{Since: q.Since, Until: q.Until, Kinds: q.Kinds, Newest: q.Newest, Limit: q.Limit}, func(e *culprit.Event) error {
		out = append(out, e)
		return nil
	})
	return out, err
}

// Incidents implements web.Incidents.
func (a archive) Incidents(ctx context.Context, since, until time.Time, limit int) ([]*culprit.Incident, error) {
	return a.Store.Incidents(ctx, store.IncidentFilter{Since: since, Until: until, Limit: limit})
}

// reportOf writes reports for the web.
func reportOf(host string, gaps *gapFile, now func() time.Time) web.ReportFunc {
	return func(w io.Writer, inc *culprit.Incident, o web.ReportOptions) error {
		rep := &culprit.Report{Version: 1, Incidents: []*culprit.Incident{inc}, Gaps: gaps.near(inc)}
		return report.Write(w, o.Format, rep, inc, report.Options{Zone: o.Zone, Now: now(), Host: host, ShowClients: !o.HideClients})
	}
}
