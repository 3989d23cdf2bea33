package redact

import (
	"regexp/syntax"
	"testing"
)

func TestShapesCompile(t *testing.T) {
	shapes, err := readShapes(gitleaks)
	if err != nil {
		t.Fatal(err)
	}
	if len(shapes) < 200 {
		t.Errorf("%d rules, of 222 at least 200 were expected to fit", len(shapes))
	}
	for _, s := range shapes {
		r := s.compiled()
		if r.group > r.pattern.NumSubexp() {
			t.Errorf("%s: no group %d", r.pattern, r.group)
		}
		if _, err := syntax.Parse(r.pattern.String(), syntax.Perl); err != nil {
			t.Error(err)
		}
		if len(s.keywords) == 0 {
			t.Errorf("%s runs over every text", r.pattern)
		}
	}
}

func TestReadShapesFailures(t *testing.T) {
	for name, text := range map[string]string{"no TOML": "[[rules", "wrong type": "rules = 3"} {
		t.Run(name, func(t *testing.T) {
			if s, err := readShapes(text); err == nil {
				t.Errorf("read %d rules, want an error", len(s))
			}
		})
	}
}

func TestEntropy(t *testing.T) {
	for s, want := range map[string]float64{"": 0, "aaaa": 0, "abab": 1, "abcd": 2} {
		if got := entropy(s); got != want {
			t.Errorf("entropy(%q) = %v, want %v", s, got, want)
		}
	}
}
