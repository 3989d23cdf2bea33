package web

import (
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"culprit"
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
		return &incidentOut{Body: complete(inc)}, nil
	})
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
