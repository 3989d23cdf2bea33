package web_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"culprit"
	"culprit/web"
	"culprit/web/webtest"
)

// TestTimelineOOM holds the lanes to what the capture's truth says.
func TestTimelineOOM(t *testing.T) {
	h := server(t, nil).Handler()
	tl := body[web.Timeline](t, h, "/api/incidents/shop-api-20261122T072229/timeline")
	sum := func(l []int) (n int) {
		for _, v := range l {
			n += v
		}
		return n
	}
	if r, c, o, x := sum(tl.Failures.Refused), sum(tl.Failures.Reset), sum(tl.Failures.TimedOut), sum(tl.Failures.Other); r != 170 || c != 94 || o != 49 || x != 0 || !tl.Failures.Lines {
		t.Errorf("%d refused, %d reset, %d timed out, %d other; want 170, 94, 49, 0", r, c, o, x)
	}
	var states []string
	for _, s := range tl.States {
		states = append(states, s.State)
		if !s.To.After(s.From) {
			t.Errorf("state %s is empty", s.State)
		}
	}
	if want := "starting running stalled down starting running"; strings.Join(states, " ") != want {
		t.Errorf("states %v, want %s", states, want)
	}
	for i := 1; i < len(tl.States); i++ {
		if !tl.States[i].From.Equal(tl.States[i-1].To) {
			t.Errorf("a hole between states at %s", tl.States[i].From)
		}
	}
	kill := slices.IndexFunc(tl.Marks, func(m web.Mark) bool { return m.Kind == "oom_kill" })
	if kill < 0 || tl.Marks[kill].N != 2 || tl.Marks[kill].Lane != "kernel" || tl.Marks[kill].Title != "killed pid 232" {
		t.Errorf("the kill: %+v", tl.Marks)
	}
	if m := tl.Memory; m.Limit != 300<<20 || len(m.Readings) < 6 || m.Readings[0].Bytes != 131e6 || m.LimitBy != "MemoryMax=300M" {
		t.Errorf("memory: limit %v by %s, %d readings", m.Limit, m.LimitBy, len(m.Readings))
	}
	if tl.LastChange == nil || !strings.Contains(tl.LastChange.Text, "20261118T101502Z") {
		t.Errorf("last change: %+v", tl.LastChange)
	}
	if len(tl.Others) != 3 {
		t.Errorf("other logs: %+v", tl.Others)
	}
	if len(tl.Gaps) != 1 || tl.Gaps[0].Lane != "machine" {
		t.Errorf("gaps: %+v", tl.Gaps)
	}
	has := func(from, to string, n int) bool {
		return slices.ContainsFunc(tl.Links, func(l web.CausalLink) bool { return l.FromLane == from && l.ToLane == to && l.N == n })
	}
	if !has("memory", "kernel", 1) || !has("kernel", "state", 2) || !has("state", "failures", 3) {
		t.Errorf("links: %+v", tl.Links)
	}
	if tl.From.After(tl.Failures.Start.Add(3*time.Minute)) || !tl.To.After(tl.From) || tl.FullFrom.After(tl.From) || tl.FullTo.Before(tl.To) {
		t.Errorf("ranges: %s %s in %s %s", tl.From, tl.To, tl.FullFrom, tl.FullTo)
	}
}

func TestTimelineModule(t *testing.T) {
	h := server(t, nil).Handler()
	tl := body[web.Timeline](t, h, "/api/incidents/shop-api-20261122T072910/timeline")
	crashes := 0
	for _, s := range tl.States {
		if s.State == "down" && s.Text != "given up" {
			crashes++
		}
	}
	last := tl.States[len(tl.States)-1]
	if crashes != 6 || last.Text != "given up" || last.State != "down" {
		t.Errorf("%d crashes, then %s %q; want 6, then down, given up", crashes, last.State, last.Text)
	}
	deploy := slices.IndexFunc(tl.Marks, func(m web.Mark) bool { return m.Kind == "deploy" })
	if deploy < 0 || tl.Marks[deploy].N != 1 || tl.Marks[deploy].Lane != "changes" {
		t.Errorf("deploy: %+v", tl.Marks)
	}
	ids := map[string]bool{}
	for _, m := range tl.Marks {
		if ids[m.ID] {
			t.Errorf("two marks have the id %s", m.ID)
		}
		ids[m.ID] = true
	}
	if tl.FullTo.After(webtest.Outage.Add(2 * time.Second)) {
		t.Errorf("the timeline of a running incident ends in the future: %s", tl.FullTo)
	}
}

// TestTimelineStorm: 100,000 failures make a small answer, fast.
func TestTimelineStorm(t *testing.T) {
	a, err := webtest.New(webtest.Outage)
	if err != nil {
		t.Fatal(err)
	}
	a.Storm(100_000)
	s, err := web.New(webtest.Config(a))
	if err != nil {
		t.Fatal(err)
	}
	w := get(t, s.Handler(), "/api/incidents/shop-api-storm/timeline")
	if w.Code != 200 || w.Body.Len() > 64<<10 {
		t.Fatalf("%d, %d bytes", w.Code, w.Body.Len())
	}
	var tl web.Timeline
	if err := json.Unmarshal(w.Body.Bytes(), &tl); err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, v := range tl.Failures.Refused {
		n += v
	}
	if n != 100_000 || len(tl.Failures.Refused) > 2001 {
		t.Errorf("%d failures in %d steps", n, len(tl.Failures.Refused))
	}
}

