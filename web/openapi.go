package web

import (
	"encoding/json"
	"fmt"

	"github.com/danielgtaylor/huma/v2"
)

// apiConfig describes the API. No documentation page is served: it would come
// from another host.
func apiConfig(version string) huma.Config {
	huma.DefaultArrayNullable = false // the handlers answer [] where there is nothing
	if version == "" {
		version = "dev"
	}
	c := huma.DefaultConfig("culprit", version)
	c.OpenAPIPath = "/api/openapi"
	c.DocsPath, c.SchemasPath = "", ""
	c.CreateHooks = nil // no $schema links in answers
	c.Info.Description = "Why users got 502s, what proves it, and what would have prevented it. Times are RFC 3339 in UTC. Errors are RFC 9457 problems with one sentence for people in detail."
	return c
}

// OpenAPI returns the description of the API, indented JSON, as it is committed
// in openapi.json.
func (s *Server) OpenAPI() ([]byte, error) {
	b, err := json.MarshalIndent(s.api.OpenAPI(), "", " ")
	if err != nil {
		return nil, fmt.Errorf("write OpenAPI: %w", err)
	}
	return append(b, '\n'), nil
}
