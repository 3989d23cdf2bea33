package store

import (
	"bytes"
	"errors"
	"testing"
	"time"

	"culprit"
	"culprit/internal/query"
)

// sampleBlock is a block of records with all that a record can have.
func sampleBlock(tb testing.TB) *builder {
	tb.Helper()
	b := newBuilder()
	for i := range 20 {
		r := &culprit.Record{
			Text: []byte("2026/11/22 08:00:01 [error] 287#287: *16 connect() failed, client: 10.0.0.7\n    at x"), LineFrom: i + 1, LineTo: i + 2,
			Time: time.Unix(1e9+int64(i), 0), Severity: culprit.Severity(i%9 - 1), PID: 287, Host: "web1", Kind: culprit.KindUpstreamReset,
		}
		r.TimeText, r.Message = string(r.Text[:19]), string(r.Text[37:])
		r.Start.Offset, r.End.Offset = int64(i*100), int64(i*100+90)
		switch i % 4 {
		case 1:
			r.Time, r.NotBefore, r.NotAfter = time.Time{}, time.Unix(1e9, 0), time.Unix(2e9, 0)
		case 2:
			r.Start.Cursor, r.End.Cursor = "s=ab;i=5", "s=ab;i=7"
		case 3:
			r.Start.Cursor, r.End.Cursor = "odd", "cursor"
		}
		r.Attrs.Add("client", string(r.Text[len(r.Text)-18:len(r.Text)-10]))
		r.Attrs.AddInt("connection", 16)
		r.Attrs.AddInt("errno", -111)
		r.Attrs.AddBool("expected", true)
		r.Attrs.AddValue("require_stack", culprit.Strings([]string{"a", "b"}))
		r.Attrs.AddValue("top_frame", culprit.FrameOf(&culprit.Frame{Function: "f", File: "x.js", Line: 3}))
		b.add(r, "shop", "127.0.0.1:3000")
	}
	return b
}

// plainBlock returns the columns of a block and its text as it is.
func plainBlock(b *builder) (columns, text []byte) {
	return append([]byte{codecPlain}, b.appendColumns(nil, 0, b.len())...), append([]byte{codecPlain}, b.text...)
}

// FuzzBlock reads damaged blocks: an error that says so, or records, and never
// more than was there.
func FuzzBlock(f *testing.F) {
	sample := sampleBlock(f)
	columns, text := plainBlock(sample)
	made, err := makeBlock(sample, 1)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(columns, made.text)
	f.Add(columns, text)
	f.Add(columns[:len(columns)/2], text)
	f.Add(columns, text[:len(text)/2])
	f.Add([]byte{codecZstd, 0x28, 0xb5, 0x2f, 0xfd, 0, 0}, []byte{codecPlain})
	f.Add(made.columns, made.text)
	f.Add([]byte{codecPlain, 1, 0, 0, 0}, []byte{codecPlain})
	queries := []string{"connect", "client:10.0.0.7", "pid:>3", "message:failed", "severity:<=3", "require_stack:b", "kind:upstream_*", "connection:16", "source:x"}
	var parsed []*query.Query
	for _, s := range queries {
		q, err := query.Parse(s)
		if err != nil {
			f.Fatal(err)
		}
		parsed = append(parsed, q)
	}
	f.Fuzz(func(t *testing.T, columns, text []byte) {
		b := &block{source: "x"}
		err := b.decode(columns)
		if err == nil {
			err = b.setText(text)
		}
		if err != nil {
			if !errors.Is(err, culprit.ErrCorrupt) {
				t.Fatal(err)
			}
			return
		}
		total := 0
		for i := range b.rows {
			r, _, _ := b.record(i)
			total += len(r.Text) + 1
		}
		if total > 0 && total-1 != len(b.text) {
			t.Fatalf("records hold %d bytes of %d", total-1, len(b.text))
		}
		for _, q := range parsed {
			if q.Match(b).Count() > b.Len() {
				t.Fatal("more matches than records")
			}
		}
		_ = appendComposite(nil, culprit.Strings(nil))
		newBuilderOf(t, b)
	})
}

// newBuilderOf writes the records again: they are the same when they are read.
func newBuilderOf(t *testing.T, b *block) {
	w := newBuilder()
	for i := range b.rows {
		r, service, upstream := b.record(i)
		w.add(r, service, upstream)
	}
	if w.len() == 0 {
		return
	}
	p, err := makeBlock(w, 1)
	if err != nil {
		t.Fatal(err)
	}
	again := &block{source: b.source}
	if err := errors.Join(again.decode(p.columns), again.setText(p.text)); err != nil {
		t.Fatal(err)
	}
	for i := range b.rows {
		x, _, _ := b.record(i)
		y, _, _ := again.record(i)
		if !bytes.Equal(x.Text, y.Text) || x.Message != y.Message || x.Start != y.Start || x.LineTo != y.LineTo || len(x.Attrs) != len(y.Attrs) {
			t.Fatalf("record %d:\n%+v\n%+v", i, x, y)
		}
		for k := range x.Attrs {
			if x.Attrs[k].Value.String() != y.Attrs[k].Value.String() {
				t.Fatalf("record %d: %v, %v", i, x.Attrs[k], y.Attrs[k])
			}
		}
	}
}

// FuzzResidue reads damaged residues: an error, or a text that is not too long.
func FuzzResidue(f *testing.F) {
	b := newBuilder()
	for i, client := range []string{"10.0.0.7", "10.0.0.8", "10.1.1.7", "10.0.0.7"} {
		text := "refused, client: " + client + ", request: \"GET /orders/" + string(rune('0'+i)) + "000\", upstream: \"http://127.0.0.1:3000/orders/" + string(rune('0'+i)) + "000\""
		r := &culprit.Record{Text: []byte(text), Time: time.Unix(1, 0)}
		r.Attrs.Add("client", text[17:17+len(client)])
		r.Attrs.Add("request", text[28+len(client):44+len(client)])
		b.add(r, "", "")
	}
	terms := newTerms()
	terms.collect(b)
	numbers, literals := terms.residue.appendNumbers(nil), terms.residue.appendLiterals(nil)
	f.Add(numbers, literals, []byte{0, 0, 0, 0})
	f.Add(numbers, literals, []byte{0, 0, 1, 0})
	f.Fuzz(func(t *testing.T, numbers, literals, templates []byte) {
		rows := make([]row, min(len(templates), blockRecords))
		for i := range rows {
			rows[i].template = uint32(templates[i] % 4)
		}
		r := &residueReader{numbers: numbers, literals: literals}
		text, err := r.read(nil, rows, 4)
		if err != nil && !errors.Is(err, culprit.ErrCorrupt) {
			t.Fatal(err)
		}
		if len(text) > 2*maxBlockText {
			t.Fatalf("%d bytes of %d", len(text), len(numbers)+len(literals))
		}
	})
}

// FuzzFilter reads damaged rows of filters.
func FuzzFilter(f *testing.F) {
	var fb filterBuilder
	filter, err := fb.append(nil, []uint64{1, 2, 3, 1 << 60})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(appendFilterOf(nil, 7, filter))
	f.Add([]byte{1, 0})
	f.Fuzz(func(t *testing.T, row []byte) {
		err := eachFilter(row, func(_ int64, filter []byte) error {
			g, err := openFilter(filter)
			if err != nil || g == nil {
				return err
			}
			for _, k := range []uint64{0, 1, 1 << 63, ^uint64(0)} {
				g.Contains(k)
			}
			return nil
		})
		if err != nil && !errors.Is(err, culprit.ErrCorrupt) {
			t.Fatal(err)
		}
	})
}
