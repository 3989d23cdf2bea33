package parsers_test

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"culprit"
	"culprit/parsers"
)

var updateSystem = flag.Bool("update-system", false, "write the golden files of testdata/system")

// systemOptions are what the samples are read with: a clock that says the year.
func systemOptions(source string) parsers.Options {
	return parsers.Options{Source: source, Ref: time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)}
}

// pushLines reads a text as a file.
func pushLines(s *parsers.Stream, b []byte, emit func(*culprit.Record)) {
	var off int64
	for no := 1; len(b) > 0; no++ {
		line, rest, _ := bytes.Cut(b, []byte("\n"))
		end := off + int64(len(b)-len(rest))
		s.Push(parsers.Line{Text: line, No: no, Start: culprit.Position{Offset: off}, End: culprit.Position{Offset: end}}, emit)
		off, b = end, rest
	}
	s.Close(emit)
}

func systemRecords(t testing.TB, name string, b []byte) (records []*culprit.Record, asJSON []byte) {
	t.Helper()
	emit := func(r *culprit.Record) {
		asJSON = append(parsers.AppendJSON(asJSON, r), '\n')
		records = append(records, r.Clone())
	}
	pushLines(parsers.NewStream(systemOptions(name)), b, emit)
	return records, asJSON
}

// TestSystemGolden reads every sample and compares the records with those that
// were looked through before.
func TestSystemGolden(t *testing.T) {
	logs, err := filepath.Glob("testdata/system/*.log")
	if err != nil || len(logs) == 0 {
		t.Fatalf("no samples: %v", err)
	}
	for _, path := range logs {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".log"), func(t *testing.T) {
			b, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			_, got := systemRecords(t, filepath.Base(path), b)
			golden := strings.TrimSuffix(path, ".log") + ".golden"
			if *updateSystem {
				if err := os.WriteFile(golden, got, 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			g, w := strings.Split(string(got), "\n"), strings.Split(string(want), "\n")
			for i := range max(len(g), len(w)) {
				var a, b string
				if i < len(g) {
					a = g[i]
				}
				if i < len(w) {
					b = w[i]
				}
				if a != b {
					t.Fatalf("record %d:\n got %s\nwant %s", i+1, a, b)
				}
			}
		})
	}
}
