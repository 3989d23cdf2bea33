package correlate

import (
	"time"

	"culprit"
)

// V8's report precedes the exit: while the core is written the process is still
// there, so the exit may follow up to a minute later.
const heapBefore = time.Minute

var causeHeapOOM = cause{culprit.VerdictHeapOOM, func(_ *exam, r *run) *lastWords {
	for i := len(r.said) - 1; i >= 0; i-- {
		e := r.said[i]
		if e.Kind == culprit.KindHeapOOM && (e.Time.IsZero() || within(e.Time, r.exitTime(), heapBefore, 5*time.Second)) {
			return &lastWords{evidence: []*culprit.Event{e, r.exit}, joined: joinOf(e, r),
				terms: []culprit.Term{term("v8_fatal", 5, "V8 says that its heap is full"), term("same_process", 3, "written by the process that ended")}}
		}
	}
	return nil
}}

// joinOf says how a program's own words belong to a run.
func joinOf(e *culprit.Event, r *run) string {
	switch {
	case r.service.guessed[e.PID]:
		return "time"
	case e.PID > 1 && e.PID == r.pid:
		return "pid"
	case e.Unit != "" && e.Process != "systemd":
		return "unit"
	case e.Time.IsZero():
		return "file"
	case e.Process != "" && plainName(e.Process) == plainName(r.service.name):
		return "program"
	}
	return "file"
}
