package web

import (
	"bytes"
	"context"
	"net/http"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
)

var reportTypes = map[string]string{"md": "text/markdown; charset=utf-8", "html": "text/html; charset=utf-8", "json": "application/json"}

type reportIn struct {
	IncidentPath
	Format      string `query:"format" enum:"md,html,json" default:"md"`
	HideClients bool   `query:"hide_clients" doc:"Leave client addresses out too"`
	Zone        string `query:"tz" maxLength:"64" doc:"IANA zone of the times in it, the machine's own if empty"`
	Download    bool   `query:"download" doc:"As a file to save"`
}

// registerReport registers GET /api/incidents/{id}/report.
func (s *Server) registerReport() {
	str := &huma.MediaType{Schema: &huma.Schema{Type: huma.TypeString}}
	huma.Register(s.api, huma.Operation{
		OperationID: "get-report", Method: http.MethodGet, Path: "/api/incidents/{id}/report", Tags: []string{"incidents"},
		Summary: "An incident as a report, secrets redacted",
		Responses: map[string]*huma.Response{"200": {Description: "The report", Content: map[string]*huma.MediaType{
			"text/markdown": str, "text/html": str, "application/json": {Schema: &huma.Schema{Type: huma.TypeObject, AdditionalProperties: true}}}}},
	}, func(ctx context.Context, in *reportIn) (*huma.StreamResponse, error) {
		if s.cfg.Report == nil {
			return nil, huma.Error501NotImplemented("This service was started without reports.")
		}
		zone := in.Zone
		if zone == "" {
			zone = s.cfg.Zone
		}
		loc, err := time.LoadLocation(zone)
		if err != nil {
			return nil, huma.Error400BadRequest("tz is not a time zone that is known here.")
		}
		inc, err := s.cfg.Incidents.Incident(ctx, in.ID)
		if err != nil {
			return nil, s.problem(err)
		}
		// Written to memory first: an error must not leave half a report behind.
		var buf bytes.Buffer
		if err := s.cfg.Report(&buf, complete(inc), ReportOptions{Format: in.Format, HideClients: in.HideClients, Zone: loc}); err != nil {
			return nil, s.problem(err)
		}
		return &huma.StreamResponse{Body: func(c huma.Context) {
			c.SetHeader("Content-Type", reportTypes[in.Format])
			c.SetHeader("Content-Security-Policy", reportPolicy)
			c.SetHeader("X-Frame-Options", "SAMEORIGIN")
			if in.Download {
				c.SetHeader("Content-Disposition", `attachment; filename="incident-`+fileName(in.ID)+"."+in.Format+`"`)
			}
			_, _ = c.BodyWriter().Write(buf.Bytes())
		}}, nil
	})
}

// fileName keeps letters, digits, - and _ of an id.
func fileName(id string) string {
	return strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '-' || r == '_' {
			return r
		}
		return -1
	}, id)
}
