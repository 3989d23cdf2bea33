package store_test

import (
	"cmp"
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"culprit"
	"culprit/internal/query"
	"culprit/internal/store"
)

// A plainRecord is what a plain scan looks at.
type plainRecord struct {
	source, format    string
	service, upstream string
	record            *culprit.Record
	time              int64 // by which it is ordered
	place             int   // source and number, for the order of equal times
	tokens            []string
}

// plainTokens cuts a text into tokens in the plainest way.
func plainTokens(text string) []string {
	var tokens []string
	var b strings.Builder
	flush := func() {
		if b.Len() > 0 {
			tokens = append(tokens, b.String())
			b.Reset()
		}
	}
	for i := 0; i < len(text); {
		r, size := utf8.DecodeRuneInString(text[i:])
		i += size
		switch {
		case r == utf8.RuneError && size == 1:
			flush()
		case r == '_' || unicode.IsLetter(r) || unicode.IsNumber(r) || unicode.IsMark(r):
			if l := unicode.ToLower(r); utf8.RuneLen(l) == size {
				r = l
			}
			b.WriteRune(r)
		default:
			flush()
		}
	}
	flush()
	return tokens
}

func plainHolds(tokens []string, n *query.Node) bool {
	want := make([]string, len(n.Tokens))
	for i, t := range n.Tokens {
		want[i] = string(t)
	}
	for i := 0; i+len(want) <= len(tokens); i++ {
		ok := true
		for k, w := range want {
			t := tokens[i+k]
			if k == len(want)-1 && n.Prefix {
				ok = ok && strings.HasPrefix(t, w)
			} else {
				ok = ok && t == w
			}
		}
		if ok {
			return true
		}
	}
	return false
}

func (p *plainRecord) values(field string) []culprit.Value {
	one := func(s string) []culprit.Value { return []culprit.Value{culprit.String(s)} }
	r := p.record
	switch field {
	case "kind":
		return one(string(r.Kind))
	case "service":
		return one(p.service)
	case "upstream":
		return one(p.upstream)
	case "source":
		return one(p.source)
	case "format":
		return one(p.format)
	case "host":
		return one(r.Host)
	case "process":
		return one(r.Process)
	case "unit":
		return one(r.Unit)
	case "message":
		return one(r.Message)
	case "severity":
		if r.Severity == culprit.SeverityNone {
			return nil
		}
		return []culprit.Value{culprit.Int(int64(r.Severity))}
	case "pid":
		if r.PID == 0 {
			return nil
		}
		return []culprit.Value{culprit.Int(int64(r.PID))}
	}
	var list []culprit.Value
	for _, a := range r.Attrs {
		if a.Key != field {
			continue
		}
		if a.Value.Type() == culprit.TypeStrings { // any of them counts
			for _, s := range a.Value.List() {
				list = append(list, culprit.String(s))
			}
			continue
		}
		list = append(list, a.Value)
	}
	return list
}

func (p *plainRecord) matches(n *query.Node) bool {
	switch n.Op {
	case query.OpAll:
		return true
	case query.OpWord:
		return plainHolds(p.tokens, n)
	case query.OpNot:
		return !p.matches(n.Kids[0])
	case query.OpAnd:
		for _, k := range n.Kids {
			if !p.matches(k) {
				return false
			}
		}
		return true
	case query.OpOr:
		for _, k := range n.Kids {
			if p.matches(k) {
				return true
			}
		}
		return false
	case query.OpRange:
		for _, v := range p.values(n.Field) {
			if i, ok := v.Int(); ok && i >= n.Min && i <= n.Max {
				return true
			}
		}
		return false
	}
	for _, v := range p.values(n.Field) {
		s := v.String()
		low := strings.ToLower(s) // values of the test fold alike either way
		switch {
		case s == "":
		case n.Class == query.ClassText:
			if plainHolds(plainTokens(s), n) {
				return true
			}
		case n.Prefix && strings.HasPrefix(low, string(n.Value)), low == string(n.Value):
			return true
		}
	}
	return false
}

// A world makes random records and queries from small vocabularies, so that much
// matches.
type world struct {
	r     *rand.Rand
	words []string
}

func newWorld(seed uint64) *world {
	return &world{
		r: rand.New(rand.NewPCG(seed, 7)),
		words: []string{
			"error", "Error", "refused", "connect", "upstream", "timeout", "at", "a", "Größe", "größe", "日本", "NOT", "or", "x_y", "killed", "Killed",
			"shop", "api", "shop-api", "connect()", "[error]", "GET", "/api/orders/55", "/srv/app/main.js:10:5", "id=4711", "4711", "0", "7", "007", "12", "10.0.0.7", "10.0.0.8",
			"192.168.1.20", "1.2.3.4.5", "10-0-0-7", "e4da3b7f-bbce-2345-d777-2b0674a31812", "ECONNREFUSED", "port", ":3000", "::1", "—", "\xff\xfe", "v2", "v22", "a1b2", strings.Repeat("long", 10),
		},
	}
}

