package web

import (
	"hash/fnv"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"

	"culprit"
)

// lanes says where a kind is drawn; a kind that is not here is drawn as a
// failure, as a reading, or not at all.
var lanes = map[culprit.Kind]string{
	culprit.KindDeploy: "changes", culprit.KindPackageChange: "changes", culprit.KindCommand: "changes", culprit.KindReloading: "changes",
	culprit.KindConfigError: "changes", culprit.KindHostShutdown: "changes", culprit.KindHostStarted: "changes", culprit.KindBoot: "changes",

	culprit.KindOOMKill: "kernel", culprit.KindSegfault: "kernel", culprit.KindDiskFull: "kernel", culprit.KindIOError: "kernel",
	culprit.KindLockup: "kernel", culprit.KindSYNFlood: "kernel", culprit.KindConntrackFull: "kernel", culprit.KindNetExhausted: "kernel",
	culprit.KindTimeJump: "kernel", culprit.KindCgroupError: "kernel",

	culprit.KindStarting: "manager", culprit.KindStarted: "manager", culprit.KindStopping: "manager", culprit.KindStopped: "manager",
	culprit.KindMainExited: "manager", culprit.KindControlExited: "manager", culprit.KindFailedResult: "manager", culprit.KindStartFailed: "manager",
	culprit.KindEnteredFailed: "manager", culprit.KindRestartScheduled: "manager", culprit.KindStartLimitHit: "manager",
	culprit.KindUnitOOMKill: "manager", culprit.KindOOMDKill: "manager", culprit.KindKillingProcess: "manager", culprit.KindStopTimeout: "manager",
	culprit.KindWatchdogTimeout: "manager", culprit.KindSpawnFailed: "manager", culprit.KindCoredump: "manager", culprit.KindSupervisorStarted: "manager",
	culprit.KindSupervisorSignal: "manager", culprit.KindDaemonStarted: "manager", culprit.KindSpawned: "manager", culprit.KindRunning: "manager",
	culprit.KindExited: "manager", culprit.KindWaiting: "manager", culprit.KindFatal: "manager", culprit.KindKilling: "manager",
	culprit.KindKilled: "manager", culprit.KindSpawnError: "manager", culprit.KindMemoryRestart: "manager", culprit.KindMemoryLimitExceeded: "manager",
	culprit.KindOOMKilled: "manager", culprit.KindContainerStarted: "manager", culprit.KindJournalSuppressed: "manager",

	culprit.KindModuleNotFound: "app", culprit.KindPackagePathNotExported: "app", culprit.KindModuleExportMissing: "app", culprit.KindRequireESM: "app",
	culprit.KindNativeModuleFailed: "app", culprit.KindSyntaxError: "app", culprit.KindAddressInUse: "app", culprit.KindConnectionFailed: "app",
	culprit.KindDBConnectionFailed: "app", culprit.KindDBClientInitFailed: "app", culprit.KindPoolExhausted: "app", culprit.KindUncaughtException: "app",
	culprit.KindUnhandledRejection: "app", culprit.KindHeapOOM: "app", culprit.KindPermissionDenied: "app", culprit.KindNestDependencyError: "app",
	culprit.KindConfigMissing: "app", culprit.KindAppStarted: "app", culprit.KindAppStopping: "app", culprit.KindException: "app",
}

// own reports whether an event is about the service of the incident. Managers
// name it in their lines, the kernel by the unit of the victim.
func own(inc *culprit.Incident, e *culprit.Event) bool {
	if inc.Service == "" {
		return false
	}
	for _, name := range []string{e.Service, e.Unit, e.Process, e.Attrs.Get("program"), e.Attrs.Get("app_ref"), e.Attrs.Get("victim_unit"), path.Base(e.Attrs.Get("oom_memcg"))} {
		if strings.TrimSuffix(name, ".service") == inc.Service {
			return true
		}
	}
	return false
}

