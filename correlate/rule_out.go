package correlate

import (
	"cmp"
	"fmt"
	"strings"
	"time"

	"culprit"
)

// ruledOut lists what was looked at and is not the cause, with the reason.
func (c *analysis) ruledOut(f *finding) []culprit.RuledOut {
	out := []culprit.RuledOut{}
	add := func(kind, entity, reason string) {
		out = append(out, culprit.RuledOut{Kind: kind, Entity: entity, Reason: reason})
	}
	o := f.outage
	from := o.start
	if len(f.downs) > 0 && f.downs[0].from.Before(from) {
		from = f.downs[0].from
	}
	near := func(t time.Time) bool { return within(t, from, 2*time.Minute, o.end.Sub(from)+time.Second) }
	used := func(e *culprit.Event) bool {
		for _, d := range f.downs {
			for _, r := range d.ended {
				if r.words != nil {
					for _, x := range r.words.evidence {
						if x == e {
							return true
						}
					}
				}
			}
		}
		return e == f.root
	}
	for _, e := range c.exam.oomKills {
		if near(e.Time) && !used(e) {
			who := e.Attrs.Get("comm") + " (pid " + e.Attrs.Get("victim_pid") + ")"
			if u := victimUnit(e); u != "" {
				who = u
			}
			reason := "the kernel killed " + e.Attrs.Get("comm") + " of another cgroup; nothing shows that " + subject(f) + " needs it"
			switch {
			case f.service != nil && (f.service.runOf(int(e.Attrs.GetInt("victim_pid"))) != nil || victimUnit(e) == f.service.name) && e.Time.Before(from):
				reason = "that was " + subject(f) + " itself, " + ago(from.Sub(e.Time)) + " before; it was started again since"
			case !global(e):
				reason += "; its limit is its own"
			}
			add("oom_kill", who, reason)
		}
	}
	if f.run != nil && base(f.verdict) != culprit.VerdictOOMKill && c.coverage.kernel(from) && !kills(c.exam.oomKills, near) {
		add("oom_kill", subject(f), "the kernel's log was read around the exit and holds no kill")
	}
	if f.root == nil || f.root.Kind != culprit.KindDeploy {
		n := 0
		for _, e := range c.exam.changes {
			if f.service != nil && (e.Kind == culprit.KindDeploy || e.Kind == culprit.KindPackageChange) && within(e.Time, from, changeReach, 0) && touches(e, f.service) {
				n++
			}
		}
		if n == 0 && f.verdict != culprit.VerdictInconclusive {
			add("deploy", subject(f), "none that touches it in the hour before")
		}
	}
	for _, v := range c.services.list {
		if f.service == v || len(out) >= 8 || managerUnit(v.name) || !v.isApp() {
			continue
		}
		for _, r := range v.runs {
			if r.exit == nil || !near(r.end()) || c.behind(f, v) {
				continue
			}
			c.exam.explain(r)
			if r.words != nil && f.run != nil {
				if (f.run.words != nil && len(f.run.words.evidence) > 0) && f.root == r.words.decisive() {
					continue
				}
				add(string(r.words.verdict), v.name, v.name+" ended too, but no record shows that "+subject(f)+" needs it")
				break
			}
		}
	}
	if n, hosts := c.traffic.othersAnswered(o); n > 0 && !f.gone() {
		add("nginx", "nginx, network", fmt.Sprintf("%s to %s were answered meanwhile", plural(n, "request"), hosts))
	}
	for _, e := range c.exam.oomKills {
		if used(e) && !global(e) {
			add("host_memory", "the whole host", "the kernel says CONSTRAINT_MEMCG: only this unit was at its limit")
			break
		}
	}
	return out
}

func kills(list []*culprit.Event, near func(time.Time) bool) bool {
	for _, e := range list {
		if near(e.Time) {
			return true
		}
	}
	return false
}

// behind reports whether a service is one of those that the lane leads to.
func (c *analysis) behind(f *finding, v *service) bool {
	for _, d := range f.downs {
		if d.service == v {
			return true
		}
	}
	return false
}

func subject(f *finding) string {
	if f.service != nil {
		return f.service.name
	}
	return cmp.Or(strings.Join(f.outage.lane.upstreams, ", "), strings.Join(f.outage.lane.hosts, ", "), "the upstream")
}

// othersAnswered counts the requests to other upstreams that were answered
// during an outage.
func (t *traffic) othersAnswered(o *outage) (n int, hosts string) {
	seen := map[string]bool{}
	for fl, s := range t.answered {
		up, host := t.names.name(fl.up), t.names.name(fl.host)
		if host == "" || o.lane.holds(up, host) {
			continue
		}
		if k := s.between(o.start.Unix(), o.end.Unix()); k > 0 {
			n += k
			seen[host] = true
		}
	}
	switch len(seen) {
	case 0:
		return 0, ""
	case 1:
		for h := range seen {
			return n, h
		}
	}
	return n, plural(len(seen), "other host")
}

func (l *lane) holds(up, host string) bool {
	for _, u := range l.upstreams {
		if up != "" && u == up {
			return true
		}
	}
	for _, h := range l.hosts {
		if h == host {
			return true
		}
	}
	return false
}
