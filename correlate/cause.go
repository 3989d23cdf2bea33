package correlate

import (
	"strings"
	"time"

	"culprit"
)

// lastWords says what ended a run: the decisive record first, then what
// supports it.
type lastWords struct {
	verdict   culprit.Verdict
	entity    string
	evidence  []*culprit.Event
	joined    string // how the decisive record was joined to the exit: "pid", "unit", "program", "file", "address" or "time"
	initiator string // who ordered it
	change    *culprit.Event
	missing   string // the source that would be needed and could not be read; then nothing is asserted
	partial   bool   // a source that might say more was not read: at most likely
	unclear   string // or what the sources that were read leave open
	remedy    string // for what is unclear, if it is not that a log notes no time
	terms     []culprit.Term
}

// identity tells whether the join is by more than nearness in time.
func (w *lastWords) identity() bool { return w.joined != "time" }

// open says what keeps the last words from being asserted, "" if nothing does.
func (w *lastWords) open() string {
	if w.missing != "" {
		return w.missing + " could not be read"
	}
	return w.unclear
}

func (w *lastWords) decisive() *culprit.Event {
	if len(w.evidence) == 0 {
		return nil
	}
	return w.evidence[0]
}

// A cause explains how a run ended. Each lives in a file of its own and states
// its lag bounds: how far its record may stand from the exit.
type cause struct {
	verdict culprit.Verdict
	match   func(x *exam, r *run) *lastWords
}

// causes are asked in this order; the first that matches an exit has it. What
// states who did it comes before what only states how it ended.
var causes = []cause{
	causeOOMKill,
	causeOOMD,
	causeHeapOOM,
	causeWatchdog,
	causeWrongAddress,
	causeFailedStart,
	causeMemoryLimit,
	causeManagerDown,
	causeHostReboot,
	causeOrderedStop,
	causeOwnWords,
	causeNativeCrash,
	causeKilled,
	causeExited,
}

// exam is what the causes look at: every event that is no service's own.
type exam struct {
	services *services
	oomKills []*culprit.Event // kernel
	oomd     []*culprit.Event
	segfault []*culprit.Event
	memory   []*culprit.Event // a manager's memory limit: restarts, reports with a time, untimed ones in order
	changes  []*culprit.Event // deploys, packages, commands, cron
	host     []*culprit.Event // boots, shutdowns, clock jumps, lockups
	told     []*culprit.Event // managers that were told to exit
	readings readings
	coverage *coverage
}

// sort files the events that are about no single service.
func (x *exam) sort(events []*culprit.Event) {
	for _, e := range events {
		switch e.Kind {
		case culprit.KindOOMKill:
			if e.Attrs.GetInt("victim_pid") == 0 {
				continue // a report that was cut before it names the victim
			}
			x.oomKills = append(x.oomKills, e)
		case culprit.KindOOMDKill:
			x.oomd = append(x.oomd, e)
		case culprit.KindSegfault:
			x.segfault = append(x.segfault, e)
		case culprit.KindMemoryRestart, culprit.KindMemoryLimitExceeded:
			x.memory = append(x.memory, e)
		case culprit.KindDeploy, culprit.KindPackageChange, culprit.KindCommand, culprit.KindCron:
			x.changes = append(x.changes, e)
		case culprit.KindSupervisorSignal:
			if strings.Contains(e.Attrs.Get("meaning"), "exit") || strings.Contains(e.Attrs.Get("meaning"), "restart") {
				x.told = append(x.told, e)
			}
		case culprit.KindWaiting:
			if strings.HasSuffix(e.Message, " to die") { // to stop is an order, to die is supervisord's own end
				x.told = append(x.told, e)
			}
		case culprit.KindBoot, culprit.KindHostShutdown, culprit.KindHostStarted, culprit.KindTimeJump, culprit.KindLockup:
			x.host = append(x.host, e)
		}
	}
}

// explain finds the last words of a run that ended.
func (x *exam) explain(r *run) {
	if r.exit == nil && !r.failed || r.words != nil {
		return
	}
	for _, c := range causes {
		if r.exit == nil && c.verdict != causeFailedStart.verdict && c.verdict != causeWrongAddress.verdict {
			continue // it goes on: only what it says can tell why it does not serve
		}
		if w := c.match(x, r); w != nil {
			if w.verdict == "" {
				w.verdict = c.verdict
			}
			if w.entity == "" {
				w.entity = r.entity()
			}
			r.words = w
			return
		}
	}
}

// within reports whether t lies between from before and to after the instant.
func within(t, instant time.Time, before, after time.Duration) bool {
	return !t.IsZero() && !t.Before(instant.Add(-before)) && !t.After(instant.Add(after))
}

// entity names the process of a run.
func (r *run) entity() string {
	s := r.service.name
	if r.pid > 1 {
		s += " (pid " + itoa(r.pid) + ")"
	}
	return s
}

// exitTime is when the manager saw the process gone.
func (r *run) exitTime() time.Time {
	if r.exit == nil {
		return time.Time{}
	}
	return r.exit.Time
}

func term(feature string, weight float64, why string) culprit.Term {
	return culprit.Term{Feature: feature, Weight: weight, Why: why}
}
