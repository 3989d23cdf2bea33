package store

import (
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"culprit"
)

// TestBuilder_Next: a builder that has written other blocks of the source makes a
// block that reads as that of a new one, and says the same to the index.
func TestBuilder_Next(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	one := func(list ...string) string { return list[r.IntN(len(list))] }
	old := newBuilder()
	kept, forgot := 0, 0
	for range 400 {
		fresh := newBuilder()
		for i := range 1 + r.IntN(60) {
			client, path, number := one("10.0.0.7", "10.0.0.8", ""), one("/a.js", "/orders/", "/x y"), 10+r.IntN(20) // shorter ones are only found where one was before
			text := fmt.Sprintf("refused, client: %s, %s path: %s, n: %d", client, one("", "again,"), path, number)
			rec := &culprit.Record{Text: []byte(text), Time: time.Unix(int64(1e9+i), 0), PID: 31 * r.IntN(3), Kind: culprit.Kind(one("upstream_reset", "exited", "")), Host: one("web1", "web2")}
			rec.Message = text[:8]
			rec.Attrs.Add("client", client)
			rec.Attrs.Add("path", path)
			rec.Attrs.AddInt("status", int64(number))
			switch r.IntN(8) {
			case 0: // of the block's own dictionary
				rec.Attrs.Add(one("strange", "stranger"), path)
			case 1:
				rec.Attrs.Add("method", one("GET", "get", "Post"))
			case 2:
				rec.Attrs.AddValue("require_stack", culprit.Strings([]string{"a", path}))
			case 3:
				rec.Attrs.AddBool("expected", number > 13)
			case 4:
				rec.Attrs.AddInt("pid_of", int64(number))
			}
			service := fmt.Sprintf("app%d", r.IntN(3))
			if r.IntN(20) == 0 { // sooner or later too many
				service = fmt.Sprintf("job%d", r.IntN(5000))
			}
			old.add(rec, service, one("", "127.0.0.1:3000"))
			fresh.add(rec, service, old.labels[old.last.header[2].current].s)
		}
		if len(old.shapes) >= len(fresh.shapes)+3 {
			kept++
		} else {
			forgot++
		}
		checkSameBlock(t, old, fresh)
		old.next()
	}
	if kept == 0 || forgot < 2 {
		t.Errorf("%d blocks began with shapes, %d without", kept, forgot)
	}
}

// checkSameBlock compares what is written of two builders.
func checkSameBlock(t *testing.T, a, b *builder) {
	t.Helper()
	got, want := readBlock(t, a), readBlock(t, b)
	if !reflect.DeepEqual(got, want) {
		t.Fatalf("a block is\n%+v, want\n%+v", got, want)
	}
}

// A writtenBlock is what a block tells, in an order of its own.
type writtenBlock struct {
	records []string // JSON
	words   []wordCount
	fields  map[string][]wordCount
	stats   []string
	keys    []uint64
	crowded bool
}

func readBlock(t *testing.T, b *builder) writtenBlock {
	t.Helper()
	terms := newTerms()
	terms.collect(b)
	checkResidue(t, b, terms)
	blk := &block{}
	columns, text := plainBlock(b)
	if err := errors.Join(blk.decode(columns), blk.setText(text)); err != nil {
		t.Fatal(err)
	}
	w := writtenBlock{words: wordCounts(terms), fields: map[string][]wordCount{}, keys: slices.Sorted(slices.Values(terms.keys)), crowded: terms.crowded}
	for i := range blk.rows {
		r, service, upstream := blk.record(i)
		text, err := json.Marshal([]any{r, service, upstream})
		if err != nil {
			t.Fatal(err)
		}
		w.records = append(w.records, string(text))
	}
	for r := (reader{b: terms.fields}); len(r.b) > 0; {
		name := string(r.bytes())
		for range r.count() {
			value := string(r.bytes())
			w.fields[name] = append(w.fields[name], wordCount{value, int32(r.uvarint())})
		}
		slices.SortFunc(w.fields[name], func(a, b wordCount) int { return strings.Compare(a.text, b.text) })
	}
	for r := (reader{b: terms.stats}); len(r.b) > 0; {
		w.stats = append(w.stats, fmt.Sprint(string(r.bytes()), r.varint(), r.varint()))
	}
	slices.Sort(w.stats)
	return w
}
