package correlate

import (
	"slices"
	"time"

	"culprit"
)

// A run is one life of a service's process.
type run struct {
	service *service
	start   *culprit.Event // nil if it began before the logs do
	ready   *culprit.Event // it says that it listens, or its manager that it runs
	order   *culprit.Event // someone ordered it to stop
	exit    *culprit.Event // nil if the run goes on
	gaveUp  *culprit.Event // after this run its manager did not try again
	restart *culprit.Event // after this run its manager scheduled the next
	pid     int
	said    []*culprit.Event // its own words, in order
	words   *lastWords       // what ended it; set for runs that ended
}

// how a run ended, as its manager saw it.
type fate struct {
	signal string // SIGKILL, "" if it exited
	status int    // exit status, -1 if not known
	clean  bool   // status 0, or stopped in order
	core   bool
}

// end returns when the run ended, zero if it goes on.
func (r *run) end() time.Time {
	if r.exit == nil {
		return time.Time{}
	}
	if r.order != nil && r.order.Time.Before(r.exit.Time) {
		return r.order.Time
	}
	return r.exit.Time
}

// fate reads the exit.
func (r *run) fate() fate {
	f := fate{status: -1}
	e := r.exit
	if e == nil {
		return f
	}
	f.signal = e.Attrs.Get("signal")
	if v, ok := e.Attrs.Lookup("status"); ok && e.Kind == culprit.KindMainExited {
		n, _ := v.Int()
		switch e.Attrs.Get("exit_code_kind") {
		case "killed", "dumped":
			f.signal = signalName(int(n))
			f.core = e.Attrs.Get("exit_code_kind") == "dumped"
		default:
			f.status = int(n)
		}
	} else if v, ok := e.Attrs.Lookup("exit_status"); ok && (f.signal == "" || f.signal == "SIGINT") {
		if n, ok := v.Int(); ok {
			f.status = int(n)
		}
	}
	if f.signal == "SIGINT" && f.status >= 0 && r.service.manager == "pm2" {
		f.signal = "" // PM2 writes SIGINT where there was no signal
	}
	if f.signal == "" && f.status > 128 && f.status < 160 { // a shell's way to say it
		f.signal, f.status = signalName(f.status-128), -1
	}
	if f.signal == "" && (f.status == 0 || e.Kind == culprit.KindDeactivated || e.Kind == culprit.KindStopped || e.Kind == culprit.KindStopping) {
		f.clean = true
	}
	return f
}

var signalNames = map[int]string{1: "SIGHUP", 2: "SIGINT", 3: "SIGQUIT", 4: "SIGILL", 6: "SIGABRT", 7: "SIGBUS", 8: "SIGFPE", 9: "SIGKILL", 11: "SIGSEGV", 13: "SIGPIPE", 14: "SIGALRM", 15: "SIGTERM", 24: "SIGXCPU", 25: "SIGXFSZ", 31: "SIGSYS"}

func signalName(n int) string { return signalNames[n] }

