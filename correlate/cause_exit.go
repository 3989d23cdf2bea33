package correlate

import (
	"path"
	"slices"
	"strings"
	"time"

	"culprit"
)

var causeNativeCrash = cause{culprit.VerdictNativeCrash, func(x *exam, r *run) *lastWords {
	f := r.fate()
	switch f.signal {
	case "SIGSEGV", "SIGBUS", "SIGILL", "SIGFPE", "SIGABRT", "SIGTRAP", "SIGSYS":
	default:
		return nil
	}
	w := &lastWords{evidence: []*culprit.Event{r.exit}, joined: "unit", entity: r.entity() + " died of " + f.signal,
		terms: []culprit.Term{term("crash_signal", 4, "ended by "+f.signal)}}
	if (f.signal == "SIGABRT" || f.signal == "SIGTRAP" || f.signal == "SIGILL") && !x.coverage.words(r) {
		w.missing = "the output of " + r.service.name // V8 ends so too, and says why
	}
	for _, e := range x.segfault {
		if int(e.Attrs.GetInt("victim_pid")) == r.pid && r.pid > 1 || e.PID == r.pid && r.pid > 1 {
			w.evidence = append([]*culprit.Event{e}, w.evidence...)
			w.joined = "pid"
		}
	}
	return w
}}

// causeKilled: a signal that nobody in the logs accounts for. It is only said
// where the kernel's log was read around the exit: else it may have been the
// OOM killer.
var causeKilled = cause{culprit.VerdictKilled, func(x *exam, r *run) *lastWords {
	f := r.fate()
	switch f.signal {
	case "SIGKILL", "SIGTERM", "SIGINT", "SIGHUP", "SIGQUIT", "SIGXCPU", "SIGPIPE":
	default:
		return nil
	}
	w := &lastWords{evidence: []*culprit.Event{r.exit}, joined: joinByManager(r), entity: r.entity() + " died of " + f.signal,
		terms: []culprit.Term{term("signal_only", 3, "ended by "+f.signal+", and no line says who sent it")}}
	if c := x.sender(r); c != nil {
		w.initiator = initiatorOf(c)
		w.evidence = append(w.evidence, c)
		w.terms = append(w.terms, term("initiator", 3, "a command that sends signals stands "+ago(r.exitTime().Sub(c.Time))+" before"))
	} else if f.signal == "SIGKILL" && !x.coverage.kernel(r.exitTime()) {
		w.missing = "the kernel's log"
	} else if l := x.unaccounted(r); f.signal == "SIGKILL" && len(l) > 0 {
		w.unclear = "the kernel killed " + l[0].Attrs.Get("comm") + " (pid " + l[0].Attrs.Get("victim_pid") + ") for memory then, and no record tells whose process that was"
		w.remedy = "the log of " + managerName(r.service) + " from before, which tells the pid"
		w.evidence = append(w.evidence, l[0])
	}
	return w
}}

// sentBefore is how long before the exit a command may stand that sent the signal.
const sentBefore = 5 * time.Second

// sender returns the logged command that sent a process its signal, nil if there
// is none.
func (x *exam) sender(r *run) *culprit.Event {
	for _, c := range x.changes {
		if c.Attrs.Get("manager") == "signal" && within(c.Time, r.exitTime(), sentBefore, orderAfter) && touches(c, r.service) {
			return c
		}
	}
	return nil
}

var causeExited = cause{culprit.VerdictExited, func(x *exam, r *run) *lastWords {
	f := r.fate()
	how := "exited"
	if f.status >= 0 {
		how = "exited with status " + itoa(f.status)
	}
	w := &lastWords{evidence: []*culprit.Event{r.exit}, joined: joinByManager(r), entity: r.entity() + " " + how,
		terms: []culprit.Term{term("exit_only", 2, how+", and nothing that it said tells why")}}
	switch {
	case !x.coverage.words(r):
		w.missing = "the output of " + r.service.name
	case slices.ContainsFunc(r.said, func(e *culprit.Event) bool { return e.Time.IsZero() && lastWord(e.Kind) }):
		w.unclear = "its log has errors but notes no time"
	case r.service.manager == "pm2" && r.failed && f.status == 0:
		w.unclear = "PM2 may lose what a process says that dies at its start"
		w.remedy = "pm2 stop " + r.service.name + "; node SCRIPT"
	default:
		if v := x.services.nobodys(); v != nil {
			w.unclear = "the log " + v.name + " holds an error, and no record tells whose log that is"
			w.remedy = "name the log as its program's configuration does"
		}
	}
	return w
}}

