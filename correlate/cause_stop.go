package correlate

import (
	"regexp"
	"strings"
	"time"

	"culprit"
)

// The line that announces a stop precedes it by at most two minutes (a deploy
// may build or copy between them) and may be written two seconds late.
const (
	orderBefore = 2 * time.Minute
	orderAfter  = 2 * time.Second
)

// causeManagerDown: the manager itself went down and took its programs along.
var causeManagerDown = cause{culprit.VerdictRestartUnexplained, func(x *exam, r *run) *lastWords {
	if r.service.manager == "systemd" || r.order == nil || r.service.manager == "" {
		return nil
	}
	at := r.order.Time
	for _, unit := range x.services.list {
		if unit.manager != "systemd" || unit == r.service || !managerUnit(unit.name) || r.service.unit != "" && r.service.unit != unit.name || !strings.HasPrefix(unit.name, r.service.manager) {
			continue
		}
		for _, e := range unit.events {
			if e.Kind == culprit.KindUnitOOMKill && within(e.Time, at, time.Minute, 5*time.Second) {
				w := &lastWords{verdict: culprit.VerdictOOMKill, evidence: []*culprit.Event{e, r.exit}, joined: "unit"}
				for _, k := range x.oomKills {
					if victimUnit(k) == unit.name && within(k.Time, at, time.Minute, 5*time.Second) {
						w.evidence = append([]*culprit.Event{k}, w.evidence...)
					}
				}
				w.terms = append(w.terms, term("manager_unit_oom", 4, "a kill in the manager's own unit made systemd stop all of it"))
				return w
			}
		}
	}
	return nil
}}

var causeHostReboot = cause{culprit.VerdictHostReboot, func(x *exam, r *run) *lastWords {
	if r.order == nil && !r.fate().clean {
		return nil
	}
	for _, e := range x.host {
		if e.Kind == culprit.KindHostShutdown && within(e.Time, r.end(), time.Minute, 30*time.Second) {
			return &lastWords{evidence: []*culprit.Event{e, r.exit}, joined: "time",
				terms: []culprit.Term{term("host_shutdown", 5, "the whole machine was going down")}}
		}
	}
	return nil
}}

var causeOrderedStop = cause{culprit.VerdictRestartUnexplained, func(x *exam, r *run) *lastWords {
	f := r.fate()
	if r.order == nil {
		return nil
	}
	if !f.clean && f.signal != "SIGTERM" && f.signal != "SIGINT" && f.signal != "SIGKILL" && f.status != 143 && f.status != 130 && r.order == r.exit {
		return nil
	}
	w := &lastWords{evidence: []*culprit.Event{r.order}, joined: "unit"}
	if r.service.manager != "systemd" {
		w.joined = "program"
	}
	if r.exit != r.order {
		w.evidence = append(w.evidence, r.exit)
	}
	w.terms = append(w.terms, term("ordered_stop", 4, "the manager was told to stop it"))
	if file := r.order.Attrs.Get("path"); file != "" {
		w.verdict, w.initiator = culprit.VerdictPlannedRestart, "PM2's watch: "+file+" changed"
		w.terms = append(w.terms, term("initiator", 3, "PM2 says what made it restart"))
	} else if c := x.order(r.service, r.order.Time); c != nil {
		w.verdict = culprit.VerdictPlannedRestart
		w.change = c
		w.initiator = initiatorOf(c)
		w.evidence = append(w.evidence, c)
		w.terms = append(w.terms, term("initiator", 3, "the order is announced "+ago(r.order.Time.Sub(c.Time))+" before"))
	}
	return w
}}

// order returns the change that announces a stop of a service, the nearest
// before it that touches it.
func (x *exam) order(v *service, at time.Time) *culprit.Event {
	var best *culprit.Event
	for _, c := range x.changes {
		if !within(c.Time, at, orderBefore, orderAfter) || !touches(c, v) {
			continue
		}
		if c.Kind == culprit.KindCron && !strings.Contains(c.Message, v.name) {
			continue
		}
		if best == nil || c.Time.After(best.Time) || c.Kind == culprit.KindDeploy && best.Kind != culprit.KindDeploy {
			best = c
		}
	}
	return best
}

// touches reports whether a change is about a service: it names it, one of its
// paths, or an instance's template.
func touches(c *culprit.Event, v *service) bool {
	if s := c.Attrs.Get("service"); s != "" {
		return sameService(s, v)
	}
	if c.Service != "" && sameService(c.Service, v) {
		return true
	}
	if u := c.Attrs.Get("target"); u != "" {
		return sameService(unitName(u), v)
	}
	if c.Kind == culprit.KindPackageChange {
		return strings.Contains(c.Message, "nodejs") || strings.Contains(c.Message, v.name)
	}
	if v.conf != nil && len(v.conf.Dir) > 1 && strings.Contains(c.Message, v.conf.Dir) {
		return true
	}
	for _, w := range word.FindAllString(c.Message+" "+c.Text, -1) {
		if sameService(strings.TrimRight(w, ".-"), v) {
			return true
		}
	}
	return false
}

var instance = regexp.MustCompile(`[@:-]\w+$`)

// sameService compares a name in a message with a service; reports names every
// instance of reports@.
func sameService(name string, v *service) bool {
	if name == "" {
		return false
	}
	p, q := plainName(unitName(name)), plainName(v.name)
	return p == q || strings.Contains(v.name, "@") && p == plainName(v.name[:strings.IndexByte(v.name, '@')])
}

// initiatorOf says who announced a change.
func initiatorOf(c *culprit.Event) string {
	who := c.Attrs.Get("user")
	if c.Kind == culprit.KindCommand && who != "" {
		return who + " (" + strings.TrimSpace(c.Attrs.Get("command")) + ")"
	}
	if who == "" {
		who = c.Process
	}
	if who == "" {
		who = string(c.Kind)
	}
	return who
}
