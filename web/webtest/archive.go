// Package webtest is a store in memory that holds one recorded morning of a
// real machine: an OOM kill in a cgroup at 08:22 and a release without a module
// at 08:29. Its clock stands still until it is moved, so that tests and
// pictures are the same every time, and an outage can begin while a page is
// open.
package webtest

import (
	"bufio"
	"bytes"
	"cmp"
	"compress/gzip"
	"context"
	_ "embed"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"culprit"
	"culprit/internal/query"
	"culprit/web"
)

//go:embed records.jsonl.gz
var recordsFile []byte

//go:embed incidents.json
var incidentsFile []byte

// Times of the recorded morning, UTC.
var (
	Quiet  = time.Date(2026, 11, 22, 7, 27, 0, 0, time.UTC)            // between the two outages
	Outage = time.Date(2026, 11, 22, 7, 29, 40, 0, time.UTC)           // in the second one
	Begin  = time.Date(2026, 11, 22, 7, 21, 0, 0, time.UTC)            // before the first one
	before = time.Date(2026, 11, 18, 10, 15, 2, 318_000_000, time.UTC) // the deploy of days before
)

// An Archive holds records, events and incidents. It is safe for use by
// several goroutines.
type Archive struct {
	mu        sync.Mutex
	now       time.Time
	hits      []web.Hit // in order of time
	incidents []*culprit.Incident
	sources   []web.SourceState
	gaps      []culprit.Gap
	followers map[chan []web.Hit]struct{}
	fail      error // what every method answers, nil if all is well
}

type row struct {
	Source   string         `json:"source"`
	Line     int            `json:"line"`
	LineTo   int            `json:"line_to"`
	Time     time.Time      `json:"time"`
	Observed time.Time      `json:"observed"`
	Severity int8           `json:"severity"`
	Kind     culprit.Kind   `json:"kind"`
	Service  string         `json:"service"`
	Upstream string         `json:"upstream"`
	Host     string         `json:"host"`
	Process  string         `json:"process"`
	PID      int            `json:"pid"`
	Unit     string         `json:"unit"`
	Message  string         `json:"message"`
	Text     string         `json:"text"`
	Attrs    map[string]any `json:"attrs"`
	Seq      int64          `json:"seq"`
}

// New returns the recorded morning as it was known at now.
func New(now time.Time) (*Archive, error) {
	a := &Archive{now: now, followers: map[chan []web.Hit]struct{}{}}
	z, err := gzip.NewReader(bytes.NewReader(recordsFile))
	if err != nil {
		return nil, fmt.Errorf("open records: %w", err)
	}
	in := bufio.NewReader(z)
	for {
		line, err := in.ReadBytes('\n')
		if len(line) > 0 {
			var r row
			if err := json.Unmarshal(line, &r); err != nil {
				return nil, fmt.Errorf("read record: %w", err)
			}
			a.hits = append(a.hits, r.hit())
		}
		if err == io.EOF {
			break
		} else if err != nil {
			return nil, fmt.Errorf("read records: %w", err)
		}
	}
	slices.SortStableFunc(a.hits, func(x, y web.Hit) int { return x.Record.Time.Compare(y.Record.Time) })
	if err := json.Unmarshal(incidentsFile, &a.incidents); err != nil {
		return nil, fmt.Errorf("read incidents: %w", err)
	}
	a.sources = sources()
	from, to := before.Add(-time.Hour), Begin.Add(-31*time.Second)
	a.gaps = []culprit.Gap{{Source: "journal", From: &from, To: &to, Reason: "before boot: no journal", Remedy: "sudo mkdir -p /var/log/journal && sudo systemctl restart systemd-journald"}}
	return a, nil
}

