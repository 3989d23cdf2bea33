package correlate

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"culprit"
)

// The kernel's kill line may stand up to 30 s before the manager notices the
// exit (a process at its limit dies slowly, a shell between them reports late),
// and up to 5 s behind it: journald reads kernel lines late under pressure.
const (
	oomBefore = 30 * time.Second
	oomAfter  = 5 * time.Second
)

var causeOOMKill = cause{culprit.VerdictOOMKill, func(x *exam, r *run) *lastWords {
	if r.fate().clean && r.order != nil {
		return nil
	}
	at := r.exitTime()
	for _, e := range x.oomKills {
		if !within(e.Time, at, oomBefore, oomAfter) {
			continue
		}
		how := x.victim(e, r)
		if how == "" || how == "unit" && !r.diedOf(e) {
			continue
		}
		w := &lastWords{evidence: []*culprit.Event{e}, joined: how}
		w.entity = r.service.name + " / " + e.Attrs.Get("comm") + " / pid " + e.Attrs.Get("victim_pid")
		w.terms = append(w.terms, term("kernel_kill_line", 5, "the kernel says whom it killed"), term("same_"+how, 4, "killed and exited share the "+how))
		for _, s := range r.service.events {
			if (s.Kind == culprit.KindUnitOOMKill || s.Kind == culprit.KindFailedResult && s.Attrs.Get("result") == "oom-kill") && within(s.Time, at, oomBefore, oomAfter) {
				w.evidence = append(w.evidence, s)
				w.terms = append(w.terms, term("systemd_agrees", 1, "systemd saw the kill in the unit's cgroup"))
			}
		}
		w.evidence = append(w.evidence, r.exit)
		return w
	}
	// systemd counts the kills of a cgroup itself: without the kernel's line
	// this says that the unit lost a process to it, not which one.
	for _, s := range r.service.events {
		if s.Kind == culprit.KindUnitOOMKill && within(s.Time, at, oomBefore, oomAfter) && !x.killedIn(r.service.name, s.Time) || s.Kind == culprit.KindOOMKilled && within(s.Time, at, oomBefore, oomAfter) {
			return &lastWords{evidence: []*culprit.Event{s, r.exit}, joined: "unit",
				terms: []culprit.Term{term("manager_saw_oom", 4, "the unit's cgroup counted a kill")}}
		}
	}
	if w := x.managerOOM(r); w != nil {
		return w
	}
	return nil
}}

// childGone is how soon a main process follows a child that was killed.
const childGone = 3 * time.Second

// diedOf reports whether the end of a run fits a kill in its unit that does not
// name its process: it was a child's death if the main process is known to be
// another one, unless systemd then ended all of the unit or it went at once.
func (r *run) diedOf(e *culprit.Event) bool {
	at := r.exitTime()
	if within(e.Time, at, childGone, oomAfter) {
		return true
	}
	for _, s := range r.service.events {
		if s.Kind == culprit.KindFailedResult && s.Attrs.Get("result") == "oom-kill" && within(s.Time, at, childGone, childGone) {
			return true
		}
	}
	victim := int(e.Attrs.GetInt("victim_pid"))
	return r.fate().signal == "SIGKILL" && (r.pid <= 1 || victim <= 1)
}

// killedIn reports whether the kernel's own line of a kill in a unit is there.
func (x *exam) killedIn(unit string, at time.Time) bool {
	return slices.ContainsFunc(x.oomKills, func(k *culprit.Event) bool { return victimUnit(k) == unit && within(k.Time, at, oomBefore, oomAfter) })
}

// managerOOM: systemd counted a kill in the unit of the manager that the program
// runs under, and the program died of SIGKILL then. Where the kernel's own lines
// are there, they say whom it was.
func (x *exam) managerOOM(r *run) *lastWords {
	if r.fate().signal != "SIGKILL" || r.order != nil {
		return nil
	}
	at := r.exitTime()
	for _, unit := range x.services.list {
		if unit.manager != "systemd" || !r.service.under(unit.name) {
			continue
		}
		if x.killedIn(unit.name, at) {
			return x.onlyKill(r, unit)
		}
		for _, s := range unit.events {
			if s.Kind == culprit.KindUnitOOMKill && within(s.Time, at, childGone, oomAfter) {
				return &lastWords{evidence: []*culprit.Event{s, r.exit}, joined: "time", entity: r.entity(),
					terms: []culprit.Term{term("manager_saw_oom", 4, "systemd counted a kill in "+unit.name+".service, which it runs under"), term("died_then", 2, "and it died of SIGKILL in the same seconds")}}
			}
		}
	}
	return nil
}

