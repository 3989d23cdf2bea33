package web

import (
	"cmp"
	"context"
	"net/http"
	"slices"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"culprit"
	"culprit/internal/query"
)

const (
	timelineEvents = 50_000           // events that one timeline looks at
	timelineMarks  = 2_000            // marks that it shows
	farthest       = 10 * time.Minute // how much before and after an incident is gathered
)

// A Timeline is what the page draws of one incident, lane by lane, from cause
// to effect.
type Timeline struct {
	From       time.Time     `json:"from" doc:"What the page shows first"`
	To         time.Time     `json:"to"`
	FullFrom   time.Time     `json:"full_from" doc:"What was gathered"`
	FullTo     time.Time     `json:"full_to"`
	Marks      []Mark        `json:"marks" doc:"Changes, kernel, manager and app, in order of time"`
	LastChange *Mark         `json:"last_change" doc:"The newest change before full_from, null if none is known"`
	Memory     Memory        `json:"memory"`
	States     []StateSpan   `json:"states"`
	Failures   Series        `json:"failures"`
	Others     []OtherSource `json:"others" doc:"Requests that other access logs saw meanwhile"`
	Gaps       []LaneGap     `json:"gaps"`
	Links      []CausalLink  `json:"links"`
	Truncated  bool          `json:"truncated" doc:"There were more events than one timeline looks at"`
}

// A Mark is one event on a lane.
type Mark struct {
	ID       string    `json:"id" doc:"Stable while the event is: for the URL"`
	Lane     string    `json:"lane" enum:"changes,kernel,manager,app"`
	Time     time.Time `json:"time"`
	Kind     string    `json:"kind"`
	Severity string    `json:"severity"`
	Title    string    `json:"title" doc:"A few words for people"`
	Entity   string    `json:"entity"`
	Text     string    `json:"text" doc:"The record, verbatim"`
	Source   string    `json:"source"`
	Line     int       `json:"line"`
	Seq      int64     `json:"seq"`
	Count    int       `json:"count"`
	N        int       `json:"n" doc:"1 root cause, 2 critical failure, 3 impact, 0 none of them"`
	Own      bool      `json:"own" doc:"It is about the service of the incident, or the verdict rests on it"`
}

// An OtherSource counts the requests of an access log that the incident does
// not touch.
type OtherSource struct {
	Source   string `json:"source"`
	Requests int64  `json:"requests"`
	Failed   int64  `json:"failed" doc:"Answered with 5xx"`
}

// A LaneGap is a stretch for which a lane has no evidence.
type LaneGap struct {
	Lane   string    `json:"lane" enum:"all,machine,failures"`
	From   time.Time `json:"from"`
	To     time.Time `json:"to"`
	Source string    `json:"source"`
	Reason string    `json:"reason"`
	Remedy string    `json:"remedy"`
}

// A CausalLink is an arrow from one lane to another.
type CausalLink struct {
	N        int       `json:"n" doc:"Number of the box that it starts from"`
	FromLane string    `json:"from_lane"`
	FromTime time.Time `json:"from_time"`
	ToLane   string    `json:"to_lane"`
	ToTime   time.Time `json:"to_time"`
}

// GapsFunc hands out the stretches for which evidence is missing.
type GapsFunc func(ctx context.Context, since, until time.Time) ([]culprit.Gap, error)

type timelineOut struct{ Body Timeline }

// registerTimeline registers GET /api/incidents/{id}/timeline.
func (s *Server) registerTimeline() {
	huma.Register(s.api, huma.Operation{
		OperationID: "get-timeline", Method: http.MethodGet, Path: "/api/incidents/{id}/timeline", Tags: []string{"incidents"},
		Summary: "What happened around an incident, lane by lane",
	}, func(ctx context.Context, in *IncidentPath) (*timelineOut, error) {
		inc, err := s.cfg.Incidents.Incident(ctx, in.ID)
		if err != nil {
			return nil, s.problem(err)
		}
		return bounded(ctx, s, func(ctx context.Context) (*timelineOut, error) {
			tl, err := s.timeline(ctx, inc)
			if err != nil {
				return nil, err
			}
			return &timelineOut{Body: *tl}, nil
		})
	})
}