// nobodys returns a log of an application that no manager's words and no
// configuration know, if it holds errors that end processes.
func (s *services) nobodys() *service {
	for _, v := range s.list {
		if v.manager == "" && v.conf == nil && slices.ContainsFunc(v.untimed, func(e *culprit.Event) bool { return lastWord(e.Kind) && e.Attrs.Get("fatal") != "false" }) {
			return v
		}
	}
	return nil
}

func joinByManager(r *run) string {
	if r.service.manager == "systemd" {
		return "unit"
	}
	return "program"
}

// coverage knows which classes of sources were read, and when.
type coverage struct {
	kernelSpans []span
	systemSpans []span // of sources with the entries of pid 1
	gaps        []culprit.Gap
	suppressed  []*culprit.Event
	sources     []string // all that were read, the empty ones too
}

// read reports whether a log of a name was among what was read.
func (c *coverage) read(name string) bool {
	return slices.ContainsFunc(c.sources, func(s string) bool { return logName(s) == name })
}

// A span is a stretch that a source covers.
type span struct{ from, to time.Time }

// around is how far from an exit a source must reach to count as covering it.
const around = 5 * time.Second

func (c *coverage) kernel(at time.Time) bool { return covers(c.kernelSpans, at) }

func (c *coverage) system(at time.Time) bool { return covers(c.systemSpans, at) }

// fate reports whether a record would tell that a service ended around an
// instant: the entries of pid 1 were read, or its own manager's.
func (c *coverage) fate(v *service, at time.Time) bool {
	if v != nil && v.manager != "systemd" {
		return slices.ContainsFunc(v.events, managers)
	}
	return c.system(at)
}

func covers(spans []span, at time.Time) bool {
	for _, s := range spans {
		if !at.Before(s.from.Add(-around)) && !at.After(s.to.Add(around)) {
			return true
		}
	}
	return false
}

// words reports whether the output of a run's process was read: it said
// anything in this or another life, and nothing of it was suppressed.
func (c *coverage) words(r *run) bool {
	for _, e := range c.suppressed {
		if within(e.Time, r.exitTime(), time.Minute, 10*time.Second) && (e.Unit == "" || unitName(e.Unit) == r.service.unit) {
			return false
		}
	}
	switch conf := r.service.conf; {
	case conf != nil && r.service.manager == "supervisor":
		for _, l := range conf.Logs {
			if strings.HasPrefix(l, "/") && !strings.HasPrefix(l, "/dev/") && !c.read(path.Base(l)) {
				return false
			}
		}
	case r.service.manager == "supervisor" || r.service.manager == "pm2":
		// Each keeps what is written to stderr in a file of its own unless it is told otherwise.
		if !slices.ContainsFunc(r.said, func(e *culprit.Event) bool { return lastWord(e.Kind) }) && !slices.ContainsFunc(c.sources, func(s string) bool {
			b := plainName(path.Base(s))
			return strings.Contains(b, "err") && strings.Contains(b, plainName(r.service.name)) && !strings.Contains(s, "nginx") // which may name its logs so too
		}) {
			return false
		}
	}
	if len(r.said) > 0 || len(r.service.untimed) > 0 {
		return true
	}
	if r.service.manager == "systemd" && slices.ContainsFunc(r.service.events, func(e *culprit.Event) bool { return nodeKind(e.Kind) }) {
		return true // both of its outputs go to the journal
	}
	for _, o := range r.service.runs {
		if len(o.said) > 0 {
			return true
		}
	}
	return false
}
