package correlate

import (
	"time"

	"culprit"
)

// systemd ends a unit that does not report to its watchdog, at once or after a
// stop time-out.
const watchdogBefore = 2 * time.Minute

var causeWatchdog = cause{culprit.VerdictHangTimeout, func(_ *exam, r *run) *lastWords {
	for _, e := range r.service.events {
		if e.Kind == culprit.KindWatchdogTimeout && within(e.Time, r.exitTime(), watchdogBefore, orderAfter) && !r.service.nearer(e.Time, r) {
			return &lastWords{evidence: []*culprit.Event{e, r.exit}, joined: "unit",
				terms: []culprit.Term{term("watchdog", 5, "it did not report to its watchdog, and systemd ended it for that")}}
		}
	}
	return nil
}}