// timeline gathers the lanes of an incident.
func (s *Server) timeline(ctx context.Context, inc *culprit.Incident) (*Timeline, error) {
	begin, end := span(inc)
	now := s.cfg.Clock()
	length := end.Sub(begin)
	pad := min(max(length/3, 10*time.Second), 2*time.Minute)
	full := min(max(length, 3*time.Minute), farthest)
	tl := &Timeline{
		From: begin.Add(-pad).UTC(), To: end.Add(pad / 2).UTC(),
		FullFrom: begin.Add(-full).UTC(), FullTo: end.Add(full).UTC(),
		Marks: []Mark{}, States: []StateSpan{}, Others: []OtherSource{}, Gaps: []LaneGap{}, Links: []CausalLink{},
	}
	if tl.FullTo.After(now) {
		tl.FullTo = now.UTC()
	}
	tl.FullTo = later(tl.FullTo, end.UTC().Add(time.Second))
	if tl.To.After(tl.FullTo) {
		tl.To = tl.FullTo
	}
	events, err := s.cfg.Events.Events(ctx, EventQuery{Since: tl.FullFrom, Until: tl.FullTo, Limit: timelineEvents})
	if err != nil {
		return nil, err
	}
	tl.Truncated = len(events) == timelineEvents
	slices.SortStableFunc(events, func(a, b *culprit.Event) int { at, _ := moment(a); bt, _ := moment(b); return at.Compare(bt) })

	tl.Failures = failures(inc, events, tl)
	tl.Marks = marks(inc, events)
	tl.Marks = append(tl.Marks, untimed(inc, tl)...)
	slices.SortStableFunc(tl.Marks, func(a, b Mark) int { return a.Time.Compare(b.Time) })
	tl.Memory, err = s.memory(ctx, inc, events, tl)
	if err != nil {
		return nil, err
	}
	tl.States = states(inc, events, tl)
	tl.Links = links(inc, tl)
	if tl.LastChange, err = s.lastChange(ctx, inc, tl.FullFrom); err != nil {
		return nil, err
	}
	if tl.Others, err = s.others(ctx, inc); err != nil {
		return nil, err
	}
	if s.cfg.Gaps != nil {
		gaps, err := s.cfg.Gaps(ctx, tl.FullFrom, tl.FullTo)
		if err != nil {
			return nil, err
		}
		tl.Gaps = s.laneGaps(gaps, tl)
	}
	return tl, nil
}

// span is the stretch that an incident and its chain cover.
func span(inc *culprit.Incident) (begin, end time.Time) {
	begin, end = inc.Start, inc.End
	for _, l := range inc.Chain {
		// A deploy of yesterday may be the root; the page begins near the failures.
		if l.Time != nil && l.Time.After(inc.Start.Add(-2*time.Minute)) && l.Time.Before(begin) {
			begin = *l.Time
		}
		if l.Time != nil && l.Role == "recovery" && l.Time.After(end) && l.Time.Before(inc.End.Add(2*time.Minute)) {
			end = *l.Time
		}
	}
	return begin, end
}

// lastChange finds the newest change before t that touches the service.
func (s *Server) lastChange(ctx context.Context, inc *culprit.Incident, t time.Time) (*Mark, error) {
	events, err := s.cfg.Events.Events(ctx, EventQuery{Until: t, Kinds: []culprit.Kind{culprit.KindDeploy, culprit.KindPackageChange}, Newest: true, Limit: 20})
	if err != nil {
		return nil, err
	}
	for _, e := range events {
		if e.Service == "" || e.Service == inc.Service {
			m := mark(inc, e, "changes")
			return &m, nil
		}
	}
	return nil, nil
}