func (w *world) pick(list ...string) string { return list[w.r.IntN(len(list))] }

func (w *world) text() string {
	var b strings.Builder
	for i := range 1 + w.r.IntN(12) {
		if i > 0 {
			b.WriteString(w.pick(" ", " ", " ", ", ", ": ", "\n", "/", "\t"))
		}
		if w.r.IntN(6) == 0 {
			b.WriteString(strconv.Itoa(w.r.IntN(300)))
		} else {
			b.WriteString(w.words[w.r.IntN(len(w.words))])
		}
	}
	if w.r.IntN(40) == 0 {
		return ""
	}
	return b.String()
}

// part returns a part of a text that may share its memory, or is a copy.
func (w *world) part(text string) string {
	if text == "" {
		return ""
	}
	i := w.r.IntN(len(text))
	j := i + 1 + w.r.IntN(min(len(text)-i, 20))
	if w.r.IntN(2) == 0 {
		return strings.Clone(text[i:j])
	}
	return text[i:j]
}

func (w *world) record(source string, journal bool, number int, pos *int64, now *time.Time) *culprit.Record {
	text := w.text()
	r := &culprit.Record{Source: source, Text: []byte(text), LineFrom: number, LineTo: number + strings.Count(text, "\n"), Severity: culprit.Severity(w.r.IntN(9) - 1)}
	text = string(r.Text)
	if len(r.Text) > 0 {
		text = viewOf(r.Text)
	}
	*pos++
	if journal {
		r.Start.Cursor = fmt.Sprintf("s=abc;i=%x;b=1;m=2;t=3;x=4", *pos)
		r.End.Cursor = r.Start.Cursor
	} else {
		r.Start.Offset = *pos
		*pos += int64(len(text)) + int64(w.r.IntN(3))
		r.End.Offset = *pos
	}
	*now = now.Add(time.Duration(w.r.IntN(3000)-500) * time.Millisecond)
	switch w.r.IntN(10) {
	case 0:
		r.NotBefore = now.Add(-time.Second)
		if w.r.IntN(2) == 0 {
			r.NotAfter = now.Add(time.Second)
		}
	case 1:
		r.Time = now.Truncate(time.Second)
	default:
		r.Time = *now
	}
	r.ObservedTime = now.Add(time.Minute)
	if w.r.IntN(2) == 0 {
		r.Kind = culprit.Kind(w.pick("oom_kill", "module_not_found", "upstream_connect_failed", "upstream_reset", "exited"))
	}
	r.Host = w.pick("", "web1", "WEB2")
	r.Process = w.pick("", "nginx", "node", "Node")
	r.Unit = w.pick("", "shop-api.service", "billing.service")
	if w.r.IntN(2) == 0 {
		r.PID = w.r.IntN(400)
	}
	r.Message = w.part(text)
	for range w.r.IntN(6) {
		key := w.pick("status", "errno", "client", "path", "error_code", "connection", "phase", "victim_pid", "require_stack", "expected", "upstream", "not_a_field", "top_frame", "method")
		var v culprit.Value
		switch w.r.IntN(8) {
		case 0, 1:
			v = culprit.Int(int64(w.r.IntN(300)))
		case 2:
			v = culprit.Int(int64(w.r.IntN(20) - 10))
		case 3:
			v = culprit.Bool(w.r.IntN(2) == 0)
		case 4:
			v = culprit.Strings([]string{w.part(text), w.words[w.r.IntN(len(w.words))]})
		case 5:
			v = culprit.String(w.words[w.r.IntN(len(w.words)-1)])
		case 6:
			v = culprit.FrameOf(&culprit.Frame{Function: "main", File: w.words[w.r.IntN(8)], Line: w.r.IntN(20), Column: 2})
		default:
			v = culprit.String(w.part(text))
		}
		r.Attrs.AddValue(key, v)
	}
	return r
}

