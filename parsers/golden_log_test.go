package parsers

import (
	"os"
	"path/filepath"
	"testing"

	"culprit"
)

// A goldenLog is the input of a golden file.
type goldenLog struct {
	path string
	data []byte
}

func goldenLogs(t testing.TB) []goldenLog {
	t.Helper()
	paths, err := filepath.Glob("testdata/*/*.log")
	if err != nil || len(paths) == 0 {
		t.Fatalf("no golden files: %v", err)
	}
	var list []goldenLog
	for _, path := range paths {
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, goldenLog{path, data})
	}
	return list
}

// readJSON returns the records that a new stream makes of lines, one a line.
func readJSON(lines [][]byte) string {
	var out []byte
	s := NewStream(Options{})
	emit := func(r *culprit.Record) { out = append(AppendJSON(out, r), '\n') }
	for no, line := range lines {
		s.Push(Line{Text: line, No: no + 1}, emit)
	}
	s.Close(emit)
	return string(out)
}
