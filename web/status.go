package web

import (
	"context"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"culprit"
	"culprit/internal/query"
)

// An UpstreamState is one upstream, the service behind it, and how it is now.
type UpstreamState struct {
	Service   string         `json:"service" doc:"Empty if it is not known who serves it"`
	Name      string         `json:"name" doc:"Of the upstream block in nginx's configuration, else of the host that is passed on to it; may be empty"`
	Addresses []string       `json:"addresses"`
	Manager   string         `json:"manager"`
	State     string         `json:"state" enum:"failing,serving,restarting,down,idle"`
	Since     *time.Time     `json:"since"`
	Why       string         `json:"why" doc:"A few words for people"`
	Failed    int            `json:"failed" doc:"Failed requests in the range"`
	Strip     []StripBin     `json:"strip" doc:"Steps with failures"`
	Incidents []IncidentSpan `json:"incidents" doc:"In the range, oldest first"`
}

// A StripBin is one step of a strip in which requests failed.
type StripBin struct {
	Time   time.Time `json:"time"`
	Failed int       `json:"failed"`
}

// An IncidentSpan is where an incident lies on a strip.
type IncidentSpan struct {
	ID      string    `json:"id"`
	Start   time.Time `json:"start"`
	End     time.Time `json:"end"`
	Ongoing bool      `json:"ongoing"`
	Failed  int       `json:"failed"`
	Title   string    `json:"title"`
}

type statusIn struct {
	Hours int `query:"hours" minimum:"1" maximum:"168" default:"24" doc:"How far back the strip goes"`
}

type statusOut struct {
	Body struct {
		Now       time.Time       `json:"now"`
		From      time.Time       `json:"from"`
		Step      float64         `json:"step_seconds"`
		Upstreams []UpstreamState `json:"upstreams"`
		Changes   []Mark          `json:"changes" doc:"Deploys and the like in the range"`
	}
}

// registerStatus registers GET /api/status.
func (s *Server) registerStatus() {
	huma.Register(s.api, huma.Operation{
		OperationID: "get-status", Method: http.MethodGet, Path: "/api/status", Tags: []string{"service"},
		Summary: "Upstreams and their services now, and when they failed",
	}, func(ctx context.Context, in *statusIn) (*statusOut, error) {
		return bounded(ctx, s, func(ctx context.Context) (*statusOut, error) { return s.status(ctx, in.Hours) })
	})
}

// life are the kinds that say whether a service runs.
var life = []culprit.Kind{
	culprit.KindStarted, culprit.KindStopping, culprit.KindStopped, culprit.KindMainExited, culprit.KindRestartScheduled, culprit.KindStartLimitHit,
	culprit.KindSpawned, culprit.KindRunning, culprit.KindExited, culprit.KindFatal, culprit.KindKilled, culprit.KindAppStarted,
	culprit.KindContainerStarted, culprit.KindDeploy, culprit.KindOOMKill,
}

func (s *Server) status(ctx context.Context, hours int) (*statusOut, error) {
	now := s.cfg.Clock().UTC()
	from := now.Add(-time.Duration(hours) * time.Hour)
	out := &statusOut{}
	b := &out.Body
	step := niceStep(now.Sub(from), 1000)
	b.Now, b.From, b.Step = now, from, step.Seconds()
	incidents, err := s.cfg.Incidents.Incidents(ctx, from, time.Time{}, 500)
	if err != nil {
		return nil, err
	}
	events, err := s.cfg.Events.Events(ctx, EventQuery{Since: from, Kinds: life, Newest: true, Limit: 5_000})
	if err != nil {
		return nil, err
	}
	b.Upstreams = rows(s.cfg.Topology(), incidents)
	for i := range b.Upstreams {
		u := &b.Upstreams[i]
		u.fill(incidents, from, step)
		u.judge(incidents, events)
	}
	if err := s.askAccessLogs(ctx, b.Upstreams, from, now); err != nil {
		return nil, err
	}
	slices.SortStableFunc(b.Upstreams, func(x, y UpstreamState) int { return urgency(x.State) - urgency(y.State) })
	b.Changes = []Mark{}
	for _, e := range events {
		if e.Kind == culprit.KindDeploy && len(b.Changes) < 100 {
			b.Changes = append(b.Changes, mark(&culprit.Incident{}, e, "changes"))
		}
	}
	return out, nil
}

// askAccessLogs finds out whether the upstreams that no event is about answered
// requests: where log_format names the upstream, access logs say so.
func (s *Server) askAccessLogs(ctx context.Context, list []UpstreamState, from, now time.Time) error {
	if !slices.ContainsFunc(list, func(u UpstreamState) bool { return u.State == "idle" }) {
		return nil
	}
	requests, err := query.Parse("kind:http_*")
	if err != nil {
		return err
	}
	facets, err := s.cfg.Searcher.Facets(ctx, Query{Query: requests, Since: from, Until: now}, []string{"upstream"}, 200)
	if err != nil {
		return err
	}
	for i := range list {
		u := &list[i]
		n := int64(0)
		for _, f := range facets {
			for _, v := range f.Values {
				if slices.Contains(u.Addresses, v.Value) {
					n += v.Count
				}
			}
		}
		if u.State == "idle" && n > 0 {
			u.State, u.Why = "serving", strconv.FormatInt(n, 10)+" requests, no incident"
		}
	}
	return nil
}

