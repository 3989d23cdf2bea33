package store_test

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"culprit"
	"culprit/internal/query"
	"culprit/internal/store"
)

var morning = time.Date(2026, 11, 22, 8, 0, 0, 0, time.UTC)

func open(t testing.TB, dir string, o store.Options) *store.Store {
	t.Helper()
	if o.Ballast == 0 {
		o.Ballast = -1
	}
	st, err := store.Open(context.Background(), dir, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := st.Close(); err != nil {
			t.Error(err)
		}
	})
	return st
}

func writer(t testing.TB, st *store.Store, name, generation string) *store.Writer {
	t.Helper()
	w, err := st.Writer(context.Background(), name, generation, "test")
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// line makes record n of a source: a line of text that begins n*1000 bytes in.
func line(source string, n int, text string) *culprit.Record {
	r := &culprit.Record{Source: source, Text: []byte(text), LineFrom: n, LineTo: n, Severity: culprit.SeverityNone, Time: morning.Add(time.Duration(n) * time.Second)}
	r.Start.Offset, r.End.Offset = int64(n)*1000, int64(n)*1000+int64(len(text))+1
	return r
}

func add(t testing.TB, w *store.Writer, records ...*culprit.Record) {
	t.Helper()
	for _, r := range records {
		if err := w.Add(r); err != nil {
			t.Fatal(err)
		}
	}
}

func commit(t testing.TB, w *store.Writer, checkpoint string) {
	t.Helper()
	if err := w.Commit(context.Background(), []byte(checkpoint)); err != nil {
		t.Fatal(err)
	}
}

func search(t testing.TB, st *store.Store, text string, o store.SearchOptions) []*store.Hit {
	t.Helper()
	q, err := query.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	var hits []*store.Hit
	if _, err := st.Search(context.Background(), q, o, func(h *store.Hit) error {
		hits = append(hits, h)
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	return hits
}

func texts(hits []*store.Hit) []string {
	var list []string
	for _, h := range hits {
		list = append(list, string(h.Record.Text))
	}
	return list
}

func count(t testing.TB, st *store.Store, text string) int64 {
	t.Helper()
	q, err := query.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	n, err := st.Count(context.Background(), q, time.Time{}, time.Time{})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func TestReplayIsDropped(t *testing.T) {
	dir := t.TempDir()
	st := open(t, dir, store.Options{})
	w := writer(t, st, "a", "1")
	add(t, w, line("a", 1, "one"), line("a", 2, "two"))
	commit(t, w, "at 3")
	add(t, w, line("a", 3, "never committed"))
	w.Close()
	if err := st.Close(); err != nil {
		t.Fatal(err)
	}
	st = open(t, dir, store.Options{})
	if c := string(st.Checkpoint("a", "1")); c != "at 3" {
		t.Fatalf("checkpoint is %q", c)
	}
	w = writer(t, st, "a", "1")
	add(t, w, line("a", 1, "one"), line("a", 2, "two"), line("a", 3, "three"))
	commit(t, w, "at 4")
	// Another file of the same name begins at 0 again.
	w2 := writer(t, st, "a", "2")
	add(t, w2, line("a", 1, "one again"))
	commit(t, w2, "at 2")
	if got := texts(search(t, st, "", store.SearchOptions{Order: store.Oldest})); !slices.Equal(got, []string{"one", "one again", "two", "three"}) {
		t.Fatalf("stored are %q", got)
	}
	if all := st.Checkpoints(); string(all["1"]) != "at 4" || string(all["2"]) != "at 2" {
		t.Fatalf("checkpoints are %q", all)
	}
	if err := st.Commit(context.Background(), store.Part{Writer: w, Forget: true}); err != nil {
		t.Fatal(err)
	}
	if _, ok := st.Checkpoints()["1"]; ok {
		t.Fatal("a forgotten checkpoint is still there")
	}
}

func TestJournalReplayIsDropped(t *testing.T) {
	st := open(t, t.TempDir(), store.Options{})
	entry := func(sequence string, n int64, text string) *culprit.Record {
		r := &culprit.Record{Source: "journal", Text: []byte(text), Time: morning.Add(time.Duration(n) * time.Second)}
		r.Start.Cursor = fmt.Sprintf("s=%s;i=%x;b=1;m=2;t=3;x=4", sequence, n)
		r.End.Cursor = r.Start.Cursor
		return r
	}
	w := writer(t, st, "journal", "")
	add(t, w, entry("aa", 10, "a10"), entry("bb", 3, "b3"), entry("aa", 11, "a11"))
	commit(t, w, "x")
	w.Close()
	w = writer(t, st, "journal", "")
	add(t, w, entry("aa", 11, "a11"), entry("bb", 3, "b3"), entry("bb", 4, "b4"), entry("aa", 12, "a12"))
	commit(t, w, "y")
	got := texts(search(t, st, "", store.SearchOptions{Order: store.Oldest}))
	slices.Sort(got)
	if !slices.Equal(got, []string{"a10", "a11", "a12", "b3", "b4"}) {
		t.Fatalf("stored are %q", got)
	}
}

func TestOpenRecordsGrow(t *testing.T) {
	st := open(t, t.TempDir(), store.Options{})
	w := writer(t, st, "a", "")
	add(t, w, line("a", 1, "first"))
	w.SetOpen([]*culprit.Record{line("a", 2, "Error: x")})
	commit(t, w, "2")
	hits := search(t, st, "error", store.SearchOptions{})
	if len(hits) != 1 || !hits[0].Open {
		t.Fatalf("hits are %q", texts(hits))
	}
	seq := hits[0].Seq
	w.SetOpen([]*culprit.Record{line("a", 2, "Error: x\n    at main")})
	commit(t, w, "2")
	if hits = search(t, st, "error main", store.SearchOptions{}); len(hits) != 1 || hits[0].Seq != seq {
		t.Fatalf("hits are %q", texts(hits))
	}
	add(t, w, line("a", 2, "Error: x\n    at main\n    at run"))
	w.SetOpen(nil)
	commit(t, w, "3")
	if hits = search(t, st, "error", store.SearchOptions{}); len(hits) != 1 || hits[0].Seq != seq || hits[0].Open || string(hits[0].Record.Text) != "Error: x\n    at main\n    at run" {
		t.Fatalf("hits are %q", texts(hits))
	}
}

// TestRecordIsKept stores records with everything in them, and gets them back.
func TestRecordIsKept(t *testing.T) {
	st := open(t, t.TempDir(), store.Options{})
	text := "2026-11-22T08:00:01.5Z web1 node[42]: Error: connect ECONNREFUSED 127.0.0.1:5432\n    at TCP.x (net.js:1:2)\xff"
	full := &culprit.Record{
		Source: "a", Text: []byte(text), LineFrom: 7, LineTo: 12, Time: morning.Add(1500 * time.Millisecond), TimeText: text[:22],
		ObservedTime: morning.Add(time.Hour), Severity: culprit.SeverityCritical, Host: "web1", Process: "node", PID: 42, Unit: "shop-api.service",
		Message: text[38:], Mark: culprit.MarkInvalidUTF8 | culprit.MarkTruncated, Kind: culprit.KindConnectionFailed,
	}
	full.Start.Offset, full.End.Offset = 5000, 5900
	full.Attrs = culprit.Attrs{
		{Key: "error_code", Value: culprit.String("ECONNREFUSED")}, {Key: "port", Value: culprit.Int(5432)}, {Key: "errno", Value: culprit.Int(-111)},
		{Key: "restarting", Value: culprit.Bool(true)}, {Key: "expected", Value: culprit.Bool(false)}, {Key: "empty", Value: culprit.String("")},
		{Key: "require_stack", Value: culprit.Strings([]string{"/a.js", "/b,c.js", ""})}, {Key: "thrown_at", Value: culprit.String("not in the text")},
		{Key: "top_frame", Value: culprit.FrameOf(&culprit.Frame{Function: "TCP.x", File: "net.js", Line: 1, Column: 2, Async: true})},
		{Key: "zero", Value: culprit.Int(0)}, {Key: "big", Value: culprit.Int(1<<63 - 1)},
	}
	bare := &culprit.Record{Source: "a", Text: []byte{}, Severity: culprit.SeverityNone}
	bare.Start.Offset, bare.End.Offset = 6000, 6001
	early := &culprit.Record{Source: "a", Text: []byte("no time\n\n"), LineFrom: 14, LineTo: 16, Severity: culprit.SeverityDebug, NotBefore: morning.Add(time.Second), NotAfter: morning.Add(3 * time.Second)}
	early.Start.Offset, early.End.Offset = 7000, 7010
	old := line("a", 9, "before 1970")
	old.Time = time.Date(1960, 1, 1, 0, 0, 0, 7, time.UTC)
	want := []*culprit.Record{full.Clone(), bare.Clone(), early.Clone(), old.Clone()}

	check := func(name string) {
		for i, r := range want {
			h, err := st.Record(context.Background(), "a", 1<<32|int64(i+1))
			if err != nil {
				t.Fatalf("%s: record %d: %v", name, i, err)
			}
			got, err1 := json.Marshal(h.Record)
			exp, err2 := json.Marshal(r)
			if string(got) != string(exp) || err1 != nil || err2 != nil {
				t.Fatalf("%s: record %d is\n%s, stored was\n%s", name, i, got, exp)
			}
		}
	}
	w := writer(t, st, "a", "")
	add(t, w, full, bare, early, old)
	commit(t, w, "1")
	check("open")
	for i := 10; i < 600; i++ {
		add(t, w, line("a", i, "more"))
	}
	commit(t, w, "2")
	if s, err := st.Stats(context.Background()); err != nil || s.Blocks != 1 {
		t.Fatalf("%+v, %v", s, err)
	}
	check("in a block")
	w.Close()
	hits := search(t, st, "ECONNREFUSED", store.SearchOptions{})
	if len(hits) != 1 || hits[0].Service != "shop-api" || len(hits[0].Spans) != 1 || text[hits[0].Spans[0].Start:hits[0].Spans[0].End] != "ECONNREFUSED" {
		t.Fatalf("hits are %+v", hits)
	}
}

func TestCommitFailsAsAWhole(t *testing.T) {
	st := open(t, t.TempDir(), store.Options{})
	w := writer(t, st, "a", "")
	for i := range 700 {
		add(t, w, line("a", i, "text"))
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := w.Commit(ctx, []byte("x")); !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	if n := count(t, st, ""); n != 0 || st.Checkpoint("a", "") != nil {
		t.Fatalf("%d records are stored", n)
	}
	commit(t, w, "x")
	commit(t, w, "y")
	if n := count(t, st, "text"); n != 700 {
		t.Fatalf("%d records are stored", n)
	}
}

func TestOpenErrors(t *testing.T) {
	ctx := context.Background()
	fresh := func(t *testing.T) string {
		dir := t.TempDir()
		st := open(t, dir, store.Options{})
		w := writer(t, st, "a", "")
		for i := range 3000 {
			add(t, w, line("a", i, fmt.Sprintf("text %d %x", i, i*i*7919)))
		}
		commit(t, w, "x")
		if err := st.Close(); err != nil {
			t.Fatal(err)
		}
		return dir
	}
	edit := func(t *testing.T, dir, statement string) {
		db, err := sql.Open("sqlite3", filepath.Join(dir, "culprit.db"))
		if err != nil {
			t.Fatal(err)
		}
		_, err = db.Exec(statement)
		if err := errors.Join(err, db.Close()); err != nil {
			t.Fatal(err)
		}
	}
	for _, tt := range []struct {
		name   string
		break_ func(t *testing.T, dir string)
		want   error
	}{
		{"a later version", func(t *testing.T, dir string) {
			edit(t, dir, "INSERT INTO goose_db_version (version_id, is_applied) VALUES (999, 1)")
		}, culprit.ErrVersion},
		{"no database", func(t *testing.T, dir string) {
			if err := os.WriteFile(filepath.Join(dir, "culprit.db"), []byte(strings.Repeat("not a database ", 1000)), 0o600); err != nil {
				t.Fatal(err)
			}
		}, culprit.ErrCorrupt},
		{"zeroed pages after an unclean stop", func(t *testing.T, dir string) {
			edit(t, dir, "UPDATE state SET value = 0 WHERE key = 'clean'")
			f, err := os.OpenFile(filepath.Join(dir, "culprit.db"), os.O_WRONLY, 0)
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			info, err := f.Stat()
			if err != nil {
				t.Fatal(err)
			}
			if _, err := f.WriteAt(make([]byte, 16<<10), info.Size()-20<<10); err != nil {
				t.Fatal(err)
			}
		}, culprit.ErrCorrupt},
		{"a cut database", func(t *testing.T, dir string) {
			if err := os.Truncate(filepath.Join(dir, "culprit.db"), 40<<10); err != nil {
				t.Fatal(err)
			}
		}, culprit.ErrCorrupt},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dir := fresh(t)
			tt.break_(t, dir)
			st, err := store.Open(ctx, dir, store.Options{Ballast: -1})
			if !errors.Is(err, tt.want) {
				t.Fatalf("error is %v", err)
			}
			if st != nil {
				t.Fatal("a store was returned")
			}
		})
	}
	t.Run("held by another", func(t *testing.T) {
		dir := t.TempDir()
		open(t, dir, store.Options{})
		_, err := store.Open(ctx, dir, store.Options{})
		if !errors.Is(err, culprit.ErrLocked) || !strings.Contains(err.Error(), strconv.Itoa(os.Getpid())) {
			t.Fatal(err)
		}
	})
	t.Run("in use after it was closed", func(t *testing.T) {
		st := open(t, t.TempDir(), store.Options{})
		w := writer(t, st, "a", "")
		if err := st.Close(); err != nil {
			t.Fatal(err)
		}
		add(t, w, line("a", 1, "x"))
		if err := w.Commit(ctx, nil); !errors.Is(err, culprit.ErrUnavailable) {
			t.Fatal(err)
		}
		if _, err := st.Search(ctx, query.All(), store.SearchOptions{}, nil); !errors.Is(err, culprit.ErrUnavailable) {
			t.Fatal(err)
		}
	})
}

func TestEvents(t *testing.T) {
	ctx := context.Background()
	st := open(t, t.TempDir(), store.Options{})
	refused := func(n int, path string, at time.Duration) *culprit.Record {
		r := line("/var/log/nginx/error.log", n, "connect() failed for "+path)
		r.Kind, r.Time, r.Process, r.PID = culprit.KindUpstreamConnectFailed, morning.Add(at), "nginx", n%3+1
		r.Attrs.AddInt("errno", 111)
		r.Attrs.Add("upstream", "http://127.0.0.1:3000"+path)
		return r
	}
	nginx := writer(t, st, "/var/log/nginx/error.log", "")
	add(t, nginx, refused(1, "/a", 0), refused(2, "/b", 0), refused(3, "/c", time.Second))
	commit(t, nginx, "")
	add(t, nginx, refused(4, "/d", time.Second), refused(5, "/e", 2*time.Second))
	commit(t, nginx, "")

	kill := func(source string, n int, at time.Duration) *culprit.Record {
		r := line(source, n, fmt.Sprintf("kernel: Out of memory: Killed process %d", 42))
		r.Kind, r.Time, r.Process, r.Message = culprit.KindOOMKill, morning.Add(at), "kernel", string(r.Text[8:])
		r.Attrs.AddInt("victim_pid", 42)
		return r
	}
	journal := writer(t, st, "journal", "")
	add(t, journal, kill("journal", 1, 1500*time.Millisecond), kill("journal", 2, 30*time.Second))
	commit(t, journal, "")
	syslog := writer(t, st, "/var/log/kern.log", "")
	add(t, syslog, kill("/var/log/kern.log", 8, time.Second))
	commit(t, syslog, "")
	add(t, syslog, kill("/var/log/kern.log", 9, 30*time.Second))
	commit(t, syslog, "")

	var got []string
	err := st.Events(ctx, store.EventFilter{}, func(e *culprit.Event) error {
		var places []string
		for _, p := range e.Places {
			places = append(places, fmt.Sprintf("%s:%d", p.Source, p.Line))
		}
		got = append(got, fmt.Sprintf("%s %s x%d %s %s %q", e.Time.Format("05.0"), e.Kind, e.Count, e.Upstream, strings.Join(places, ","), e.Text))
		if e.Kind == culprit.KindOOMKill && (e.Attrs.GetInt("victim_pid") != 42 || e.Message == "") {
			t.Errorf("event %+v", e)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		`00.0 upstream_connect_failed x2 127.0.0.1:3000 /var/log/nginx/error.log:1 "connect() failed for /a"`,
		`01.0 upstream_connect_failed x2 127.0.0.1:3000 /var/log/nginx/error.log:3 "connect() failed for /c"`,
		`01.5 oom_kill x1  journal:1,/var/log/kern.log:8 "kernel: Out of memory: Killed process 42"`,
		`02.0 upstream_connect_failed x1 127.0.0.1:3000 /var/log/nginx/error.log:5 "connect() failed for /e"`,
		`30.0 oom_kill x1  journal:2,/var/log/kern.log:9 "kernel: Out of memory: Killed process 42"`,
	}
	if !slices.Equal(got, want) {
		t.Fatalf("events are\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	n := 0
	err = st.Events(ctx, store.EventFilter{Since: morning.Add(time.Second), Until: morning.Add(30 * time.Second), Kinds: []culprit.Kind{culprit.KindOOMKill}, Newest: true, Limit: 5}, func(e *culprit.Event) error {
		n++
		return nil
	})
	if err != nil || n != 1 {
		t.Fatalf("%d events, %v", n, err)
	}
	for _, s := range st.Sources() {
		if s.Name == "journal" && (s.Records != 2 || s.Events != 2 || s.Last == nil || !s.Last.Equal(morning.Add(30*time.Second))) {
			t.Fatalf("%+v", s)
		}
	}
}

func TestIncidents(t *testing.T) {
	ctx := context.Background()
	st := open(t, t.TempDir(), store.Options{})
	in := func(id string, at time.Duration, ongoing bool, v culprit.Verdict) *culprit.Incident {
		return &culprit.Incident{ID: id, Start: morning.Add(at), End: morning.Add(at + time.Minute), Ongoing: ongoing, Service: "shop-api", Verdict: v, Title: "t " + id}
	}
	if err := st.PutIncidents(ctx, []*culprit.Incident{in("a", 0, false, "oom_kill"), in("b", time.Hour, false, "hang_timeout_route"), in("c", 2*time.Hour, true, "killed")}); err != nil {
		t.Fatal(err)
	}
	if err := st.PutIncidents(ctx, []*culprit.Incident{in("b", time.Hour, false, "hang_timeout")}, "a"); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name string
		f    store.IncidentFilter
		want string
	}{
		{"all", store.IncidentFilter{}, "c b"},
		{"limit", store.IncidentFilter{Limit: 1}, "c"},
		{"second page", store.IncidentFilter{Limit: 1, Offset: 1}, "b"},
		{"ongoing", store.IncidentFilter{Ongoing: true}, "c"},
		{"verdict", store.IncidentFilter{Verdict: "hang_timeout"}, "b"},
		{"no such service", store.IncidentFilter{Service: "x"}, ""},
		{"in a stretch", store.IncidentFilter{Since: morning.Add(61 * time.Minute), Until: morning.Add(62 * time.Minute)}, "b"},
		{"one that goes on has no end", store.IncidentFilter{Since: morning.Add(9 * time.Hour)}, "c"},
	} {
		list, err := st.Incidents(ctx, tt.f)
		if err != nil {
			t.Fatal(err)
		}
		var ids []string
		for _, i := range list {
			ids = append(ids, i.ID)
		}
		if got := strings.Join(ids, " "); got != tt.want {
			t.Errorf("%s: %q, want %q", tt.name, got, tt.want)
		}
	}
	if _, err := st.Incident(ctx, "a"); !errors.Is(err, culprit.ErrNotFound) {
		t.Fatal(err)
	}
	if i, err := st.Incident(ctx, "b"); err != nil || i.Verdict != "hang_timeout" || i.Title != "t b" {
		t.Fatalf("%+v, %v", i, err)
	}
}

func TestSurroundings(t *testing.T) {
	ctx := context.Background()
	st := open(t, t.TempDir(), store.Options{})
	w := writer(t, st, "a", "")
	for i := range 1500 {
		add(t, w, line("a", i, fmt.Sprintf("line %d", i)))
	}
	commit(t, w, "x")
	for _, n := range []int{0, 1, 511, 512, 1023, 1499} {
		hit := search(t, st, fmt.Sprintf(`"line %d"`, n), store.SearchOptions{})
		if len(hit) != 1 {
			t.Fatalf("%d hits", len(hit))
		}
		hits, err := st.Surroundings(ctx, "a", hit[0].Seq, 3, 2)
		if err != nil {
			t.Fatal(err)
		}
		var want []string
		for k := max(0, n-3); k <= min(1499, n+2); k++ {
			want = append(want, fmt.Sprintf("line %d", k))
		}
		if got := texts(hits); !slices.Equal(got, want) {
			t.Fatalf("around %d: %q", n, got)
		}
	}
	for _, seq := range []int64{0, 1 << 32, 1<<32 | 1501, 2<<32 | 1, -5} {
		if _, err := st.Record(ctx, "", seq); !errors.Is(err, culprit.ErrNotFound) {
			t.Fatalf("record %d: %v", seq, err)
		}
	}
	if _, err := st.Record(ctx, "b", 1<<32|1); !errors.Is(err, culprit.ErrNotFound) {
		t.Fatal(err)
	}
}

func TestFollow(t *testing.T) {
	st := open(t, t.TempDir(), store.Options{})
	w := writer(t, st, "a", "")
	add(t, w, line("a", 1, "old error"))
	commit(t, w, "x")
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	got := make(chan string, 10)
	done := make(chan error, 1)
	q, err := query.Parse("error")
	if err != nil {
		t.Fatal(err)
	}
	ready := st.FollowStarted()
	go func() {
		done <- st.Follow(ctx, q, func(h *store.Hit) error {
			got <- string(h.Record.Text)
			return nil
		})
	}()
	<-ready
	for i := 2; i < 1200; i++ {
		text := "nothing"
		if i%400 == 0 {
			text = fmt.Sprintf("error %d", i)
		}
		add(t, w, line("a", i, text))
		if i%100 == 0 {
			commit(t, w, "x")
		}
	}
	for _, want := range []string{"error 400", "error 800"} {
		if text := <-got; text != want {
			t.Fatalf("%q, want %q", text, want)
		}
	}
	cancel()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
}

func TestFacets(t *testing.T) {
	ctx := context.Background()
	st := open(t, t.TempDir(), store.Options{})
	w := newWorld(5)
	all := fill(t, st, w, 1200)
	fields := []string{"kind", "severity", "service", "host", "status", "method", "source", "process"}
	compare := func(name string) {
		for _, text := range []string{"", "error", "source:/a.log", "NOT kind:exited", "status:>100"} {
			q, err := query.Parse(text)
			if err != nil {
				t.Fatal(err)
			}
			facets, err := st.Facets(ctx, q, morning.Add(5*time.Minute), time.Time{}, fields, 10000)
			if err != nil {
				t.Fatal(err)
			}
			for _, f := range facets {
				want := map[string]int64{}
				for i := range all {
					p := &all[i]
					if p.time < morning.Add(5*time.Minute).UnixNano() || !p.matches(q.Root) {
						continue
					}
					seen := map[string]bool{}
					for _, v := range p.values(f.Field) {
						if s := string(query.Fold(nil, []byte(v.String()))); s != "" && !seen[s] {
							seen[s] = true
							want[s]++
						}
					}
				}
				if !f.Complete {
					t.Fatalf("%s: %q: %s is not complete", name, text, f.Field)
				}
				got := map[string]int64{}
				for _, v := range f.Values {
					got[v.Value] = v.Count
				}
				if f.Field == "status" {
					continue // 007 counts as 7, too; equality is what the differential test looks at
				}
				for v, n := range want {
					if got[v] != n {
						t.Fatalf("%s: %q: %s %q: %d, want %d", name, text, f.Field, v, got[v], n)
					}
				}
				if len(got) != len(want) {
					t.Fatalf("%s: %q: %s has %d values, want %d", name, text, f.Field, len(got), len(want))
				}
			}
		}
	}
	compare("without an index")
	indexAll(t, st)
	compare("with an index")
	if _, err := st.Facets(ctx, query.All(), time.Time{}, time.Time{}, []string{"path"}, 5); !errors.Is(err, culprit.ErrQuery) {
		t.Fatal(err)
	}
}

// TestStorm stores thousands of failures in commits of random size, and gets back
// one event a second and kind, in order.
func TestStorm(t *testing.T) {
	ctx := context.Background()
	st := open(t, t.TempDir(), store.Options{})
	w := writer(t, st, "error.log", "")
	r := newWorld(8).r
	want := map[string]int{}
	at := morning
	for i := range 6000 {
		if r.IntN(12) == 0 {
			at = at.Add(time.Duration(r.IntN(3)) * time.Second)
		}
		rec := line("error.log", i, fmt.Sprintf("failure %d", i))
		rec.Kind, rec.Time = culprit.KindUpstreamConnectFailed, at
		errno := int64(110 + r.IntN(2))
		rec.Attrs.AddInt("errno", errno)
		rec.Attrs.AddInt("connection", int64(i))
		rec.Attrs.Add("upstream", fmt.Sprintf("http://127.0.0.1:%d/x", 3000+r.IntN(2)))
		want[fmt.Sprint(at.Unix(), errno, culprit.PassAddress(rec.Attrs.Get("upstream")))]++
		add(t, w, rec)
		if r.IntN(300) == 0 {
			commit(t, w, "x")
		}
	}
	commit(t, w, "x")
	check := func(f store.EventFilter, n int) {
		t.Helper()
		got := map[string]int{}
		var last time.Time
		err := st.Events(ctx, f, func(e *culprit.Event) error {
			if !last.IsZero() && (!f.Newest && e.Time.Before(last) || f.Newest && e.Time.After(last)) {
				return fmt.Errorf("%v after %v", e.Time, last)
			}
			last = e.Time
			key := fmt.Sprint(e.Time.Unix(), e.Attrs.GetInt("errno"), e.Upstream)
			if got[key] != 0 {
				return fmt.Errorf("%s twice", key)
			}
			got[key] = e.Count
			if want[key] != e.Count {
				return fmt.Errorf("%s: %d, want %d", key, e.Count, want[key])
			}
			if e.Text != fmt.Sprintf("failure %d", e.Attrs.GetInt("connection")) || e.Places[0].Line != int(e.Attrs.GetInt("connection")) {
				return fmt.Errorf("event %+v", e)
			}
			return nil
		})
		if err != nil || len(got) != n {
			t.Fatalf("%+v: %d events, %v, want %d", f, len(got), err, n)
		}
	}
	inside := 0
	since, until := morning.Add(100*time.Second), morning.Add(250*time.Second)
	for k := range want {
		var unix int64
		if _, err := fmt.Sscan(k, &unix); err != nil {
			t.Fatal(err)
		}
		if unix >= since.Unix() && unix < until.Unix() {
			inside++
		}
	}
	check(store.EventFilter{}, len(want))
	check(store.EventFilter{Newest: true}, len(want))
	check(store.EventFilter{Since: since, Until: until}, inside)
	check(store.EventFilter{Since: since, Until: until, Newest: true}, inside)
	check(store.EventFilter{Limit: 700}, 700)
	if s, err := st.Stats(ctx); err != nil || s.Events > 4*20 {
		t.Fatalf("%+v, %v", s, err)
	}
}

// TestLockIsGivenBack: a process that was forked in the middle and holds the same
// descriptors does not keep the folder locked.
func TestLockIsGivenBack(t *testing.T) {
	dir := t.TempDir()
	st := open(t, dir, store.Options{})
	fds, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Skip("no /proc here:", err)
	}
	copied := 0
	for _, fd := range fds {
		if to, err := os.Readlink("/proc/self/fd/" + fd.Name()); err == nil && to == filepath.Join(dir, "lock") {
			n, err := strconv.Atoi(fd.Name())
			if err != nil {
				t.Fatal(err)
			}
			d, err := syscall.Dup(n)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = syscall.Close(d) })
			copied++
		}
	}
	if err := st.Close(); err != nil || copied != 1 {
		t.Fatalf("%d copies, %v", copied, err)
	}
	open(t, dir, store.Options{})
}