// onlyKill: the kernel killed one process of the manager's unit whose pid nobody
// tells, and of the programs that run under it only this one died of SIGKILL then.
func (x *exam) onlyKill(r *run, unit *service) *lastWords {
	list := x.unaccounted(r)
	if len(list) != 1 || victimUnit(list[0]) != unit.name || !within(list[0].Time, r.exitTime(), childGone, oomAfter) {
		return nil
	}
	for _, v := range x.services.list {
		for _, o := range v.runs {
			if o != r && v.under(unit.name) && o.exit != nil && o.fate().signal == "SIGKILL" && within(o.exitTime(), list[0].Time, oomAfter, childGone) {
				return nil
			}
		}
	}
	return &lastWords{evidence: []*culprit.Event{list[0], r.exit}, joined: "time", entity: r.entity(),
		terms: []culprit.Term{term("kernel_kill_line", 5, "the kernel says that it killed a process of "+unit.name+".service, which it runs under"), term("died_then", 2, "and only this program died of SIGKILL then")}}
}

// victim says how a kill line names the process of a run, "" if it does not.
func (x *exam) victim(e *culprit.Event, r *run) string {
	pid := int(e.Attrs.GetInt("victim_pid"))
	if pid > 1 && pid == r.pid {
		return "pid"
	}
	unit := victimUnit(e)
	if unit == "" {
		if pid > 1 && r.service.pids[pid] && x.services.byPID(pid, e.Time) == r.service && !x.otherRun(r, pid) {
			return "pid"
		}
		if r.pid <= 1 && x.services.byPID(pid, e.Time) == nil && ownCgroup(e, r.service) {
			return "cgroup"
		}
		return ""
	}
	if unit == r.service.name || unit == r.service.unit && r.service.manager == "systemd" {
		if r.pid > 1 && pid > 1 && r.pid != pid && x.otherRun(r, pid) {
			return ""
		}
		return "unit"
	}
	if r.service.manager == "docker" && strings.Contains(e.Attrs.Get("task_memcg"), r.service.name) {
		return "unit"
	}
	return ""
}

// ownCgroup reports whether a victim stood in a control group that carries the
// service's name.
func ownCgroup(e *culprit.Event, v *service) bool {
	path := cmp.Or(e.Attrs.Get("task_memcg"), e.Attrs.Get("oom_memcg"))
	return slices.ContainsFunc(strings.Split(path, "/"), func(p string) bool { return p != "" && sameService(p, v) })
}

// unaccounted returns the kernel's kills around the exit of a run whose pid no
// record tells, of processes that are nobody else's: each may be the run's.
func (x *exam) unaccounted(r *run) (list []*culprit.Event) {
	if r.pid > 1 {
		return nil
	}
	for _, e := range x.oomKills {
		if !within(e.Time, r.exitTime(), unknownBefore, oomAfter) || x.services.byPID(int(e.Attrs.GetInt("victim_pid")), e.Time) != nil {
			continue
		}
		if u := victimUnit(e); u == "" || u == r.service.unit || r.service.under(u) {
			list = append(list, e)
		}
	}
	return list
}

// unknownBefore is how long before an exit a kill of an unknown process leaves
// open whether it was that one.
const unknownBefore = 10 * time.Second

// otherRun reports whether a pid belongs to another life of the same service.
func (x *exam) otherRun(r *run, pid int) bool {
	o := r.service.runOf(pid)
	return o != nil && o != r
}

// victimUnit returns the unit in the victim's cgroup path.
func victimUnit(e *culprit.Event) string {
	if u := e.Attrs.Get("victim_unit"); u != "" {
		return unitName(u)
	}
	path := e.Attrs.Get("task_memcg")
	if path == "" {
		path = e.Attrs.Get("oom_memcg")
	}
	for _, p := range strings.Split(path, "/") {
		if strings.HasSuffix(p, ".service") {
			return unitName(p)
		}
	}
	return ""
}

var causeOOMD = cause{culprit.VerdictOOMKill, func(x *exam, r *run) *lastWords {
	for _, e := range x.oomd {
		if within(e.Time, r.exitTime(), oomBefore, oomAfter) && strings.Contains(e.Attrs.Get("cgroup")+" ", "/"+r.service.unit+".service") {
			return &lastWords{evidence: []*culprit.Event{e, r.exit}, joined: "unit",
				terms: []culprit.Term{term("oomd_kill_line", 5, "systemd-oomd says which cgroup it killed")}}
		}
	}
	return nil
}}