// TestTimelineWithoutErrorLines: nginx at error_log crit logs nothing; the
// requests that failed are shown instead.
func TestTimelineWithoutErrorLines(t *testing.T) {
	a, err := webtest.New(webtest.Outage)
	if err != nil {
		t.Fatal(err)
	}
	begin := time.Date(2026, 11, 22, 6, 0, 0, 0, time.UTC)
	a.AddIncident(&culprit.Incident{ID: "silent", Start: begin, End: begin.Add(3 * time.Second), Upstreams: []string{"127.0.0.1:9"}, Title: "x",
		Failures: culprit.Failures{Failed: 7, PerSecond: []int{2, 0, 5, 0}, BinSeconds: 1, ByPhase: culprit.ByPhase{None: 7}}})
	s, err := web.New(webtest.Config(a))
	if err != nil {
		t.Fatal(err)
	}
	tl := body[web.Timeline](t, s.Handler(), "/api/incidents/silent/timeline")
	n := 0
	for _, v := range tl.Failures.Other {
		n += v
	}
	if n != 7 || tl.Failures.Lines {
		t.Errorf("%d of 7 failures, from lines: %v", n, tl.Failures.Lines)
	}
	if len(tl.States) != 0 || len(tl.Memory.Readings) != 0 {
		t.Errorf("an unknown service has states %v", tl.States)
	}
}

func TestStatusRows(t *testing.T) {
	h := server(t, nil).Handler()
	type status struct {
		Upstreams []web.UpstreamState
	}
	st := body[status](t, h, "/api/status")
	got := map[string]string{}
	for _, u := range st.Upstreams {
		got[u.Addresses[0]] = u.State
		sum := 0
		for _, b := range u.Strip {
			sum += b.Failed
		}
		if sum != u.Failed {
			t.Errorf("%s: strip of %d, failed %d", u.Service, sum, u.Failed)
		}
	}
	want := map[string]string{"127.0.0.1:3000": "failing", "127.0.0.1:4000": "serving", "unix:/run/realtime/app.sock": "serving", "127.0.0.1:5001": "serving", "127.0.0.1:6000": "idle"}
	for a, s := range want {
		if got[a] != s {
			t.Errorf("%s is %q, want %q", a, got[a], s)
		}
	}
	if st.Upstreams[0].Service != "shop-api" || st.Upstreams[0].Failed != 313+169+164+62 {
		t.Errorf("first row: %s, %d failed", st.Upstreams[0].Service, st.Upstreams[0].Failed)
	}
	hour := body[status](t, h, "/api/status?hours=1")
	if hour.Upstreams[0].Failed != 313+169 {
		t.Errorf("last hour: %d failed", hour.Upstreams[0].Failed)
	}
}

// TestTimelineOfWhatIsCited: the chain may rest on a line without a time, and on one
// that is another program's; both are marks.
func TestTimelineOfWhatIsCited(t *testing.T) {
	a, err := webtest.New(webtest.Quiet)
	if err != nil {
		t.Fatal(err)
	}
	at := webtest.Quiet.Add(-20 * time.Second)
	words := a.Add("/var/log/app.err.log", "billing", "Error: Cannot find module './x'\n    at main.js:1:2", culprit.SeverityNone, culprit.KindModuleNotFound, 1)
	words.Record.Time = time.Time{}
	guard := a.Add("journal", "supervisor", "Worker process exceeded allocated memory limit", culprit.SeverityInfo, culprit.KindMemoryLimitExceeded, 1)
	guard.Record.Time = at
	cite := func(h web.Hit, tm *time.Time) culprit.Evidence {
		return culprit.Evidence{Source: h.Record.Source, Line: h.Record.LineFrom, Seq: h.Seq, Time: tm, Text: string(h.Record.Text), Role: "decisive"}
	}
	later := at.Add(5 * time.Second)
	a.AddIncident(&culprit.Incident{
		ID: "cited", Start: at, End: at.Add(10 * time.Second), Service: "billing", Upstreams: []string{"127.0.0.1:4000"},
		Causes: []culprit.Cause{{Kind: "module_not_found", Evidence: []culprit.Evidence{cite(words, nil), cite(guard, &at)}}},
		Chain: []culprit.ChainLink{
			{Time: &at, Kind: "memory_limit", Role: "trigger", Evidence: []int{1, 0}},
			{Time: &later, Kind: "module_not_found", Role: "failure", Evidence: []int{0}},
		},
	})
	s, err := web.New(webtest.Config(a))
	if err != nil {
		t.Fatal(err)
	}
	tl := body[web.Timeline](t, s.Handler(), "/api/incidents/cited/timeline")
	found := map[string]web.Mark{}
	for _, m := range tl.Marks {
		if m.N > 0 {
			found[m.Lane] = m
		}
	}
	if m := found["app"]; !m.Time.Equal(later) || m.N != 2 || m.Seq != words.Seq || !strings.Contains(m.Title, "no time") || !strings.Contains(m.Text, "Cannot find module") {
		t.Errorf("the line without a time: %+v", m)
	}
	if m := found["manager"]; !m.Time.Equal(at) || m.N != 2 || m.Seq != guard.Seq || !m.Own {
		t.Errorf("the line of another program: %+v", m)
	}
}
