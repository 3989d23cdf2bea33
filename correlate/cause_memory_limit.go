package correlate

import (
	"regexp"
	"slices"
	"strings"
	"time"

	"culprit"
)

// A manager that restarts for memory says so before it stops the process, or
// in a report after the restart (memmon: up to a stop time-out and a start
// later).
const (
	memoryBefore = 15 * time.Second
	memoryAfter  = 20 * time.Second
)

var causeMemoryLimit = cause{culprit.VerdictMemoryLimit, func(x *exam, r *run) *lastWords {
	f := r.fate()
	if r.order == nil && f.signal == "" && !f.clean {
		return nil // it failed by itself; a manager stops or kills
	}
	at := r.exitTime()
	var best *culprit.Event
	joined := ""
	for _, e := range x.memory {
		t := e.Time
		if !within(t, at, memoryBefore, memoryAfter) {
			continue
		}
		how := x.limitOf(e, r)
		if how == "" || r.service.nearer(t, r) || best != nil && (joined != "time" && how == "time" || distance(best.Time, at) <= distance(e.Time, at)) {
			continue
		}
		best, joined = e, how
	}
	if best == nil || joined == "time" && r.limit != nil {
		if best, joined = r.limit, "program"; best == nil {
			return nil
		}
		if !r.limitSure {
			joined = "time"
		}
	}
	w := &lastWords{evidence: []*culprit.Event{best}, joined: joined}
	w.terms = append(w.terms, term("limit_line", 5, "the manager says that it ended the process for its memory"))
	if joined != "time" {
		w.terms = append(w.terms, term("same_"+joined, 3, "the line names this "+joined))
	}
	w.evidence = append(w.evidence, x.reports(best)...)
	if r.order != nil && r.order != r.exit {
		w.evidence = append(w.evidence, r.order)
	}
	w.evidence = append(w.evidence, r.exit)
	return w
}}

// nearer reports whether another run of the service ended nearer to an instant.
func (v *service) nearer(t time.Time, r *run) bool {
	return slices.ContainsFunc(v.runs, func(o *run) bool {
		return o != r && o.exit != nil && distance(o.exit.Time, t) < distance(r.exit.Time, t)
	})
}

func distance(a, b time.Time) time.Duration { return a.Sub(b).Abs() }

var word = regexp.MustCompile(`[A-Za-z0-9_.@-]+`)

// limitOf says how a memory line names the process of a run: by its program or
// pid, by the program that its listener watches, or only by standing beside the
// exit of the one process that was killed then.
func (x *exam) limitOf(e *culprit.Event, r *run) string {
	if pid := int(e.Attrs.GetInt("victim_pid")); pid > 1 && pid == r.pid {
		return "pid"
	}
	if e.Kind == culprit.KindMemoryRestart {
		if p, _ := managed(e); p != "" {
			switch x.services.lookup(p) {
			case r.service:
				return "program"
			case nil:
			default:
				return ""
			}
		}
	}
	if listener := x.services.byPID(e.PID, e.Time); listener != nil && listener != r.service && listener.conf != nil && len(listener.conf.Watches) > 0 {
		if slices.Contains(listener.conf.Watches, r.service.name) {
			return "program"
		}
		return ""
	}
	for _, m := range word.FindAllString(e.Message, -1) {
		if v := x.services.lookup(m); v != nil && v.manager != "systemd" {
			if v == r.service {
				return "program"
			}
			return ""
		}
	}
	if r.service.conf != nil && r.service.conf.Memory > 0 && r.service.manager != "systemd" && distance(e.Time, r.exitTime()) <= 3*time.Second {
		return "program"
	}
	// The line names no one: the process that was killed within two seconds, if
	// it is the only one.
	if distance(e.Time, r.exitTime()) > 2*time.Second || r.service.manager == "systemd" {
		return ""
	}
	if f := r.fate(); f.signal != "SIGKILL" && f.signal != "SIGTERM" && !f.clean {
		return ""
	}
	for _, v := range x.services.list {
		for _, o := range v.runs {
			if o != r && v != r.service && o.exit != nil && v.manager != "systemd" && distance(o.exit.Time, e.Time) <= 2*time.Second {
				return ""
			}
		}
	}
	return "time"
}

// reports returns the lines of a listener's log that lead to a restart line:
// the reading and the order, which carry no time of their own.
func (x *exam) reports(e *culprit.Event) []*culprit.Event {
	if len(e.Places) == 0 {
		return nil
	}
	var out []*culprit.Event
	for _, o := range x.memory {
		if o != e && len(o.Places) > 0 && o.Places[0].Source == e.Places[0].Source {
			if d := e.Places[0].Line - o.Places[0].Line; d > 0 && d <= 3 && sameProgram(o, e) {
				out = append(out, o)
			}
		}
	}
	return out
}

func sameProgram(a, b *culprit.Event) bool {
	p, _ := managed(a)
	q, _ := managed(b)
	return p == "" || q == "" || strings.EqualFold(p, q)
}
