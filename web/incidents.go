package web

import (
	"context"
	"net/http"
	"slices"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"culprit"
	"culprit/internal/query"
)

// Window is the range of time that many routes take. It is exported, as the
// other embedded inputs are, because huma skips unexported ones.
type Window struct {
	Since time.Time `query:"since" doc:"Only what happened at or after this time"`
	Until time.Time `query:"until" doc:"Only what happened before this time"`
}

type incidentsIn struct {
	Window
	Limit int `query:"limit" minimum:"1" maximum:"500" default:"100"`
}

type incidentsOut struct {
	Body struct {
		Incidents []*culprit.Incident `json:"incidents" doc:"Newest first"`
	}
}

// IncidentPath names an incident.
type IncidentPath struct {
	ID string `path:"id" maxLength:"128"`
}

type incidentOut struct {
	Body *culprit.Incident
}

// registerIncidents registers GET /api/incidents and GET /api/incidents/{id}.
func (s *Server) registerIncidents() {
	huma.Register(s.api, huma.Operation{
		OperationID: "list-incidents", Method: http.MethodGet, Path: "/api/incidents", Tags: []string{"incidents"},
		Summary: "Incidents, newest first",
	}, func(ctx context.Context, in *incidentsIn) (*incidentsOut, error) {
		l, err := s.cfg.Incidents.Incidents(ctx, in.Since, in.Until, in.Limit)
		if err != nil {
			return nil, s.problem(err)
		}
		out := &incidentsOut{}
		out.Body.Incidents = make([]*culprit.Incident, len(l))
		for i, inc := range l {
			out.Body.Incidents[i] = complete(inc)
		}
		return out, nil
	})
	huma.Register(s.api, huma.Operation{
		OperationID: "get-incident", Method: http.MethodGet, Path: "/api/incidents/{id}", Tags: []string{"incidents"},
		Summary: "One incident with its causes and their evidence",
	}, func(ctx context.Context, in *IncidentPath) (*incidentOut, error) {
		inc, err := s.cfg.Incidents.Incident(ctx, in.ID)
		if err != nil {
			return nil, s.problem(err)
		}
		return bounded(ctx, s, func(ctx context.Context) (*incidentOut, error) {
			c := complete(inc)
			return &incidentOut{Body: c}, s.locate(ctx, c)
		})
	})
}

// locateMost bounds the pieces of evidence that are looked for.
const locateMost = 60

// locate fills in the permalinks of evidence that was found before its records
// were stored: by source, time and line. What is not found stays without.
func (s *Server) locate(ctx context.Context, inc *culprit.Incident) error {
	n := 0
	for i := range inc.Causes {
		l := slices.Clone(inc.Causes[i].Evidence)
		inc.Causes[i].Evidence = l
		for k := range l {
			e := &l[k]
			if e.Seq != 0 || n == locateMost {
				continue
			}
			n++
			q, err := query.Parse("source:" + quoted(e.Source))
			if err != nil {
				continue // a name that no query can say
			}
			// A line may be cited with the time of its twin in another log, or have none.
			since, until := inc.Start.Add(-5*time.Minute), inc.End.Add(5*time.Minute)
			if e.Time != nil {
				since, until = e.Time.Add(-time.Second), e.Time.Add(time.Second)
			}
			p, err := s.cfg.Searcher.Search(ctx, Search{Query: Query{Query: q, Since: since, Until: until}, OldestFirst: true, Limit: 1000})
			if err != nil {
				return err
			}
			for _, h := range p.Hits {
				if r := h.Record; r.Source == e.Source && r.LineFrom <= e.Line && e.Line <= max(r.LineTo, r.LineFrom) {
					e.Seq = h.Seq
					break
				}
			}
		}
	}
	return nil
}

// complete returns a copy of inc in which no list is nil, so that JSON has []
// and not null where there is nothing.
func complete(inc *culprit.Incident) *culprit.Incident {
	c := *inc
	c.Upstreams = orEmpty(c.Upstreams)
	c.Failures.PerSecond = orEmpty(c.Failures.PerSecond)
	if c.Failures.Status == nil {
		c.Failures.Status = map[string]int{}
	}
	c.Causes = append([]culprit.Cause{}, c.Causes...)
	for i := range c.Causes {
		c.Causes[i].Score = orEmpty(c.Causes[i].Score)
		c.Causes[i].Evidence = orEmpty(c.Causes[i].Evidence)
	}
	c.Chain = append([]culprit.ChainLink{}, c.Chain...)
	for i := range c.Chain {
		c.Chain[i].Evidence = orEmpty(c.Chain[i].Evidence)
	}
	c.RuledOut = orEmpty(c.RuledOut)
	c.Prevention = orEmpty(c.Prevention)
	return &c
}

// orEmpty returns l, or an empty list for nil.
func orEmpty[T any](l []T) []T {
	if l == nil {
		return []T{}
	}
	return l
}