func urgency(state string) int {
	return slices.Index([]string{"failing", "down", "restarting", "serving", "idle"}, state)
}

// rows lists upstreams: those that nginx's configuration names, and those that
// incidents met beside them.
func rows(t *culprit.Topology, incidents []*culprit.Incident) []UpstreamState {
	var l []UpstreamState
	have := map[string]bool{}
	add := func(addresses []string, name, service, manager string) {
		addresses = slices.DeleteFunc(slices.Clone(addresses), func(a string) bool { return have[a] || a == "" })
		if len(addresses) == 0 {
			return
		}
		for _, a := range addresses {
			have[a] = true
		}
		l = append(l, UpstreamState{Service: service, Name: name, Addresses: addresses, Manager: manager, Strip: []StripBin{}, Incidents: []IncidentSpan{}})
	}
	for _, srv := range t.Servers {
		for _, loc := range srv.Locations {
			if strings.ContainsRune(loc.Pass, '$') {
				continue // known only at run time
			}
			addresses := t.UpstreamOf(loc.Pass)
			service, manager := "", ""
			for _, a := range addresses {
				for _, svc := range t.ServicesAt(a) {
					service, manager = svc.Name, svc.Manager
				}
			}
			add(addresses, nameOf(t, &srv, loc.Pass), service, manager)
		}
	}
	for _, inc := range incidents {
		manager := ""
		if svc := t.ServiceNamed("", inc.Service); svc != nil {
			manager = svc.Manager
		}
		// The logs may tell who listens where configuration does not.
		for i := range l {
			if l[i].Service == "" && l[i].hit(inc) {
				l[i].Service, l[i].Manager = inc.Service, manager
			}
		}
		for _, u := range inc.Upstreams {
			add([]string{u}, "", inc.Service, manager)
		}
	}
	return l
}

// nameOf is what nginx's configuration calls the target of a pass directive.
func nameOf(t *culprit.Topology, srv *culprit.Server, pass string) string {
	to := culprit.PassAddress(pass)
	if slices.ContainsFunc(t.Groups, func(g culprit.UpstreamGroup) bool { return g.Name == to }) {
		return to
	}
	if len(srv.Names) > 0 {
		return srv.Names[0]
	}
	return ""
}

// fill puts the incidents of an upstream on its strip.
func (u *UpstreamState) fill(incidents []*culprit.Incident, from time.Time, step time.Duration) {
	bins := map[int64]int{}
	for _, inc := range slices.Backward(incidents) { // oldest first
		if !u.hit(inc) {
			continue
		}
		u.Incidents = append(u.Incidents, IncidentSpan{ID: inc.ID, Start: inc.Start.UTC(), End: inc.End.UTC(), Ongoing: inc.Ongoing, Failed: inc.Failures.Failed, Title: inc.Title})
		width := time.Duration(max(inc.Failures.BinSeconds, 1)) * time.Second
		for i, n := range inc.Failures.PerSecond {
			t := inc.Start.Add(time.Duration(i) * width)
			if n > 0 && !t.Before(from) {
				bins[int64(t.Sub(from)/step)] += n
				u.Failed += n
			}
		}
	}
	for i, n := range bins {
		u.Strip = append(u.Strip, StripBin{Time: from.Add(time.Duration(i) * step), Failed: n})
	}
	slices.SortFunc(u.Strip, func(a, b StripBin) int { return a.Time.Compare(b.Time) })
}

func (u *UpstreamState) hit(inc *culprit.Incident) bool {
	return slices.ContainsFunc(inc.Upstreams, func(a string) bool { return slices.Contains(u.Addresses, a) })
}

// judge says how an upstream is now: by its open incident, else by the newest
// event of its service, which come newest first.
func (u *UpstreamState) judge(incidents []*culprit.Incident, events []*culprit.Event) {
	for _, inc := range incidents {
		if inc.Ongoing && u.hit(inc) {
			u.State, u.Since, u.Why = "failing", known(inc.Start), keeps(inc.KeepsDown)
			return
		}
	}
	var last *culprit.Event
	for _, e := range events {
		if u.Service != "" && (e.Service == u.Service || e.Unit == u.Service+".service") && e.Kind != culprit.KindDeploy {
			last = e
			break
		}
	}
	switch {
	case last == nil && len(u.Incidents) == 0:
		u.State, u.Why = "idle", "nothing in the logs about it"
		if u.Service != "" {
			u.State, u.Why = "serving", "no failures, no restarts"
		}
	case last == nil:
		n := u.Incidents[len(u.Incidents)-1]
		u.State, u.Since, u.Why = "serving", known(n.End), "no failures since"
	default:
		u.Since = known(last.Time)
		switch last.Kind {
		case culprit.KindStarted, culprit.KindSpawned, culprit.KindRunning, culprit.KindAppStarted, culprit.KindContainerStarted:
			u.State, u.Why = "serving", "started"
		case culprit.KindRestartScheduled:
			u.State, u.Why = "restarting", "restart scheduled"
		default:
			u.State, u.Why = "down", title(last)
		}
	}
}

// keeps says in words why it is still down.
func keeps(k string) string {
	switch k {
	case "still_broken":
		return "restarts, and breaks again"
	case "gave_up":
		return "its manager gave up"
	case "not_started":
		return "not started again"
	}
	return ""
}
