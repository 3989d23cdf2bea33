package kinddoc

import (
	"bytes"
	"os"
	"strings"
	"testing"
	"testing/fstest"

	"culprit/parsers"
)

// TestDocument fails when docs/formats.md is not what the comments and golden
// files give: run go generate ./internal/kinddoc.
func TestDocument(t *testing.T) {
	source, err := os.ReadFile("../../kind.go")
	if err != nil {
		t.Fatal(err)
	}
	want, err := Markdown(source, os.DirFS("../../parsers/testdata"))
	if err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile("../../docs/formats.md")
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Error("docs/formats.md is not current: run go generate ./internal/kinddoc")
	}
}

func TestFormatsAreDescribed(t *testing.T) {
	known := map[string]bool{}
	for _, name := range parsers.Formats() {
		known[name] = true
		if formats[name] == "" {
			t.Errorf("format %s is not described", name)
		}
	}
	for name := range formats {
		if !known[name] {
			t.Errorf("there is no format %s", name)
		}
	}
}

func TestMarkdown_Failures(t *testing.T) {
	const head = "package culprit\n\n// Kinds of x.\nconst (\n"
	for _, tt := range []struct{ name, source, want string }{
		{"no Go", "packag", "read the kinds"},
		{"no comment", head + "KindA Kind = \"a\"\n)", "KindA"},
		{"no sample", head + "// KindA: what.\n//\n// Sources: x.\nKindA Kind = \"a\"\n)", "KindA"},
		{"another name", head + "// KindB: what.\n//\n// Sources: x.\n//\n// Sample: y\nKindA Kind = \"a\"\n)", "KindA"},
	} {
		_, err := Markdown([]byte(tt.source), fstest.MapFS{})
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v, want one with %q", tt.name, err, tt.want)
		}
	}
	if _, err := Markdown([]byte(head+")"), fstest.MapFS{"a/b.golden": {Data: []byte("{")}}); err == nil {
		t.Error("a golden file that is no JSON: no error")
	}
}