// query returns a random query.
func (w *world) query(depth int) string {
	if depth > 0 {
		switch w.r.IntN(8) {
		case 0:
			return w.query(depth-1) + " OR " + w.query(depth-1)
		case 1, 2:
			return w.query(depth-1) + " " + w.query(depth-1)
		case 3:
			return "NOT " + w.query(depth-1)
		case 4:
			return "(" + w.query(depth-1) + ")"
		}
	}
	n := strconv.Itoa(w.r.IntN(300))
	switch w.r.IntN(16) {
	case 0:
		return `"` + w.words[w.r.IntN(len(w.words))] + " " + w.words[w.r.IntN(len(w.words))] + `"`
	case 1:
		word := w.words[w.r.IntN(len(w.words))]
		return word[:1+w.r.IntN(len(word))] + "*"
	case 2:
		return w.pick("status", "pid", "errno", "connection", "victim_pid") + ":" + n
	case 3:
		return w.pick("status", "pid", "errno", "connection", "victim_pid") + ":" + w.pick(">", "<", ">=", "<=") + n
	case 4:
		return w.pick("status", "pid", "connection") + ":" + strconv.Itoa(w.r.IntN(20)-10) + ".." + n
	case 5:
		return "severity:" + w.pick("error", "<=3", ">4", "info", "0", "4..6")
	case 6:
		return "kind:" + w.pick("oom_kill", "upstream_*", "exited", "none", "OOM_kill")
	case 7:
		return w.pick("service:shop-api", "service:bill*", "host:web1", "host:Web2", "process:node", "process:n*", "unit:shop-api.service", "source:/a.log", "source:/*", "format:f2", "upstream:10.0.0.7", "upstream:a*")
	case 8:
		return w.pick("client", "error_code", "phase", "method", "expected") + ":" + w.pick("10.0.0.7", "ECONNREFUSED", "a", "4711", "7", "true", "error", "007")
	case 9:
		return w.pick("path", "message", "require_stack", "top_frame") + ":" + w.pick(`"api orders"`, "error", "4711", "10.0.0.7", "conn*", "main.js", "7", "größe")
	case 10:
		return n
	case 11:
		return strconv.Itoa(w.r.IntN(12)) + "*"
	case 12:
		return "missing" + n
	}
	return w.words[w.r.IntN(len(w.words))]
}

// fill stores random records of three sources with commits of random size, and
// returns them as a plain scan sees them.
func fill(t *testing.T, st *store.Store, w *world, perSource int) []plainRecord {
	t.Helper()
	ctx := context.Background()
	var all []plainRecord
	for s, src := range []struct {
		name, format string
		journal      bool
	}{{"/a.log", "f1", false}, {"journal", "f2", true}, {"/b.log", "f2", false}} {
		wr, err := st.Writer(ctx, src.name, "", src.format)
		if err != nil {
			t.Fatal(err)
		}
		var pos int64
		now := time.Date(2026, 11, 22, 8, 0, 0, 0, time.UTC)
		before := int64(0)
		add := func(r *culprit.Record, n int) {
			p := plainRecord{source: src.name, format: src.format, record: r.Clone(), place: s<<32 | n, tokens: plainTokens(string(r.Text))}
			p.service = strings.TrimSuffix(r.Unit, ".service")
			if v, ok := r.Attrs.Lookup("upstream"); ok && v.Type() == culprit.TypeString {
				p.upstream = culprit.PassAddress(v.String())
			}
			switch {
			case !r.Time.IsZero():
				p.time = r.Time.UnixNano()
			case !r.NotBefore.IsZero():
				p.time = r.NotBefore.UnixNano()
			default:
				p.time = before
			}
			before = p.time
			all = append(all, p)
		}
		n := 0
		for n < perSource {
			for k := 1 + w.r.IntN(perSource/6); k > 0 && n < perSource; k-- {
				n++
				r := w.record(src.name, src.journal, n, &pos, &now)
				add(r, n)
				if err := wr.Add(r); err != nil {
					t.Fatal(err)
				}
			}
			if err := wr.Commit(ctx, strconv.AppendInt(nil, pos, 10)); err != nil {
				t.Fatal(err)
			}
		}
		var open []*culprit.Record
		for range w.r.IntN(5) {
			n++
			r := w.record(src.name, src.journal, n, &pos, &now)
			r.Time = now // a bound from a neighbour is only known in one builder
			open = append(open, r)
			add(r, n)
		}
		wr.SetOpen(open)
		if err := wr.Commit(ctx, nil); err != nil {
			t.Fatal(err)
		}
		wr.Close()
	}
	return all
}

