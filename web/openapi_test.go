package web_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"testing"

	"culprit/web"
	"culprit/web/webtest"
)

var update = flag.Bool("update", false, "write openapi.json anew")

// TestOpenAPI holds the committed description, from which the pages' types are
// made, to what the handlers say.
func TestOpenAPI(t *testing.T) {
	s := server(t, nil)
	got, err := s.OpenAPI()
	if err != nil {
		t.Fatal(err)
	}
	if *update {
		if err := os.WriteFile("openapi.json", got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile("openapi.json")
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Error("openapi.json is old: go test ./web -run TestOpenAPI -update, then npm run types in web/ui")
	}
	var doc struct {
		OpenAPI string
		Paths   map[string]map[string]json.RawMessage
	}
	if err := json.Unmarshal(got, &doc); err != nil {
		t.Fatal(err)
	}
	if doc.OpenAPI != "3.1.0" {
		t.Errorf("OpenAPI %q, want 3.1.0", doc.OpenAPI)
	}
	for path, ops := range doc.Paths {
		for method := range ops {
			if method != "get" && path != "/api/session" {
				t.Errorf("%s %s: only signing in may be other than GET", method, path)
			}
		}
	}
}

// server makes a server over the recorded morning.
func server(t *testing.T, change func(*web.Config)) *web.Server {
	t.Helper()
	a, err := webtest.New(webtest.Outage)
	if err != nil {
		t.Fatal(err)
	}
	cfg := webtest.Config(a)
	if change != nil {
		change(&cfg)
	}
	s, err := web.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return s
}
