package main

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"culprit"
	"culprit/examples"
	"culprit/internal/store"
)

func mustJSON(t *testing.T, v any) string {
	t.Helper()
	b, err := json.MarshalIndent(v, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// difference tells the first line in which two texts differ.
func difference(got, want string) string {
	g, w := strings.Split(got, "\n"), strings.Split(want, "\n")
	for i := range min(len(g), len(w)) {
		if g[i] != w[i] {
			return fmt.Sprintf("line %d is %s, want %s", i+1, strings.TrimSpace(g[i]), strings.TrimSpace(w[i]))
		}
	}
	return fmt.Sprintf("%d lines, want %d", len(g), len(w))
}

// TestLive_SaysWhatWhySays: following, and beginning anew with what is stored, come
// to what reading the same logs once does.
func TestLive_SaysWhatWhySays(t *testing.T) {
	t.Parallel()
	for _, e := range examples.All {
		t.Run(e.Name, func(t *testing.T) {
			t.Parallel()
			m := newRecording(t, e)
			m.grow(time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC))
			a, err := analyse(t.Context(), question{paths: []string{m.dir, m.cfg.Topology}})
			if err != nil {
				t.Fatal(err)
			}
			want := mustJSON(t, a.report.Incidents)

			s, stop := m.serve()
			m.stored(s)
			s.live.mu.Lock()
			rep := s.live.c.Report(m.clock())
			s.live.mu.Unlock()
			if got := mustJSON(t, rep.Incidents); got != want {
				t.Errorf("following says something else than why: %s", difference(got, want))
			}
			stop()

			s, stop = m.serve()
			<-s.ready
			s.live.mu.Lock()
			rep = s.live.c.Report(m.clock())
			s.live.mu.Unlock()
			if got := mustJSON(t, rep.Incidents); got != want {
				t.Errorf("after a restart it says something else than why: %s", difference(got, want))
			}
			stop()
		})
	}
}

// TestLive_Match: an incident keeps its id while it is revised.
func TestLive_Match(t *testing.T) {
	t.Parallel()
	base := time.Date(2026, 11, 22, 8, 0, 0, 0, time.UTC)
	inc := func(id string, from, to int, upstreams ...string) *culprit.Incident {
		return &culprit.Incident{ID: id, Start: base.Add(time.Duration(from) * time.Second), End: base.Add(time.Duration(to) * time.Second), Upstreams: upstreams}
	}
	const a, b = "127.0.0.1:3000", "127.0.0.1:4000"
	for _, tc := range []struct {
		name    string
		was, is []*culprit.Incident
		horizon int // seconds
		changed []string
		gone    []string
		ongoing bool // of the first one that changed
	}{
		{name: "new", is: []*culprit.Incident{inc("x", 100, 110, a)}, changed: []string{"x"}},
		{name: "the same", was: []*culprit.Incident{inc("x", 100, 110, a)}, is: []*culprit.Incident{inc("x", 100, 110, a)}},
		{name: "longer", was: []*culprit.Incident{inc("x", 100, 110, a)}, is: []*culprit.Incident{inc("x", 100, 120, a)}, changed: []string{"x"}},
		{name: "a late line moves its begin, and so its own id", was: []*culprit.Incident{inc("x", 100, 110, a)}, is: []*culprit.Incident{inc("y", 95, 110, a)}, changed: []string{"x"}},
		{name: "another upstream is another incident", was: []*culprit.Incident{inc("x", 100, 110, a)}, is: []*culprit.Incident{inc("x", 100, 110, a), inc("y", 100, 110, b)}, changed: []string{"y"}},
		{name: "a later one is another incident", was: []*culprit.Incident{inc("x", 100, 110, a)}, is: []*culprit.Incident{inc("x", 100, 110, a), inc("y", 500, 510, a)}, changed: []string{"y"}},
		{name: "two become one", was: []*culprit.Incident{inc("x", 100, 110, a), inc("y", 115, 120, a)}, is: []*culprit.Incident{inc("y", 100, 120, a)}, changed: []string{"y"}, gone: []string{"x"}},
		{name: "none after all", was: []*culprit.Incident{inc("x", 100, 110, a)}, gone: []string{"x"}},
		{name: "forgotten ones stay", was: []*culprit.Incident{inc("x", 100, 110, a)}, horizon: 200},
		{name: "two with one id", is: []*culprit.Incident{inc("x", 100, 110, a), inc("x", 100, 110, b)}, changed: []string{"x", "xb"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			l := newLive(nil, culprit.Topology{}, time.Hour)
			l.pacing.horizon = base.Add(time.Duration(tc.horizon) * time.Second)
			for _, w := range tc.was {
				l.told[w.ID] = &told{inc: w, json: mustCompact(t, w)}
			}
			changes, gone := l.match(tc.is)
			var ids []string
			for _, c := range changes {
				ids = append(ids, c.inc.ID)
			}
			if got, want := mustJSON(t, ids), mustJSON(t, tc.changed); got != want {
				t.Errorf("changed %s, want %s", got, want)
			}
			if got, want := mustJSON(t, gone), mustJSON(t, tc.gone); got != want {
				t.Errorf("gone %s, want %s", got, want)
			}
		})
	}
}

func mustCompact(t *testing.T, v any) []byte {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// TestLive_AnOldOutageThatGoesOnEnds: what began before anything is remembered
// keeps what was said of it, but for its end.
func TestLive_AnOldOutageThatGoesOnEnds(t *testing.T) {
	t.Parallel()
	base := time.Date(2026, 11, 22, 8, 0, 0, 0, time.UTC)
	old := &culprit.Incident{ID: "x", Start: base, End: base.Add(time.Hour), Ongoing: true, Upstreams: []string{"127.0.0.1:3000"}, Failures: culprit.Failures{Failed: 900}}
	l := newLive(nil, culprit.Topology{}, time.Hour)
	l.pacing.horizon = base.Add(30 * time.Minute)
	l.told["x"] = &told{inc: old, json: mustCompact(t, old)}

	now := &culprit.Incident{ID: "y", Start: base.Add(30 * time.Minute), End: base.Add(2 * time.Hour), Ongoing: true, Upstreams: old.Upstreams, Failures: culprit.Failures{Failed: 300}}
	changes, gone := l.match([]*culprit.Incident{now})
	if len(changes) != 1 || len(gone) != 0 {
		t.Fatalf("%d changes, gone %v", len(changes), gone)
	}
	if c := changes[0].inc; c.ID != "x" || !c.Start.Equal(base) || !c.End.Equal(now.End) || !c.Ongoing || c.Failures.Failed != 900 {
		t.Errorf("told as %+v", c)
	}
	changes, gone = l.match(nil)
	if len(changes) != 1 || len(gone) != 0 || changes[0].inc.Ongoing || changes[0].inc.ID != "x" {
		t.Errorf("when nothing fails any more: %+v, gone %v", changes, gone)
	}
}

// TestLive_Checkpoints: those of imports are none of the follower's business.
func TestLive_Checkpoints(t *testing.T) {
	t.Parallel()
	st, err := store.Open(t.Context(), t.TempDir(), store.Options{Ballast: -1})
	if err != nil {
		t.Fatal(err)
	}
	defer st.Close()
	for generation, c := range map[string]string{"": "a", "import x": "b", followed + "/var/log/a.log#1": "c"} {
		w, err := st.Writer(t.Context(), "/var/log/a.log", generation, "")
		if err != nil {
			t.Fatal(err)
		}
		if err := w.Commit(t.Context(), []byte(c)); err != nil {
			t.Fatal(err)
		}
		w.Close()
	}
	got, err := newLive(st, culprit.Topology{}, time.Hour).Checkpoints(t.Context())
	if err != nil || len(got) != 1 || string(got["/var/log/a.log#1"]) != "c" {
		t.Errorf("checkpoints %q, %v", got, err)
	}
}

// TestLive_OneAnswerEndsNoOutage: where every second request fails, an incident
// would end and go on again with every report.
func TestLive_OneAnswerEndsNoOutage(t *testing.T) {
	now := time.Date(2026, 11, 22, 8, 0, 0, 0, time.UTC)
	for _, tc := range []struct {
		quiet          time.Duration
		ongoing, still bool
	}{
		{quiet: time.Second, ongoing: true, still: true},
		{quiet: time.Second, still: true},
		{quiet: 20 * time.Second, still: true},
		{quiet: 21 * time.Second},
	} {
		inc := &culprit.Incident{End: now.Add(-tc.quiet), Ongoing: tc.ongoing}
		keepOpen([]*culprit.Incident{inc}, now)
		if inc.Ongoing != tc.still {
			t.Errorf("%v after the last failure: ongoing %v", tc.quiet, inc.Ongoing)
		}
	}
}