// others counts requests of the access logs that saw none of the failures.
func (s *Server) others(ctx context.Context, inc *culprit.Incident) ([]OtherSource, error) {
	all, err := query.Parse("kind:http_*")
	if err != nil {
		return nil, err
	}
	bad, err := query.Parse("kind:http_* status:>=500")
	if err != nil {
		return nil, err
	}
	q := Query{Query: all, Since: inc.Start, Until: inc.End.Add(time.Second)}
	requests, err := s.cfg.Searcher.Facets(ctx, q, []string{"source"}, 50)
	if err != nil {
		return nil, err
	}
	q.Query = bad
	failures, err := s.cfg.Searcher.Facets(ctx, q, []string{"source"}, 50)
	if err != nil {
		return nil, err
	}
	failed := map[string]int64{}
	for _, f := range failures {
		for _, v := range f.Values {
			failed[v.Value] = v.Count
		}
	}
	l := []OtherSource{}
	for _, f := range requests {
		for _, v := range f.Values {
			// A log in which a good part failed is the incident's own.
			if n := failed[v.Value]; n*4 < v.Count {
				l = append(l, OtherSource{Source: v.Value, Requests: v.Count, Failed: n})
			}
		}
	}
	return l, nil
}

// laneGaps assigns gaps to lanes by the format of their source.
func (s *Server) laneGaps(gaps []culprit.Gap, tl *Timeline) []LaneGap {
	l := []LaneGap{}
	for _, g := range gaps {
		lg := LaneGap{Lane: "machine", From: tl.FullFrom, To: tl.FullTo, Source: g.Source, Reason: g.Reason, Remedy: g.Remedy}
		if nginxSource(g.Source) {
			lg.Lane = "failures"
		}
		if g.From != nil {
			lg.From = later(tl.FullFrom, g.From.UTC())
		}
		if g.To != nil && g.To.Before(tl.FullTo) {
			lg.To = g.To.UTC()
		}
		if lg.From.Before(lg.To) {
			l = append(l, lg)
		}
	}
	return l
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// links draws the arrows: along the chain, down to the state of the service,
// and from there to the failures.
func links(inc *culprit.Incident, tl *Timeline) []CausalLink {
	l := []CausalLink{}
	add := func(n int, fromLane string, from time.Time, toLane string, to time.Time) {
		for _, x := range l {
			if x.FromLane == fromLane && x.ToLane == toLane && x.FromTime.Equal(from) {
				return
			}
		}
		l = append(l, CausalLink{N: n, FromLane: fromLane, FromTime: from.UTC(), ToLane: toLane, ToTime: to.UTC()})
	}
	var prev *culprit.ChainLink
	for i := range inc.Chain {
		c := &inc.Chain[i]
		if c.Time == nil || c.Role == "impact" {
			continue
		}
		lane := laneOf(c, tl)
		if prev != nil && laneOf(prev, tl) != lane && c.Role != "recovery" {
			add(number(prev.Role), laneOf(prev, tl), *prev.Time, lane, *c.Time)
		}
		switch c.Role {
		case "failure", "trigger", "recovery":
			add(number(c.Role), lane, *c.Time, "state", *c.Time)
		case "root":
			if lane == "memory" {
				add(1, lane, *c.Time, "state", *c.Time)
			}
		}
		prev = c
	}
	for i, first := range tl.Failures.first() {
		if !first.IsZero() {
			n := 0
			if i == 0 {
				n = 3
			}
			add(n, "state", first, "failures", first)
		}
	}
	slices.SortStableFunc(l, func(a, b CausalLink) int { return cmp.Or(cmp.Compare(a.N, b.N), a.FromTime.Compare(b.FromTime)) })
	return l
}

// number is the box that a link of the chain belongs to.
func number(role string) int {
	switch role {
	case "root":
		return 1
	case "trigger", "failure":
		return 2
	case "impact":
		return 3
	}
	return 0
}
