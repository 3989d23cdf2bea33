package main

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"culprit"
	"culprit/examples"
	"culprit/ingest"
	"culprit/internal/config"
	"culprit/internal/query"
	"culprit/internal/store"
)

// patience bounds every wait; nothing waits that long unless it is broken.
const patience = 30 * time.Second

// A recording is a folder in which the logs of an example grow, with the settings
// of a service that follows them and a clock that stands where the logs do.
type recording struct {
	t    *testing.T
	dir  string
	from string // the whole logs
	cfg  *config.Config
	now  atomic.Int64
	told chan toldChange
}

type toldChange struct {
	change string
	inc    *culprit.Incident
}

// logFolders are those of an example that hold text logs.
var logFolders = []string{"nginx", "apps", "syslog"}

func newRecording(t *testing.T, e examples.Example) *recording {
	t.Helper()
	m := &recording{t: t, dir: t.TempDir(), from: t.TempDir(), told: make(chan toldChange, 1000)}
	if err := e.Write(filepath.Join(m.from, "logs")); err != nil {
		t.Fatal(err)
	}
	m.from = filepath.Join(m.from, "logs")
	m.cfg = config.Default()
	m.cfg.DataDir = filepath.Join(m.dir, "data")
	m.cfg.Listen = "127.0.0.1:0"
	m.cfg.Discover = false
	m.cfg.Topology = filepath.Join(m.from, "config")
	m.cfg.Journals = nil
	for _, f := range logFolders {
		m.cfg.Sources = append(m.cfg.Sources, config.Source{Path: filepath.Join(m.dir, f, "*")}, config.Source{Path: filepath.Join(m.dir, f, "*", "*")})
	}
	return m
}

func (m *recording) clock() time.Time { return time.Unix(0, m.now.Load()).UTC() }

// logs lists the log files, relative to the folder.
func (m *recording) logs() []string {
	var out []string
	for _, f := range logFolders {
		err := fs.WalkDir(os.DirFS(m.from), f, func(name string, d fs.DirEntry, err error) error {
			if err == nil && d.Type().IsRegular() {
				out = append(out, name)
			}
			return err
		})
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			m.t.Fatal(err)
		}
	}
	return out
}

// grow lets the logs grow to what they held at an instant, and sets the clock to
// that. Lines without a time belong to the one before them.
func (m *recording) grow(to time.Time) {
	m.t.Helper()
	in, err := ingest.Collect(m.t.Context(), []string{m.from}, ingest.Options{})
	if err != nil {
		m.t.Fatal(err)
	}
	defer in.Close()
	in.Assign(nil)
	upTo := map[string]int64{}
	for _, i := range in.Logs {
		if i.Class != ingest.ClassLog {
			continue
		}
		end, over := int64(0), false
		_, _, err := ingest.Read(m.t.Context(), i, func(r *culprit.Record) error {
			at := r.Time
			if at.IsZero() {
				at = r.NotBefore
			}
			if over = over || at.After(to); !over {
				end = r.End.Offset
			}
			return nil
		})
		if err != nil {
			m.t.Fatal(err)
		}
		upTo[i.Name] = end
	}
	m.now.Store(to.UnixNano())
	for _, name := range m.logs() {
		whole, err := os.ReadFile(filepath.Join(m.from, name))
		if err != nil {
			m.t.Fatal(err)
		}
		end, known := upTo[filepath.Join(m.from, name)]
		if !known {
			end = int64(len(whole))
		}
		path := filepath.Join(m.dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			m.t.Fatal(err)
		}
		f, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o644)
		if err != nil {
			m.t.Fatal(err)
		}
		fi, err := f.Stat()
		if err == nil && end > fi.Size() {
			_, err = f.Write(whole[fi.Size():end])
		}
		if err := errors.Join(err, f.Close()); err != nil {
			m.t.Fatal(err)
		}
	}
}

// serve starts a service and returns what stops it.
func (m *recording) serve() (*service, func()) {
	m.t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	s, err := newService(ctx, m.cfg, slog.New(slog.DiscardHandler), m.clock)
	if err != nil {
		m.t.Fatal(err)
	}
	publish := s.live.tell
	s.live.tell = func(change string, inc *culprit.Incident) {
		publish(change, inc)
		m.told <- toldChange{change, inc}
	}
	done := make(chan error, 1)
	go func() { done <- s.run(ctx) }()
	stopped := false
	stop := func() {
		if stopped {
			return
		}
		stopped = true
		cancel()
		select {
		case err := <-done:
			if err != nil {
				m.t.Errorf("the service ended with: %v", err)
			}
		case <-time.After(5 * time.Second):
			stacks := make([]byte, 1<<20)
			m.t.Errorf("the service did not stop within five seconds:\n%s", stacks[:runtime.Stack(stacks, true)])
		}
		s.close()
	}
	m.t.Cleanup(stop)
	return s, stop
}