// moment is when an event is drawn: at its time, or at the earliest that its
// neighbours allow if the log writes none and they leave little room.
func moment(e *culprit.Event) (t time.Time, exact bool) {
	if !e.Time.IsZero() {
		return e.Time, true
	}
	if !e.NotBefore.IsZero() && e.NotAfter.Sub(e.NotBefore) <= time.Minute {
		return e.NotBefore, false
	}
	return time.Time{}, false
}

// marks picks the events that are drawn as marks: those of the service, and
// those of the kernel and of changes for the whole host.
func marks(inc *culprit.Incident, events []*culprit.Event) []Mark {
	l := []Mark{}
	for _, e := range events {
		lane, ok := lanes[e.Kind]
		if t, _ := moment(e); !ok || t.IsZero() {
			continue
		}
		if !own(inc, e) && !cited(inc, e) && lane != "kernel" && (lane != "changes" || e.Service != "") {
			continue
		}
		if len(l) == timelineMarks {
			break
		}
		l = append(l, mark(inc, e, lane))
	}
	return l
}

// mark makes the mark of an event. Its number is that of the link of the chain
// that rests on the same record.
func mark(inc *culprit.Incident, e *culprit.Event, lane string) Mark {
	t, exact := moment(e)
	m := Mark{
		Lane: lane, Time: t.UTC(), Kind: string(e.Kind), Severity: e.Severity.String(), Title: title(e),
		Entity: e.Service, Text: cut(e.Text, listText), Count: max(e.Count, 1), Own: own(inc, e) || cited(inc, e),
	}
	if len(e.Places) > 0 {
		p := e.Places[0]
		m.Source, m.Line, m.Seq = p.Source, p.Line, p.Seq
	}
	m.ID = markID(e)
	if !exact {
		m.Title += " (the log gives no time)"
	}
	var evidence []culprit.Evidence
	if len(inc.Causes) > 0 {
		evidence = inc.Causes[0].Evidence
	}
	// Of a report that is too long to show, what the verdict quotes of it.
	if q := quote(evidence, e); q != nil && len(e.Text) > listText {
		m.Text, m.Source, m.Line, m.Seq = cut(q.Text, listText), q.Source, q.Line, q.Seq
	}
	for _, c := range inc.Chain { // the event itself, before what shares its record
		if c.Time != nil && c.Kind == m.Kind && c.Time.Equal(t) && number(c.Role) > 0 {
			m.N = number(c.Role)
			return m
		}
	}
	// What a link cites first is its own; what it cites besides may be another's.
	for _, first := range []bool{true, false} {
		for _, c := range inc.Chain {
			for k, i := range c.Evidence {
				if m.N == 0 && (k == 0) == first && i >= 0 && i < len(evidence) && stands(e, evidence[i].Source, evidence[i].Line) {
					m.N = number(c.Role)
				}
			}
		}
	}
	return m
}

// cited reports whether the chain rests on an event, whoever wrote it.
func cited(inc *culprit.Incident, e *culprit.Event) bool {
	for _, c := range inc.Chain {
		if c.Role == "impact" || len(inc.Causes) == 0 {
			continue
		}
		for _, i := range c.Evidence {
			if ev := inc.Causes[0].Evidence; i >= 0 && i < len(ev) && stands(e, ev[i].Source, ev[i].Line) {
				return true
			}
		}
	}
	return false
}

// untimed makes marks of the records that the chain rests on and for which the log
// gives no time: they stand where the chain puts them.
func untimed(inc *culprit.Incident, tl *Timeline) []Mark {
	var l []Mark
	for i := range inc.Chain {
		c := &inc.Chain[i]
		n := number(c.Role)
		if c.Time == nil || n == 0 || n == 3 || len(c.Evidence) == 0 || len(inc.Causes) == 0 {
			continue
		}
		k := c.Evidence[0]
		if k < 0 || k >= len(inc.Causes[0].Evidence) {
			continue
		}
		ev := inc.Causes[0].Evidence[k]
		drawn := slices.ContainsFunc(tl.Marks, func(m Mark) bool { return m.Source == ev.Source && m.Line == ev.Line })
		lane := laneOf(c, tl)
		if ev.Time != nil || drawn || lane == "memory" {
			continue
		}
		e := &culprit.Event{Kind: culprit.Kind(c.Kind), Places: []culprit.Place{{Source: ev.Source, Line: ev.Line, Seq: ev.Seq}}}
		l = append(l, Mark{
			ID: markID(e), Lane: lane, Time: c.Time.UTC(), Kind: c.Kind, Severity: culprit.SeverityError.String(), Title: title(e) + " (the log gives no time)",
			Entity: inc.Service, Text: cut(ev.Text, listText), Source: ev.Source, Line: ev.Line, Seq: ev.Seq, Count: 1, N: n, Own: true,
		})
	}
	return l
}

