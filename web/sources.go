package web

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"
)

type sourcesOut struct {
	Body struct {
		Sources []SourceState `json:"sources"`
	}
}

// registerSources registers GET /api/sources.
func (s *Server) registerSources() {
	huma.Register(s.api, huma.Operation{
		OperationID: "list-sources", Method: http.MethodGet, Path: "/api/sources", Tags: []string{"service"},
		Summary: "What is read, how far behind, and what would mend it",
	}, func(ctx context.Context, _ *struct{}) (*sourcesOut, error) {
		l, err := s.cfg.Sources.Sources(ctx)
		if err != nil {
			return nil, s.problem(err)
		}
		out := &sourcesOut{}
		out.Body.Sources = orEmpty(l)
		return out, nil
	})
}
