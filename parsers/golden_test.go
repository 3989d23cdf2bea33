package parsers_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"culprit"
	"culprit/parsers"
)

var update = flag.Bool("update", false, "write the golden files of testdata")

// ref is the year that samples without one are of.
var ref = time.Date(2026, 11, 22, 20, 0, 0, 0, time.UTC)

// A sample is an input of testdata: NAME.log, read with the options of
// NAME.options where that exists, and what came out in NAME.golden.
type sample struct {
	name, golden string
	text         []byte
	options      parsers.Options
}

func samples(t testing.TB) []sample {
	t.Helper()
	paths, err := filepath.Glob("testdata/*/*.log")
	if err != nil || len(paths) == 0 {
		t.Fatalf("no samples: %v", err)
	}
	var list []sample
	for _, path := range paths {
		base := strings.TrimSuffix(path, ".log")
		s := sample{name: filepath.ToSlash(strings.TrimPrefix(base, "testdata"+string(filepath.Separator))), golden: base + ".golden"}
		if s.text, err = os.ReadFile(path); err != nil {
			t.Fatal(err)
		}
		s.options = readOptions(t, base+".options")
		s.options.Source = filepath.Base(path)
		list = append(list, s)
	}
	return list
}

func readOptions(t testing.TB, path string) parsers.Options {
	t.Helper()
	o := parsers.Options{Ref: ref}
	b, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return o
	}
	if err != nil {
		t.Fatal(err)
	}
	var in struct {
		Zone, Format, Service string
		Ref, Boot             time.Time
		LogFormat             []string `json:"log_format"`
	}
	if err := json.Unmarshal(b, &in); err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	if in.Zone != "" {
		loc, err := time.LoadLocation(in.Zone)
		if err != nil {
			t.Skipf("no time zones here: %v", err)
		}
		o.Zone = parsers.ZoneOf(loc)
	}
	if !in.Ref.IsZero() {
		o.Ref = in.Ref
	}
	o.Boot, o.LogFormat, o.Format, o.Service = in.Boot, in.LogFormat, in.Format, in.Service
	return o
}

// lines cuts a text as a reader does; a rest without a newline is the last line.
func lines(text []byte) []parsers.Line {
	var list []parsers.Line
	var off int64
	for no := 1; len(text) > 0; no++ {
		line, rest, ok := bytes.Cut(text, []byte("\n"))
		l := parsers.Line{Text: line, No: no, Start: culprit.Position{Offset: off}}
		if !ok {
			l.Mark = culprit.MarkUnterminated
		}
		off += int64(len(text) - len(rest))
		l.End.Offset = off
		list = append(list, l)
		text = rest
	}
	return list
}

func read(o parsers.Options, ls []parsers.Line) []*culprit.Record {
	var out []*culprit.Record
	s := parsers.NewStream(o)
	emit := func(r *culprit.Record) { out = append(out, r.Clone()) }
	for _, l := range ls {
		s.Push(l, emit)
	}
	s.Close(emit)
	return out
}

// TestGolden compares what every sample gives with what was looked through
// before: go test ./parsers -run Golden -update, then read the difference.
func TestGolden(t *testing.T) {
	for _, s := range samples(t) {
		t.Run(s.name, func(t *testing.T) {
			var got []byte
			for _, r := range read(s.options, lines(s.text)) {
				got = append(parsers.AppendJSON(got, r), '\n')
			}
			if *update {
				if err := os.WriteFile(s.golden, got, 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(s.golden)
			if err != nil {
				t.Fatal(err)
			}
			g, w := strings.Split(string(got), "\n"), strings.Split(string(want), "\n")
			for i := range max(len(g), len(w)) {
				switch {
				case i >= len(g) || g[i] == "" && i < len(w) && w[i] != "":
					t.Fatalf("record %d is missing:\n%s", i+1, w[i])
				case i >= len(w):
					t.Fatalf("record %d is too many:\n%s", i+1, g[i])
				case g[i] != w[i]:
					t.Fatalf("record %d:\n got %s\nwant %s", i+1, g[i], w[i])
				}
			}
		})
	}
}

// TestGolden_EveryKind fails for a Kind that no golden file shows.
func TestGolden_EveryKind(t *testing.T) {
	shown := map[culprit.Kind]bool{}
	paths, err := filepath.Glob("testdata/*/*.golden")
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range paths {
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for line := range bytes.Lines(b) {
			var r struct{ Kind culprit.Kind }
			if err := json.Unmarshal(line, &r); err != nil {
				t.Fatalf("%s: %v", path, err)
			}
			shown[r.Kind] = true
		}
	}
	closed := map[culprit.Kind]bool{"": true}
	for _, k := range culprit.Kinds() {
		closed[k] = true
		if !shown[k] {
			t.Errorf("no golden file shows %s", k)
		}
	}
	for k := range shown {
		if !closed[k] {
			t.Errorf("%s is not in the closed list", k)
		}
	}
}