// trace builds the runs of a service from its events.
func (v *service) trace() {
	var r *run
	begin := func(start *culprit.Event) *run {
		n := &run{service: v, start: start}
		v.runs = append(v.runs, n)
		return n
	}
	for _, e := range v.events {
		if e.Process == "systemctl" {
			continue // what `systemctl status` said when someone asked, not what happened then
		}
		switch e.Kind {
		case culprit.KindStarted, culprit.KindSpawned, culprit.KindContainerStarted:
			if r != nil && r.exit == nil && r.start == nil && r.order == nil && len(r.said) == 0 {
				r.start = e
			} else if r == nil || r.exit != nil || r.start != nil || r.order != nil {
				if r != nil && r.exit == nil && r.order != nil {
					r.exit = r.order
				}
				r = begin(e)
			} else {
				r = begin(e)
			}
			if e.Kind == culprit.KindSpawned {
				r.pid = e.PID
			}
		case culprit.KindRunning, culprit.KindAppStarted:
			if r == nil || r.exit != nil && e.Kind == culprit.KindAppStarted && (r.pid == 0 || r.pid != e.PID) {
				r = begin(nil)
			}
			if r.ready == nil || r.ready.Kind == culprit.KindRunning && e.Kind == culprit.KindAppStarted {
				r.ready = e
			}
			if e.Kind == culprit.KindAppStarted && e.PID > 1 {
				r.pid = e.PID
			}
		case culprit.KindStopping, culprit.KindWaiting:
			if r == nil || r.exit != nil {
				continue
			}
			if r.order == nil {
				r.order = e
			}
		case culprit.KindMainExited, culprit.KindExited:
			if r == nil || r.exit != nil {
				if r != nil && r.exit.Kind == culprit.KindStopping {
					continue
				}
				r = begin(nil)
			}
			r.exit = e
			if r.pid == 0 && e.PID > 1 && e.Kind == culprit.KindExited {
				r.pid = e.PID
			}
		case culprit.KindStopped, culprit.KindDeactivated:
			if r == nil {
				r = begin(nil)
			}
			if r.exit != nil {
				continue // the tail of an exit that is known
			}
			if e.Kind == culprit.KindStopped && e.Unit == "" && r.order == nil {
				r.order = e // supervisor says it once, when it is done
			}
			r.exit = e
		case culprit.KindRestartScheduled, culprit.KindRestartDelayExpired:
			if r != nil && r.exit != nil {
				r.restart = e
			}
		case culprit.KindStartLimitHit, culprit.KindFatal:
			if r != nil && r.exit != nil {
				r.gaveUp = e
			}
		case culprit.KindSpawnFailed, culprit.KindSpawnError:
			if r == nil || r.exit != nil {
				r = begin(nil)
			}
			r.said = append(r.said, e)
			if e.Kind == culprit.KindSpawnError {
				r.exit = e
			}
		default:
			if !nodeKind(e.Kind) {
				continue
			}
			if r == nil {
				r = begin(nil)
			}
			target := r
			if e.PID > 1 && r.pid != 0 && r.pid != e.PID {
				if o := v.runOf(e.PID); o != nil {
					target = o
				} else if r.exit != nil {
					target = begin(nil)
					r = target
				}
			} else if r.exit != nil && e.Time.Sub(r.exit.Time) > 2*time.Second && e.PID != r.pid {
				target = begin(nil)
				r = target
			}
			if target.pid == 0 && e.PID > 1 {
				target.pid = e.PID
			}
			target.said = append(target.said, e)
		}
	}
	v.alignUntimed()
}

func (v *service) runOf(pid int) *run {
	for i := len(v.runs) - 1; i >= 0; i-- {
		if v.runs[i].pid == pid {
			return v.runs[i]
		}
	}
	return nil
}

// alignUntimed gives the last words of a file without times to the runs that
// ended with a failure and said nothing else: in order, from the newest back,
// since such a file is usually older than the manager's log.
func (v *service) alignUntimed() {
	var words []*culprit.Event
	for _, e := range v.untimed {
		if lastWord(e.Kind) && e.Attrs.Get("fatal") != "false" {
			words = append(words, e)
		}
	}
	if len(words) == 0 {
		return
	}
	var silent []*run
	for _, r := range v.runs {
		f := r.fate()
		if r.exit == nil || f.clean || f.signal != "" && f.signal != "SIGABRT" {
			continue
		}
		if !slices.ContainsFunc(r.said, func(e *culprit.Event) bool { return lastWord(e.Kind) }) {
			silent = append(silent, r)
		}
	}
	for i, j := len(words)-1, len(silent)-1; i >= 0 && j >= 0; i, j = i-1, j-1 {
		e := *words[i] // the place in time is this run's, never an invented instant
		if s := silent[j].start; s != nil {
			e.NotBefore = s.Time
		}
		e.NotAfter = silent[j].exit.Time
		silent[j].said = append(silent[j].said, &e)
	}
}