// stored waits until the last line of every log is stored.
func (m *recording) stored(s *service) {
	m.t.Helper()
	deadline := time.After(patience)
	for {
		changed := s.store.Changed()
		missing := ""
		last := lastLines(m.t, s.store)
		for _, name := range m.logs() {
			path := filepath.Join(m.dir, name)
			b, err := os.ReadFile(path)
			if err != nil {
				m.t.Fatal(err)
			}
			if n := bytes.Count(b, []byte("\n")); last[path] < n {
				missing = path
			}
		}
		if missing == "" {
			return
		}
		select {
		case <-changed:
		case <-deadline:
			m.t.Fatalf("%s was not read to its end: %+v", missing, s.follow.Status())
		}
	}
}

// lastLines returns the number of the last line of each source that is stored.
func lastLines(t *testing.T, st *store.Store) map[string]int {
	t.Helper()
	out := map[string]int{}
	all(t, st, func(h *store.Hit) { out[h.Source] = max(out[h.Source], h.Record.LineTo) })
	return out
}

// all calls yield for every record of a store.
func all(t *testing.T, st *store.Store, yield func(*store.Hit)) {
	t.Helper()
	o := store.SearchOptions{Limit: store.MaxLimit, Order: store.Oldest}
	for {
		p, err := st.Search(t.Context(), query.All(), o, func(h *store.Hit) error { yield(h); return nil })
		if err != nil {
			t.Fatal(err)
		}
		if o.Cursor = p.Cursor; o.Cursor == "" {
			return
		}
	}
}

// next waits for an incident to be told.
func (m *recording) next(what string) toldChange {
	m.t.Helper()
	select {
	case c := <-m.told:
		return c
	case <-time.After(patience):
		m.t.Fatalf("nothing was told: waiting for %s", what)
		return toldChange{}
	}
}

// TestServe_TellsAnOutageWhileItHappens lets the logs of an outage grow as they
// once did.
func TestServe_TellsAnOutageWhileItHappens(t *testing.T) {
	t.Parallel()
	m := newRecording(t, examples.All[0])
	at := func(s string) time.Time {
		v, err := time.Parse(time.RFC3339, "2026-11-22T"+s+"Z")
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	m.grow(at("08:47:50"))
	s, stop := m.serve()
	m.stored(s)
	if _, err := s.live.report(t.Context()); err != nil {
		t.Fatal(err)
	}
	if len(m.told) > 0 {
		t.Fatalf("told before anything failed: %+v", (<-m.told).inc)
	}

	m.grow(at("08:48:10"))
	written := time.Now()
	first := m.next("the outage")
	t.Logf("told %s after it was written", time.Since(written).Round(time.Millisecond))
	if first.change != "new" || !first.inc.Ongoing || first.inc.Service != "ledger" {
		t.Errorf("first told: %s, ongoing %v, service %q", first.change, first.inc.Ongoing, first.inc.Service)
	}
	m.stored(s)
	m.grow(at("08:49:30"))
	m.stored(s)
	var last *culprit.Incident
	for last == nil || last.Ongoing || last.Failures.Failed != 262 {
		c := m.next("its end")
		if c.change == "new" || c.inc.ID != first.inc.ID {
			t.Fatalf("%s %s is told beside %s", c.change, c.inc.ID, first.inc.ID)
		}
		last = c.inc
	}
	if last.Verdict != culprit.VerdictModuleNotFound || last.Tier != culprit.TierProven {
		t.Errorf("verdict %s, %s", last.Verdict, last.Tier)
	}
	for _, e := range last.Causes[0].Evidence {
		h, err := s.store.Record(t.Context(), e.Source, e.Seq)
		if err != nil || h.Record.LineFrom > e.Line || h.Record.LineTo < e.Line {
			t.Errorf("evidence %s:%d is record %d: %v", e.Source, e.Line, e.Seq, err)
		}
	}
	list, err := s.store.Incidents(t.Context(), store.IncidentFilter{})
	if err != nil || len(list) != 1 || list[0].ID != first.inc.ID {
		t.Fatalf("stored: %d incidents, %v", len(list), err)
	}
	stop()

	// The same after a restart, and nothing is told again.
	s, stop = m.serve()
	<-s.ready
	if _, err := s.live.report(t.Context()); err != nil {
		t.Fatal(err)
	}
	again, err := s.store.Incidents(t.Context(), store.IncidentFilter{})
	if err != nil || len(again) != 1 {
		t.Fatalf("after a restart: %d incidents, %v", len(again), err)
	}
	if was, is := mustJSON(t, list[0]), mustJSON(t, again[0]); was != is {
		t.Errorf("after a restart it is another: %s", difference(is, was))
	}
	if len(m.told) > 0 {
		c := <-m.told
		t.Errorf("told after a restart: %s %s", c.change, c.inc.Title)
	}
	stop()
}
