package web

import (
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"
)

type healthOut struct {
	Body struct {
		OK      bool      `json:"ok"`
		Version string    `json:"version"`
		Host    string    `json:"host"`
		Zone    string    `json:"zone" doc:"IANA zone of the machine, empty if unknown"`
		Time    time.Time `json:"time"`
	}
}

type readyOut struct {
	Body struct {
		Ready bool `json:"ready"`
	}
}

// registerHealth registers GET /api/health (the process answers) and GET
// /api/readyz (it can do its work).
func (s *Server) registerHealth() {
	huma.Register(s.api, huma.Operation{
		OperationID: "health", Method: http.MethodGet, Path: "/api/health", Tags: []string{"service"}, Summary: "Whether the service lives",
	}, func(context.Context, *struct{}) (*healthOut, error) {
		out := &healthOut{}
		b := &out.Body
		b.OK, b.Version, b.Host, b.Zone, b.Time = true, s.cfg.Version, s.cfg.Host, s.cfg.Zone, s.cfg.Clock().UTC()
		return out, nil
	})
	huma.Register(s.api, huma.Operation{
		OperationID: "readyz", Method: http.MethodGet, Path: "/api/readyz", Tags: []string{"service"}, Summary: "Whether it can do its work; 503 if not",
	}, func(context.Context, *struct{}) (*readyOut, error) {
		if s.cfg.Ready != nil {
			if err := s.cfg.Ready(); err != nil {
				return nil, s.problem(err)
			}
		}
		out := &readyOut{}
		out.Body.Ready = true
		return out, nil
	})
}
