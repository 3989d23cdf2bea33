package correlate

import (
	"slices"
	"strings"
	"time"

	"culprit"
)

// A run is one life of a service's process.
type run struct {
	service   *service
	start     *culprit.Event // nil if it began before the logs do
	ready     *culprit.Event // it says that it listens, or its manager that it runs
	order     *culprit.Event // someone ordered it to stop
	exit      *culprit.Event // nil if the run goes on
	gaveUp    *culprit.Event // after this run its manager did not try again
	restart   *culprit.Event // after this run its manager scheduled the next
	pid       int
	said      []*culprit.Event // its own words, in order
	words     *lastWords       // what ended it, or keeps it from serving
	limit     *culprit.Event   // a listener's restart without a time that ended it, see placeRestarts
	limitSure bool             // no other stop could be meant
	listens   []*culprit.Event // where it says that it listens
	elsewhere *culprit.Event   // of these, the first if none is where nginx looks
	answered  bool             // requests were answered in it
	failed    bool             // it never served between two instants at which the service should have
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

// began is when a run was started, or when it ended if that is all that is known.
func (r *run) began() time.Time {
	switch {
	case r.start != nil:
		return r.start.Time
	case r.exit != nil:
		return r.exit.Time
	case len(r.said) > 0:
		return r.said[0].Time
	}
	return time.Time{}
}

// mark is the instant of a run's end; of one that goes on and does not serve,
// its beginning.
func (r *run) mark() time.Time {
	if r.exit != nil {
		return r.exit.Time
	}
	return r.began()
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
	alone := !slices.ContainsFunc(v.events, managers)
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
			if strings.HasPrefix(e.Message, "Finished ") { // what runs once has ended
				v.once = true
				continue
			}
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
			if e.Kind == culprit.KindAppStarted && listenAddress(e) != "" {
				r.listens = append(r.listens, e)
			}
		case culprit.KindStopping, culprit.KindWaiting:
			if r == nil {
				r = begin(nil) // it began before the logs do
			}
			if r.exit != nil {
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
			} else if r.exit != nil && e.Time.Sub(r.exit.Time) > 2*time.Second && (e.PID != r.pid || alone) {
				target = begin(nil)
				r = target
			}
			if p := v.justEnded(target, e); p != nil {
				target = p
			}
			if target.pid == 0 && e.PID > 1 {
				target.pid = e.PID
			}
			target.said = append(target.said, e)
			if alone && target.exit == nil && lastWord(e.Kind) && e.Attrs.Get("fatal") == "true" {
				target.exit = e // nobody else tells of its exit
			}
		}
	}
	v.alignUntimed()
}

// endAtBoot ends what ran when the machine went down without a word: a run that a
// boot and a new start follow. Where the logs of the service begin with the boot,
// requests before it show that there was something to end.
func (v *service) endAtBoot(boots []*culprit.Event, served *series) {
	for _, b := range boots {
		i := slices.IndexFunc(v.runs, func(r *run) bool { return r.start != nil && r.began().After(b.Time) })
		switch {
		case i > 0 && v.runs[i-1].exit == nil && v.runs[i-1].began().Before(b.Time):
			v.runs[i-1].exit = b
		case i == 0 && served.between(0, b.Time.Unix()-1) > 0:
			v.runs = slices.Insert(v.runs, 0, &run{service: v, exit: b})
		}
	}
}

// justEnded returns the run before r that a last word without a pid belongs to:
// logs of whole seconds don't tell whether it stands before the exit or behind
// the next start. A run that failed and said nothing yet has it.
func (v *service) justEnded(r *run, e *culprit.Event) *run {
	if e.PID > 1 || !lastWord(e.Kind) || e.Time.Nanosecond() != 0 || len(v.runs) < 2 || v.runs[len(v.runs)-1] != r || r.exit != nil {
		return nil
	}
	p := v.runs[len(v.runs)-2]
	if p.exit == nil || !p.exit.Time.Truncate(time.Second).Equal(e.Time) || p.fate().clean || p.fate().signal != "" ||
		slices.ContainsFunc(p.said, func(o *culprit.Event) bool { return lastWord(o.Kind) && within(o.Time, e.Time, wordsBefore, 0) }) {
		return nil
	}
	return p
}

// managers tells whether an event is a manager's word about a process.
func managers(e *culprit.Event) bool {
	switch e.Kind {
	case culprit.KindStarted, culprit.KindSpawned, culprit.KindContainerStarted, culprit.KindRunning, culprit.KindStopping, culprit.KindWaiting,
		culprit.KindMainExited, culprit.KindExited, culprit.KindStopped, culprit.KindDeactivated:
		return true
	}
	return false
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
	heap := false
	for _, e := range v.untimed {
		if e.Kind == culprit.KindHeapOOM || lastWord(e.Kind) && e.Attrs.Get("fatal") != "false" {
			words = append(words, e)
			heap = heap || e.Kind == culprit.KindHeapOOM
		}
	}
	if len(words) == 0 {
		return
	}
	// V8 aborts when its heap is full; an error that Node reports ends with a status.
	fits := func(word *culprit.Event, r *run) bool {
		return (word.Kind == culprit.KindHeapOOM) == (r.fate().signal == "SIGABRT") || !heap
	}
	var silent []*run
	for _, r := range v.runs {
		f := r.fate()
		if r.exit == nil || f.clean || f.signal != "" && f.signal != "SIGABRT" {
			continue
		}
		if !slices.ContainsFunc(r.said, func(e *culprit.Event) bool { return lastWord(e.Kind) || e.Kind == culprit.KindHeapOOM }) {
			silent = append(silent, r)
		}
	}
	i := len(words) - 1
	for j := len(silent) - 1; i >= 0 && j >= 0; j-- {
		if !fits(words[i], silent[j]) {
			continue
		}
		silent[j].heard(words[i])
		i--
	}
	v.spare = words[:i+1]
}

// heard gives a run a word of a file without times: its place in time is the
// run's, never an invented instant.
func (r *run) heard(word *culprit.Event) {
	e := *word
	if r.start != nil {
		e.NotBefore = r.start.Time
	}
	if r.exit != nil {
		e.NotAfter = r.exit.Time
	}
	r.said = append(r.said, &e)
}

// alignFailed gives what is left of such words to the runs that are still there,
// or were ended on order, and never served: a process may outlive an error that
// kept it from listening.
func (d *downtime) alignFailed() {
	v := d.service
	for i := len(d.ended) - 1; i >= 1 && len(v.spare) > 0; i-- {
		r := d.ended[i]
		last := v.spare[len(v.spare)-1]
		if !r.failed || r.fate().signal != "" || !failsAtStart(wordVerdicts[last.Kind]) || slices.ContainsFunc(r.said, func(e *culprit.Event) bool { return lastWord(e.Kind) }) {
			continue
		}
		r.heard(last)
		r.said[len(r.said)-1].Attrs.AddBool("placed", true)
		v.spare = v.spare[:len(v.spare)-1]
	}
}
