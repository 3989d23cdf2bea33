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
		if unit.manager != "systemd" || unit == r.service || !r.service.under(unit.name) {
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

// shutdownAfter is how long after the first stop the machine may say that it goes down.
const shutdownAfter = 5 * time.Second

// between reports whether t is known and lies in a span.
func between(t, from, to time.Time) bool { return !t.IsZero() && !t.Before(from) && !t.After(to) }

var causeHostReboot = cause{culprit.VerdictHostReboot, func(x *exam, r *run) *lastWords {
	if r.exit.Kind == culprit.KindBoot {
		return &lastWords{evidence: []*culprit.Event{r.exit}, joined: "time", entity: "the machine",
			terms: []culprit.Term{term("boot", 5, "the kernel started again, and nothing says that the service had ended before")}}
	}
	if r.order == nil && !r.fate().clean {
		return nil
	}
	for _, e := range x.host {
		if e.Kind == culprit.KindHostShutdown && within(e.Time, r.end(), time.Minute, shutdownAfter) && !between(r.service.again(r), r.end(), e.Time) {
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
	} else if l := r.service.unplaced; len(l) > 0 && within(r.service.again(r), r.exitTime(), 0, memoryAfter) {
		w.entity = r.entity() + " was stopped on order"
		w.unclear = logOfListener(l[0]) + " restarted it " + times(len(l)) + " and notes no time"
		w.evidence = append(w.evidence, l[0])
	} else if l := x.unreadListener(r.service); l != nil {
		w.entity, w.missing = r.entity()+" was stopped on order", "the log of "+l.name+", which restarts it for its memory,"
		w.remedy = "the files that stderr_logfile and stdout_logfile of " + l.name + " name"
	} else if !x.coverage.system(r.order.Time) {
		if e := x.managerTold(r); e != nil {
			w.entity, w.missing = r.entity()+" was stopped with all of "+r.service.manager, "the journal"
			w.evidence = append(w.evidence, e)
		}
		w.partial = true // where a command or a job would stand was not read
	}
	return w
}}

// managerTold returns the line in which the manager of a run says that it was
// told to exit itself.
func (x *exam) managerTold(r *run) *culprit.Event {
	for _, e := range x.told {
		if (e.Kind == culprit.KindWaiting && r.service.manager == "supervisor" || strings.HasPrefix(e.Process, r.service.manager)) && within(e.Time, r.order.Time, time.Minute, orderAfter) {
			return e
		}
	}
	return nil
}

// again is when a service was started after a run, zero if it was not.
func (v *service) again(r *run) time.Time {
	for i, o := range v.runs[:max(len(v.runs)-1, 0)] {
		if o == r {
			return v.runs[i+1].began()
		}
	}
	return time.Time{}
}

// order returns the change that announces a stop of a service, the nearest
// before it that touches it.
func (x *exam) order(v *service, at time.Time) *culprit.Event {
	var best *culprit.Event
	for _, c := range x.changes {
		if !within(c.Time, at, orderBefore, orderAfter) || !acts(c) || !touches(c, v) || v.carriedOut(c, at) {
			continue
		}
		deploy, had := c.Kind == culprit.KindDeploy, best != nil && best.Kind == culprit.KindDeploy
		if best == nil || deploy && !had || deploy == had && c.Time.After(best.Time) {
			best = c // a deploy is behind the command that it runs
		}
	}
	return best
}

// carriedOut reports whether what a change announced was done before an instant:
// the service was stopped on order and has served since. Who stops it once more
// is somebody else.
func (v *service) carriedOut(c *culprit.Event, at time.Time) bool {
	for _, r := range v.runs {
		if r.order != nil && r.order.Time.Before(at) && within(c.Time, r.order.Time, orderBefore, orderAfter) && v.startedWell(r.order.Time, at) {
			return true
		}
	}
	return false
}

// stopping are the actions of managers that end a process, or may.
var stopping = map[string]bool{
	"restart": true, "stop": true, "reload": true, "try-restart": true, "reload-or-restart": true, "force-reload": true, "condrestart": true, "kill": true, "isolate": true,
	"disable": true, "mask": true, "delete": true, "del": true, "update": true, "shutdown": true, "down": true, "up": true, "rm": true, "remove": true, "signal": true,
	"startOrRestart": true, "startOrReload": true, "gracefulReload": true, "deploy": true, "resurrect": true, "restarted": true, "stopped": true, "reloaded": true,
	"pkill": true, "killall": true, "reboot": true, "poweroff": true, "halt": true,
}

// working finds a command without a manager that may end a process as part of
// its work: a script, a deployment, an installation.
var working = regexp.MustCompile(`(?i)deploy|release|rollback|restart|upgrade|update|install|migrat|build|git[ -](?:pull|checkout|reset|merge)|npm (?:ci|i|run)\b|rsync|\.sh\b|make\b|ansible`)

// acts reports whether a change may have ended a process. Whoever asks for a
// status or reads a log orders nothing.
func acts(c *culprit.Event) bool {
	if c.Kind != culprit.KindCommand && c.Kind != culprit.KindCron {
		return true
	}
	if a := c.Attrs.Get("action"); a != "" {
		return stopping[a]
	}
	return working.MatchString(c.Attrs.Get("command"))
}

// looking are programs that only show something.
var looking = map[string]bool{
	"journalctl": true, "tail": true, "less": true, "more": true, "cat": true, "head": true, "grep": true, "zgrep": true, "ls": true, "ss": true, "netstat": true, "lsof": true,
	"ps": true, "top": true, "htop": true, "df": true, "du": true, "free": true, "dmesg": true, "stat": true, "find": true, "whoami": true, "id": true,
}

// looks reports whether a command shows something and changes nothing.
func looks(c *culprit.Event) bool {
	if c.Kind != culprit.KindCommand && c.Kind != culprit.KindCron {
		return false
	}
	switch c.Attrs.Get("action") {
	case "":
	case "status", "show", "cat", "is-active", "is-enabled", "is-failed", "list-units", "list-unit-files", "list-timers", "list-dependencies", "list", "ls", "logs", "log", "tail", "ps",
		"inspect", "info", "describe", "monit", "jlist", "prettylist", "avail", "pid", "images", "stats", "top", "events", "version", "port", "env":
		return true
	default:
		return false
	}
	name, _, _ := strings.Cut(strings.TrimSpace(c.Attrs.Get("command")), " ")
	return looking[name[strings.LastIndexByte(name, '/')+1:]]
}

// ordered reports whether what a command orders a manager to do is about a
// service: it is among the targets, all are, or the manager itself is.
func ordered(c *culprit.Event, v *service) bool {
	if c.Attrs.Get("manager") == "host" {
		return true
	}
	targets := []string{c.Attrs.Get("target")}
	if l, ok := c.Attrs.Lookup("targets"); ok {
		targets = l.List()
	}
	own := strings.HasPrefix(v.manager, c.Attrs.Get("manager"))
	if targets[0] == "" {
		return own && v.manager != "systemd" && v.manager != "" // supervisorctl reload, pm2 kill
	}
	for _, t := range targets {
		t = unitName(t)
		group, program, both := strings.Cut(t, ":")
		switch {
		case sameService(t, v), both && (sameService(program, v) || program == "*" && sameService(group, v)):
			return true
		case own && t == "all" && v.manager != "systemd":
			return true
		case v.manager != "systemd" && v.under(t), c.Attrs.Get("manager") == "signal" && v.ran(t):
			return true
		case c.Attrs.Get("manager") == "pm2" && v.number != "" && t == v.number:
			return true
		}
	}
	return false
}

// under reports whether a unit is that of the service's manager.
func (v *service) under(unit string) bool {
	if v.manager == "" || v.manager == "systemd" || !managerUnit(unit) {
		return false
	}
	return v.unit == unit || (v.unit == "" || v.unit == v.name) && strings.HasPrefix(unit, v.manager)
}

// ran reports whether a process was one of the service's.
func (v *service) ran(pid string) bool {
	for _, r := range v.runs {
		if r.pid > 1 && itoa(r.pid) == pid {
			return true
		}
	}
	return false
}

// touches reports whether a change is about a service: it names it, one of its
// paths, or an instance's template.
func touches(c *culprit.Event, v *service) bool {
	if c.Kind == culprit.KindCommand || c.Kind == culprit.KindCron {
		if looks(c) {
			return false
		}
		if c.Attrs.Get("action") != "" {
			return ordered(c, v)
		}
	}
	if s := c.Attrs.Get("service"); s != "" {
		return sameService(s, v)
	}
	if c.Service != "" && sameService(c.Service, v) {
		return true
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
