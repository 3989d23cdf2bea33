package store

import (
	"bytes"
	"cmp"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"culprit"
	"culprit/internal/query"
)

// TestModel compares the words and keys of blocks with those of the same blocks
// whose records are all taken apart.
func TestModel(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	pieces := []string{"10", "7", "255", "1234", ".", ".", "/", " ", ": ", "é", "×", "…", "”", "\xe2\x80", "login", "Login", "api", "a1", "_", "x", strings.Repeat("long", 20), "10.0.0.1", "İ"}
	some := func(n int) string {
		var s string
		for range r.IntN(n) {
			s += pieces[r.IntN(len(pieces))]
		}
		return s
	}
	shared := 0
	for round := range 5000 {
		b := newBuilder()
		// Records of a few shapes: between their values the same text, or nearly.
		fixed := [][]string{{some(5), some(8), some(3), some(2)}, {"connect() failed (111: refused), client: ", ", request: \"", "\" upstream: ", some(3)},
			{"a ", ".0.0.1 b ", " c 7.8.9", " é"}, {"", "", "", ""}}
		values := []string{some(4), some(4), "198.51.100.7", "", "GET /" + some(4), "12", ".10", "xé", "x×", "x" + some(2)}
		for i := range 30 {
			f := fixed[r.IntN(len(fixed))]
			text := ""
			ends := [][2]int{}
			for k := range f {
				if text += f[k]; r.IntN(20) == 0 {
					text += some(3)
				}
				v := values[r.IntN(len(values))]
				if r.IntN(3) == 0 {
					v = some(4)
				}
				ends = append(ends, [2]int{len(text), len(text) + len(v)})
				text += v
			}
			rec := &culprit.Record{Text: []byte(text), Time: time.Unix(int64(i), 0), Severity: culprit.SeverityError}
			own := view(rec.Text)
			rec.Message = own[ends[0][1]:]
			for k, key := range []string{"client", "request", "path", "upstream"} {
				rec.Attrs.Add(key, own[ends[k][0]:ends[k][1]])
			}
			if r.IntN(2) == 0 { // within the one before
				rec.Attrs.Add("host", own[ends[3][0]:ends[3][0]+r.IntN(ends[3][1]-ends[3][0]+1)])
			}
			b.add(rec, "nginx", "")
		}
		got := newTerms()
		got.collect(b)
		checkResidue(t, b, got)
		for i := range got.models {
			if len(got.models[i].tokens) > 0 {
				shared++
			}
		}
		want := newTerms()
		want.raw, want.text = b.text, make([]byte, len(b.text))
		start := 0
		for i := range b.rows {
			want.record(int32(i), start, b.rows[i].textEnd)
			start = b.rows[i].textEnd + 1
		}
		for _, e := range b.extra {
			for _, k := range query.Tokens(nil, query.Fold(nil, b.extraText[e.start:e.end]), 0, e.end-e.start) {
				want.key(k.Hash)
			}
		}
		if g, w := wordCounts(got), wordCounts(want); !slices.Equal(g, w) {
			t.Fatalf("round %d: words are %v, want %v\n%s", round, g, w, b.text)
		}
		slices.Sort(got.keys)
		slices.Sort(want.keys)
		if !slices.Equal(got.keys, want.keys) {
			t.Fatalf("round %d: %d keys, want %d\n%s", round, len(got.keys), len(want.keys), b.text)
		}
	}
	if shared == 0 {
		t.Error("no template has a model")
	}
}

// checkResidue reads the text of a block from its residue.
func checkResidue(t *testing.T, b *builder, terms *terms) {
	t.Helper()
	r := &residueReader{numbers: terms.residue.appendNumbers(nil), literals: terms.residue.appendLiterals(nil)}
	got, err := r.read(nil, b.rows, len(b.templates))
	if err != nil || !bytes.Equal(got, b.text) {
		t.Fatalf("residue reads as (%v)\n%q, want\n%q", err, got, b.text)
	}
}

type wordCount struct {
	text string
	n    int32
}

func wordCounts(t *terms) []wordCount {
	var list []wordCount
	for _, w := range t.words {
		list = append(list, wordCount{string(t.text[w.off : w.off+w.size]), w.n})
	}
	slices.SortFunc(list, func(a, b wordCount) int { return cmp.Compare(a.text, b.text) })
	return list
}

// TestCollect_BeginsAlike: what a record begins with is known from the one before,
// unless a chain of numbers goes on, or a word stands in it after all.
func TestCollect_BeginsAlike(t *testing.T) {
	for _, tt := range []struct{ first, second, word, key string }{
		{"10.0.0 up ", "10.0.0 1 ", "", "10.0.0.1"},
		{"12”x up ", "12”x down ", "x", "12"},
	} {
		b := newBuilder()
		for i, text := range []string{tt.first, tt.second} { // of two templates
			b.add(&culprit.Record{Text: []byte(text), Time: time.Unix(1, 0), Severity: culprit.Severity(i)}, "", "")
		}
		terms := newTerms()
		terms.collect(b)
		for _, k := range query.Tokens(nil, []byte(tt.key), 0, len(tt.key)) {
			if !slices.Contains(terms.keys, k.Hash) {
				t.Errorf("%q, %q: no key for %q", tt.first, tt.second, tt.key[k.Start:k.End])
			}
		}
		if tt.word != "" && !slices.Contains(wordCounts(terms), wordCount{tt.word, 2}) {
			t.Errorf("%q, %q: words %v", tt.first, tt.second, wordCounts(terms))
		}
	}
}