func (r *row) hit() web.Hit {
	rec := &culprit.Record{
		Source: r.Source, LineFrom: r.Line, LineTo: r.LineTo, Text: []byte(r.Text), Time: r.Time, ObservedTime: r.Observed,
		Severity: culprit.Severity(r.Severity), Host: r.Host, Process: r.Process, PID: r.PID, Unit: r.Unit, Message: r.Message, Kind: r.Kind,
	}
	keys := make([]string, 0, len(r.Attrs))
	for k := range r.Attrs {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	for _, k := range keys {
		switch v := r.Attrs[k].(type) {
		case string:
			rec.Attrs.Add(k, v)
		case float64:
			rec.Attrs.AddInt(k, int64(v))
		case []any:
			var l []string
			for _, s := range v {
				l = append(l, fmt.Sprint(s))
			}
			rec.Attrs.AddValue(k, culprit.Strings(l))
		}
	}
	return web.Hit{Record: rec, Seq: r.Seq, Service: r.Service, Upstream: r.Upstream}
}

// Now returns the archive's clock.
func (a *Archive) Now() time.Time {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.now
}

// Fail makes every method answer err, until it is called with nil.
func (a *Archive) Fail(err error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.fail = err
}

// Advance moves the clock to t and returns the records that arrived meanwhile
// and the incidents that began, changed or ended, as they are now.
func (a *Archive) Advance(t time.Time) (hits []web.Hit, changed map[string]*culprit.Incident) {
	a.mu.Lock()
	defer a.mu.Unlock()
	old := a.now
	a.now = t
	for _, h := range a.hits {
		if h.Record.Time.After(old) && !h.Record.Time.After(t) {
			hits = append(hits, h)
		}
	}
	changed = map[string]*culprit.Incident{}
	for _, inc := range a.incidents {
		switch {
		case inc.Start.After(t), !inc.Ongoing && !inc.End.After(old):
		case inc.Start.After(old):
			changed["new"] = a.asOfNow(inc)
		default:
			changed["changed"] = a.asOfNow(inc)
		}
	}
	a.tell(hits)
	return hits, changed
}

// Follow implements [web.Reader].
func (a *Archive) Follow(ctx context.Context, q *query.Query, yield func(web.Hit) error) error {
	ch := make(chan []web.Hit, 64)
	a.mu.Lock()
	a.followers[ch] = struct{}{}
	a.mu.Unlock()
	defer func() {
		a.mu.Lock()
		delete(a.followers, ch)
		a.mu.Unlock()
	}()
	for {
		select {
		case <-ctx.Done():
			return nil
		case hits := <-ch:
			for _, h := range matching(q, hits) {
				if err := yield(h); err != nil {
					return err
				}
			}
		}
	}
}

// Followers returns how many follow.
func (a *Archive) Followers() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return len(a.followers)
}

// tell hands new records to those that follow.
func (a *Archive) tell(hits []web.Hit) {
	for ch := range a.followers {
		select {
		case ch <- hits:
		default: // a follower of this store reads at once; none has been this slow
		}
	}
}

func matching(q *query.Query, hits []web.Hit) []web.Hit {
	if q.Root.Op == query.OpAll {
		return hits
	}
	set := q.Match(newBlock(hits))
	var l []web.Hit
	for i := range hits {
		if set.Has(i) {
			l = append(l, hits[i])
		}
	}
	return l
}

// Add puts n records of the given text into the archive, at the clock, and
// returns the first.
func (a *Archive) Add(source, service, text string, sev culprit.Severity, kind culprit.Kind, n int) web.Hit {
	a.mu.Lock()
	defer a.mu.Unlock()
	msg, _, _ := strings.Cut(text, "\n")
	var hits []web.Hit
	for range n {
		k := len(a.hits) + 1
		hits = append(hits, web.Hit{Seq: int64(k), Service: service, Record: &culprit.Record{Source: source, LineFrom: k, LineTo: k + strings.Count(text, "\n"), Text: []byte(text),
			Time: a.now, ObservedTime: a.now, Severity: sev, Host: "web-01", Process: service, Message: msg, Kind: kind}})
		a.hits = append(a.hits, hits[len(hits)-1])
	}
	a.tell(hits)
	return hits[0]
}

// AddIncident puts an incident into the archive.
func (a *Archive) AddIncident(inc *culprit.Incident) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.incidents = append(a.incidents, inc)
	slices.SortStableFunc(a.incidents, func(x, y *culprit.Incident) int { return y.Start.Compare(x.Start) })
}