// quote is the evidence that stands in an event, the decisive one before others;
// nil if none does.
func quote(evidence []culprit.Evidence, e *culprit.Event) *culprit.Evidence {
	var q *culprit.Evidence
	for i := range evidence {
		if ev := &evidence[i]; stands(e, ev.Source, ev.Line) && (q == nil || ev.Role == "decisive" && q.Role != "decisive") {
			q = ev
		}
	}
	return q
}

// stands reports whether an event was read at a place.
func stands(e *culprit.Event, source string, line int) bool {
	for _, p := range e.Places {
		if p.Source == source && line >= p.Line && line <= max(p.Line, p.LineTo) {
			return true
		}
	}
	return false
}

// markID is short, and the same as long as the record is.
func markID(e *culprit.Event) string {
	h := fnv.New64a()
	_, _ = h.Write([]byte(e.Kind))
	_, _ = h.Write(strconv.AppendInt(nil, e.Time.UnixNano(), 10))
	if len(e.Places) > 0 {
		_, _ = h.Write([]byte(e.Places[0].Source))
		_, _ = h.Write(strconv.AppendInt(nil, int64(e.Places[0].Line), 10))
	}
	return strconv.FormatUint(h.Sum64()>>16, 36)
}

// laneOf says where a link of the chain is drawn.
func laneOf(c *culprit.ChainLink, tl *Timeline) string {
	if lane, ok := lanes[culprit.Kind(c.Kind)]; ok {
		return lane
	}
	for _, m := range tl.Marks {
		if c.Time != nil && m.Time.Equal(*c.Time) {
			return m.Lane
		}
	}
	switch k := c.Kind; {
	case strings.HasPrefix(k, "memory_growth"):
		return "memory"
	case strings.HasPrefix(k, string(culprit.VerdictMemoryLimit)), strings.HasPrefix(k, string(culprit.VerdictPlannedRestart)), strings.HasPrefix(k, string(culprit.VerdictRestartUnexplained)),
		strings.HasPrefix(k, string(culprit.VerdictExited)), strings.HasPrefix(k, string(culprit.VerdictKilled)):
		return "manager"
	case strings.HasPrefix(k, "host_"):
		return "kernel"
	}
	return "app"
}

// A StateSpan is a stretch in which the service was in one state.
type StateSpan struct {
	From  time.Time `json:"from"`
	To    time.Time `json:"to"`
	State string    `json:"state" enum:"running,stalled,down,starting,planned"`
	PID   int       `json:"pid"`
	Text  string    `json:"text" doc:"A few words for people"`
}