// check compares one query with a plain scan.
func check(t *testing.T, st *store.Store, w *world, all []plainRecord, text string) {
	t.Helper()
	ctx := context.Background()
	q, err := query.Parse(text)
	if err != nil {
		t.Fatalf("%q: %v", text, err)
	}
	o := store.SearchOptions{Limit: 1 + w.r.IntN(300)}
	first := time.Date(2026, 11, 22, 8, 0, 0, 0, time.UTC)
	if w.r.IntN(2) == 0 {
		o.Since = first.Add(time.Duration(w.r.IntN(3000)) * time.Second)
	}
	if w.r.IntN(2) == 0 {
		o.Until = first.Add(time.Duration(w.r.IntN(3000)) * time.Second)
	}
	if w.r.IntN(2) == 0 {
		o.Order = store.Oldest
	}
	var want []plainRecord
	for _, p := range all {
		if (o.Since.IsZero() || p.time >= o.Since.UnixNano()) && (o.Until.IsZero() || p.time < o.Until.UnixNano()) && p.matches(q.Root) {
			want = append(want, p)
		}
	}
	slices.SortFunc(want, func(a, b plainRecord) int {
		c := cmp.Or(cmp.Compare(a.time, b.time), cmp.Compare(a.place, b.place))
		if o.Order == store.Newest {
			c = -c
		}
		return c
	})
	n := 0
	for pages := 0; ; pages++ {
		page, err := st.Search(ctx, q, o, func(h *store.Hit) error {
			if n >= len(want) {
				t.Fatalf("%q (%s): more hits than a plain scan: %s %q", text, q, h.Source, h.Record.Text)
			}
			p := want[n]
			if h.Source != p.source || string(h.Record.Text) != string(p.record.Text) || h.Time.UnixNano() != p.time || h.Service != p.service || h.Upstream != p.upstream {
				t.Fatalf("%q (%s): hit %d is %s %v %q, want %s %v %q", text, q, n, h.Source, h.Time, h.Record.Text, p.source, time.Unix(0, p.time).UTC(), p.record.Text)
			}
			n++
			return nil
		})
		if err != nil {
			t.Fatalf("%q: %v", text, err)
		}
		if page.Cursor == "" {
			break
		}
		if pages == 3 { // the rest is as the beginning
			n = len(want)
			break
		}
		o.Cursor = page.Cursor
	}
	if n != len(want) {
		t.Fatalf("%q (%s): %d hits, a plain scan has %d", text, q, n, len(want))
	}
	count, err := st.Count(ctx, q, o.Since, o.Until)
	if err != nil || count != int64(len(want)) {
		t.Fatalf("%q (%s): count %d (%v), a plain scan has %d", text, q, count, err, len(want))
	}
	if w.r.IntN(4) == 0 {
		checkHistogram(t, st, w, all, q)
	}
}

func checkHistogram(t *testing.T, st *store.Store, w *world, all []plainRecord, q *query.Query) {
	t.Helper()
	since := time.Date(2026, 11, 22, 7, 59, 0, 0, time.UTC).Add(time.Duration(w.r.IntN(600)) * time.Second)
	until := since.Add(time.Duration(60+w.r.IntN(4000)) * time.Second)
	buckets, err := st.Histogram(context.Background(), q, since, until, 1+w.r.IntN(20))
	if err != nil {
		t.Fatal(err)
	}
	want := make([]int64, len(buckets))
	for _, p := range all {
		at := time.Unix(0, p.time)
		if at.Before(since) || !at.Before(until) || !p.matches(q.Root) {
			continue
		}
		for i := len(buckets) - 1; i >= 0; i-- {
			if !at.Before(buckets[i].Start) {
				want[i]++
				break
			}
		}
	}
	for i := range buckets {
		if buckets[i].Count != want[i] {
			t.Fatalf("%s: bar %d of %d is %d, a plain scan has %d", q, i, len(buckets), buckets[i].Count, want[i])
		}
	}
}

// TestDifferential compares random queries over random records with a plain scan:
// with no index, with a part of it, with all of it, after a restart and after
// blocks were joined.
func TestDifferential(t *testing.T) {
	queries := 5000
	if testing.Short() {
		queries = 250
	}
	store.SetShardBlocks(t, 2) // more shards than may be open
	dir := t.TempDir()
	ctx := context.Background()
	now := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	opts := store.Options{Ballast: -1, Now: func() time.Time { return now }}
	st, err := store.Open(ctx, dir, opts)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := st.Close(); err != nil {
			t.Error(err)
		}
	}()
	w := newWorld(3)
	all := fill(t, st, w, 2000)
	run := func(name string) {
		t.Run(name, func(t *testing.T) {
			for range queries / 5 {
				check(t, st, w, all, w.query(3))
			}
		})
	}
	run("without an index")
	if err := st.IndexSome(ctx, 1); err != nil {
		t.Fatal(err)
	}
	run("with a part of the index")
	indexAll(t, st)
	run("with the index")
	now = now.Add(2 * time.Hour)
	if err := st.Upkeep(ctx); err != nil {
		t.Fatal(err)
	}
	run("with all records in blocks")
	if err := st.Close(); err != nil {
		t.Fatal(err)
	}
	if st, err = store.Open(ctx, dir, opts); err != nil {
		t.Fatal(err)
	}
	run("after a restart")
}

// indexAll runs the store until the index knows all.
func indexAll(t testing.TB, st *store.Store) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	done := make(chan error, 1)
	go func() { done <- st.Run(ctx) }()
	if err := st.Indexed(ctx); err != nil {
		t.Fatal(err)
	}
	cancel()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
}