// Clear empties the archive, as before the first log was found.
func (a *Archive) Clear() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.hits, a.incidents, a.sources, a.gaps = nil, nil, nil, nil
}

// asOfNow returns an incident as it was known at the clock.
func (a *Archive) asOfNow(inc *culprit.Incident) *culprit.Incident {
	c := *inc
	if !inc.Ongoing && !inc.End.After(a.now) {
		return &c
	}
	c.Ongoing = true
	if c.End.After(a.now) {
		c.End = a.now
	}
	n := min(len(c.Failures.PerSecond), int(c.End.Sub(c.Start)/time.Second)+1)
	c.Failures.PerSecond = c.Failures.PerSecond[:n]
	sum := 0
	for _, v := range c.Failures.PerSecond {
		sum += v
	}
	if sum < c.Failures.Failed {
		c.Failures.Of -= c.Failures.Failed - sum
		c.Failures.Failed = sum
		c.Failures.Status = map[string]int{"502": sum}
		c.Failures.ByPhase = culprit.ByPhase{Refused: max(sum-1, 0), Reset: min(sum, 1)}
		c.Failures.ErrorLines = sum
	}
	c.Chain = slices.DeleteFunc(slices.Clone(inc.Chain), func(l culprit.ChainLink) bool { return l.Time != nil && l.Time.After(a.now) })
	if !slices.ContainsFunc(c.Chain, func(l culprit.ChainLink) bool { return l.Role == "keeps_down" }) {
		c.KeepsDown = ""
	}
	if !slices.ContainsFunc(c.Chain, func(l culprit.ChainLink) bool { return l.Role == "failure" }) {
		c.Title, c.Verdict, c.Tier = c.Service+" does not answer: requests to "+c.Upstreams[0]+" fail", culprit.VerdictInconclusive, culprit.TierPossible
		c.KnownTo = "nginx is refused at " + c.Upstreams[0] + "; why is not known yet"
	}
	return &c
}

// Incidents implements [web.Incidents].
func (a *Archive) Incidents(_ context.Context, since, until time.Time, limit int) ([]*culprit.Incident, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	var l []*culprit.Incident
	for _, inc := range a.incidents {
		if inc.Start.After(a.now) || !since.IsZero() && inc.End.Before(since) || !until.IsZero() && !inc.Start.Before(until) || len(l) == limit {
			continue
		}
		l = append(l, a.asOfNow(inc))
	}
	return l, a.fail
}

// Incident implements [web.Incidents].
func (a *Archive) Incident(_ context.Context, id string) (*culprit.Incident, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, inc := range a.incidents {
		if inc.ID == id && !inc.Start.After(a.now) {
			return a.asOfNow(inc), a.fail
		}
	}
	return nil, cmp.Or(a.fail, fmt.Errorf("incident %s: %w", id, culprit.ErrNotFound))
}

// Events implements [web.Events].
func (a *Archive) Events(_ context.Context, q web.EventQuery) ([]*culprit.Event, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	var l []*culprit.Event
	type second struct {
		kind     culprit.Kind
		upstream string
		at       int64
	}
	same := map[second]*culprit.Event{} // failures of one second are one event, as in the store
	for _, h := range slices.Concat([]web.Hit{oldDeploy()}, a.hits) {
		r := h.Record
		if r.Kind == "" || r.Kind == culprit.KindHTTPRequest || r.Time.After(a.now) || !q.Since.IsZero() && r.Time.Before(q.Since) || !q.Until.IsZero() && !r.Time.Before(q.Until) ||
			len(q.Kinds) > 0 && !slices.Contains(q.Kinds, r.Kind) {
			continue
		}
		var key second
		if strings.HasPrefix(string(r.Kind), "upstream_") {
			key = second{r.Kind, h.Upstream, r.Time.Unix()}
			if e := same[key]; e != nil {
				e.Count++
				continue
			}
		}
		e := culprit.NewEvent(r)
		e.Service, e.Upstream = h.Service, h.Upstream
		e.Places[0].Seq = h.Seq
		if key.kind != "" {
			same[key] = e
		}
		l = append(l, e)
	}
	if q.Newest {
		slices.Reverse(l)
	}
	if q.Limit > 0 && len(l) > q.Limit {
		l = l[:q.Limit]
	}
	return l, a.fail
}

