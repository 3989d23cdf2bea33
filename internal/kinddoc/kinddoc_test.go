package kinddoc

import (
	"bytes"
	"os"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"culprit"
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

// TestSamples reads the sample of every Kind: bare, and as its source would
// write it to syslog.
func TestSamples(t *testing.T) {
	source, err := os.ReadFile("../../kind.go")
	if err != nil {
		t.Fatal(err)
	}
	groups, err := groupsOf(source)
	if err != nil {
		t.Fatal(err)
	}
	for _, g := range groups {
		for _, k := range g.kinds {
			var kinds []culprit.Kind
			for _, text := range forms(k) {
				s := parsers.NewStream(parsers.Options{})
				emit := func(r *culprit.Record) { kinds = append(kinds, r.Kind) }
				for i, line := range strings.Split(text, "\n") {
					s.Push(parsers.Line{Text: []byte(line), No: i + 1}, emit)
				}
				s.Close(emit)
			}
			if !slices.Contains(kinds, culprit.Kind(k.name)) {
				t.Errorf("the sample of %s gives %q: %s", k.name, kinds, k.event)
			}
		}
	}
}

// forms are the sample of a Kind bare, behind a host, and as each of its sources
// would write it to syslog.
func forms(k kind) []string {
	list := []string{k.event, "Nov 22 10:00:01 web1 " + k.event}
	for _, source := range strings.Split(strings.TrimSuffix(k.sources, "."), ", ") {
		program := source + "[1]"
		if source == "kernel" {
			program = source
		}
		list = append(list, "Nov 22 10:00:01 web1 "+program+": "+k.event)
	}
	return list
}