// states follows the service through starts and ends. Before the first event
// it was whatever that event ends.
func states(inc *culprit.Incident, events []*culprit.Event, tl *Timeline) []StateSpan {
	var l []StateSpan
	open := StateSpan{From: tl.FullFrom}
	listens := false // the app says when it listens; else being started is all there is
	for _, e := range events {
		listens = listens || own(inc, e) && e.Kind == culprit.KindAppStarted
	}
	turn := func(t time.Time, state string, pid int, text string) {
		if open.State == state && open.Text == text && (pid == 0 || pid == open.PID || state != "running") {
			return
		}
		if open.State == "" { // the first event tells what was before
			switch state {
			case "starting":
				open.State = "down"
			case "running":
				open.State = "starting"
			default:
				open.State, open.Text = "running", "running"
				open.PID = pid
			}
		}
		if t.After(open.From) {
			open.To = t
			l = append(l, open)
		}
		open = StateSpan{From: t, State: state, PID: pid, Text: text}
	}
	stopping := false
	for _, e := range events {
		if !own(inc, e) || e.Time.IsZero() {
			continue
		}
		t := e.Time.UTC()
		pid := e.PID
		if n := int(e.Attrs.GetInt("victim_pid")); n != 0 {
			pid = n
		}
		switch e.Kind {
		case culprit.KindStopping, culprit.KindKilling, culprit.KindAppStopping:
			stopping = true
			if e.Kind != culprit.KindAppStopping {
				turn(t, "planned", 0, "stopping")
			}
		case culprit.KindOOMKill, culprit.KindOOMDKill, culprit.KindMainExited, culprit.KindExited, culprit.KindKilled, culprit.KindFatal,
			culprit.KindStopped, culprit.KindOOMKilled, culprit.KindSegfault, culprit.KindStartLimitHit, culprit.KindEnteredFailed, culprit.KindFailedResult:
			state, text := "down", "down"
			if stopping {
				state, text = "planned", "stopped on order"
			}
			if e.Kind == culprit.KindStartLimitHit || e.Kind == culprit.KindFatal {
				state, text = "down", "given up"
			} else if open.State == state && open.Text == "given up" {
				continue
			}
			if e.Kind != culprit.KindOOMKill && e.Kind != culprit.KindMainExited && e.Kind != culprit.KindExited {
				pid = 0
			}
			turn(t, state, pid, text)
		case culprit.KindStarting, culprit.KindStarted, culprit.KindSpawned, culprit.KindRunning, culprit.KindContainerStarted, culprit.KindSupervisorStarted:
			if open.State == "running" && (e.Kind == culprit.KindStarted || e.Kind == culprit.KindRunning) {
				continue // the manager's word for what the app has said before
			}
			stopping = false
			if listens {
				turn(t, "starting", 0, "starting")
			} else if e.Kind != culprit.KindStarting {
				turn(t, "running", e.PID, "running")
			}
		case culprit.KindAppStarted:
			stopping = false
			if open.State == "starting" {
				open.PID = e.PID
			}
			turn(t, "running", e.PID, "running")
		}
	}
	if open.State == "" {
		if len(l) == 0 {
			return []StateSpan{}
		}
		open.State = "running"
	}
	open.To = tl.FullTo
	if open.To.After(open.From) {
		l = append(l, open)
	}
	return stalled(inc, l, tl)
}

// stalled cuts the end off a running span in which requests timed out: the
// process lived, but did not answer.
func stalled(inc *culprit.Incident, l []StateSpan, tl *Timeline) []StateSpan {
	var first, last time.Time
	step := time.Duration(tl.Failures.Step * float64(time.Second))
	for i, v := range tl.Failures.TimedOut {
		if v == 0 {
			continue
		}
		t := tl.Failures.Start.Add(time.Duration(i) * step)
		if t.Before(inc.Start.Add(-time.Second)) {
			continue
		}
		if first.IsZero() {
			first = t
		}
		last = t.Add(step)
	}
	if first.IsZero() {
		return orEmpty(l)
	}
	// It began to stall when the requests that timed out were sent; the root, if
	// it lies just before, says when.
	for _, c := range inc.Chain {
		if c.Role == "root" && c.Time != nil && c.Time.Before(first) && first.Sub(*c.Time) < time.Minute {
			first = c.Time.UTC()
		}
	}
	var out []StateSpan
	for _, s := range l {
		if s.State != "running" || !first.Before(s.To) || !last.After(s.From) {
			out = append(out, s)
			continue
		}
		a, b := later(first, s.From), s.To
		if last.Before(b) && b.Sub(last) > 2*time.Second {
			b = last
		}
		if a.After(s.From) {
			head := s
			head.To = a
			out = append(out, head)
		}
		out = append(out, StateSpan{From: a, To: b, State: "stalled", PID: s.PID, Text: "not answering"})
		if b.Before(s.To) {
			rest := s
			rest.From = b
			out = append(out, rest)
		}
	}
	return out
}