func oldDeploy() web.Hit {
	return web.Hit{Service: "shop-api", Record: &culprit.Record{Source: "journal", LineFrom: 1, LineTo: 1, Time: before, Kind: culprit.KindDeploy, Severity: culprit.SeverityNotice,
		Host: "web-01", Process: "deploy", Text: []byte("shop-api: activating release 20261118T101502Z"), Message: "shop-api: activating release 20261118T101502Z"}}
}

// Sources implements [web.Sources].
func (a *Archive) Sources(context.Context) ([]web.SourceState, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.sources, a.fail
}

// Gaps is a [web.GapsFunc].
func (a *Archive) Gaps(context.Context, time.Time, time.Time) ([]culprit.Gap, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.gaps, a.fail
}

// Record implements [web.Reader].
func (a *Archive) Record(_ context.Context, source string, seq int64) (*web.Hit, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for i := range a.hits {
		if h := &a.hits[i]; h.Seq == seq && h.Record.Source == source {
			return h, a.fail
		}
	}
	return nil, fmt.Errorf("record %d of %s: %w", seq, source, culprit.ErrNotFound)
}

// selected returns what a query selects, in order of time.
func (a *Archive) selected(q web.Query) ([]web.Hit, error) {
	if a.fail != nil {
		return nil, a.fail
	}
	var l []web.Hit
	for _, h := range a.hits {
		t := h.Record.Time
		if t.After(a.now) || !q.Since.IsZero() && t.Before(q.Since) || !q.Until.IsZero() && !t.Before(q.Until) {
			continue
		}
		l = append(l, h)
	}
	return matching(q.Query, l), nil
}

// Search implements [web.Searcher].
func (a *Archive) Search(_ context.Context, s web.Search) (*web.Page, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	l, err := a.selected(s.Query)
	if err != nil {
		return nil, err
	}
	if !s.OldestFirst {
		slices.Reverse(l)
	}
	p := &web.Page{}
	from, _ := strconv.Atoi(s.Cursor)
	from = min(max(from, 0), len(l))
	to := min(from+s.Limit, len(l))
	p.Hits = l[from:to]
	if to < len(l) {
		p.Cursor = strconv.Itoa(to)
	}
	return p, nil
}

// Count implements [web.Searcher].
func (a *Archive) Count(_ context.Context, q web.Query) (int64, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	l, err := a.selected(q)
	return int64(len(l)), err
}

// Histogram implements [web.Searcher].
func (a *Archive) Histogram(_ context.Context, q web.Query, n int) ([]int64, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	l, err := a.selected(q)
	if err != nil {
		return nil, err
	}
	step := q.Until.Sub(q.Since) / time.Duration(n)
	bins := make([]int64, n)
	for i := range l {
		bins[min(int(l[i].Record.Time.Sub(q.Since)/step), n-1)]++
	}
	return bins, nil
}

// Facets implements [web.Searcher].
func (a *Archive) Facets(_ context.Context, q web.Query, fields []string, top int) ([]web.Facet, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	l, err := a.selected(q)
	if err != nil {
		return nil, err
	}
	var fs []web.Facet
	for _, f := range fields {
		count := map[string]int64{}
		for i := range l {
			for _, v := range values(&l[i], f) {
				if v != "" {
					count[v]++
				}
			}
		}
		fc := web.Facet{Field: f}
		for v, n := range count {
			fc.Values = append(fc.Values, web.FacetValue{Value: v, Count: n})
		}
		slices.SortFunc(fc.Values, func(a, b web.FacetValue) int {
			return cmp.Or(cmp.Compare(b.Count, a.Count), cmp.Compare(a.Value, b.Value))
		})
		if len(fc.Values) > top {
			fc.More = true
			fc.Values = fc.Values[:top]
		}
		fs = append(fs, fc)
	}
	return fs, nil
}
