package correlate

import (
	"slices"
	"strings"
	"time"

	"culprit"
)

// A listener that watches memory (superlance's memmon) writes no times: a line
// for each program at each tick of supervisor, and one line when it restarts
// something. What places it are the stops in supervisord's log and the ticks:
// supervisor sends them at whole multiples of their period, so the number of
// readings behind a restart tells how long ago it was.

// ticks are the periods of supervisor's TICK events.
var ticks = []time.Duration{5 * time.Second, time.Minute, time.Hour}

// tickLate is how long after its tick a listener may order the stop: supervisor
// looks at its clock once a second, and other programs may be read first.
const tickLate = 3 * time.Second

// readings counts what listeners read of a program: by source and program.
type readings map[[2]string]int

// note counts a reading without a time; there may be millions of them, and none
// is kept.
func (n readings) note(r *culprit.Record) bool {
	if r.Kind != culprit.KindMemoryReport || !r.Time.IsZero() {
		return false
	}
	k := [2]string{r.Source, r.Attrs.Get("program")}
	if c, ok := n[k]; ok {
		n[k] = c + 1
	} else if len(n) < maxNames {
		n[[2]string{strings.Clone(k[0]), strings.Clone(k[1])}] = 1
	}
	return true
}

// mark notes in a restart without a time how many readings stand before it.
func (n readings) mark(e *culprit.Event) {
	if e.Kind == culprit.KindMemoryRestart && e.Time.IsZero() {
		e.Attrs.AddInt("readings", int64(n[[2]string{place(e), e.Attrs.Get("program")}]))
	}
}

// placeRestarts joins the restarts that a listener's log holds without times to
// the stops of the program that they name. now is the time of the newest record.
func (x *exam) placeRestarts(n readings, now time.Time) {
	byService := map[*service][]*culprit.Event{}
	for _, e := range x.memory {
		if p, _ := managed(e); e.Time.IsZero() && e.Kind == culprit.KindMemoryRestart && p != "" && !x.reported(e) {
			if v := x.services.lookup(p); v != nil && v.manager != "systemd" {
				byService[v] = append(byService[v], e)
			}
		}
	}
	for _, v := range x.services.list {
		lines := byService[v]
		if len(lines) == 0 {
			continue
		}
		stops := v.stops(x)
		taken := map[*run]bool{}
		for i := len(lines) - 1; i >= 0; i-- {
			e := lines[i]
			total := n[[2]string{place(e), e.Attrs.Get("program")}]
			after := total - int(e.Attrs.GetInt("readings"))
			var r *run
			sure := false
			if total > 0 {
				r, sure = byTicks(stops, taken, after, now)
			}
			if r == nil && len(lines) == len(stops) && (total == 0 || about(after, now.Sub(stops[i].order.Time))) {
				r = stops[i] // as many restarts as stops: in order
			}
			switch {
			case r != nil && !taken[r]:
				taken[r] = true
				r.limit, r.limitSure = e, sure
			case total == 0 || slices.ContainsFunc(stops, func(r *run) bool { return r.limit == nil && maybe(after, now.Sub(r.order.Time)) }):
				v.unplaced = append(v.unplaced, e)
			}
		}
	}
}

// unreadListener returns the memmon that watches a program, if nothing of its
// log was read: it writes at every tick.
func (x *exam) unreadListener(v *service) *service {
	if v.manager != "supervisor" || slices.ContainsFunc(x.memory, func(e *culprit.Event) bool { return strings.Contains(e.Message, "memmon") }) || len(x.readings) > 0 {
		return nil
	}
	for _, l := range x.services.list {
		switch {
		case l == v || l.manager != "supervisor":
		case l.conf == nil && l.name == "memmon", l.conf != nil && strings.Contains(l.conf.Command, "memmon") && slices.Contains(l.conf.Watches, v.name):
			return l
		}
	}
	return nil
}

// reported tells whether a listener's report with a time follows a restart line.
func (x *exam) reported(e *culprit.Event) bool {
	return slices.ContainsFunc(x.memory, func(o *culprit.Event) bool {
		return !o.Time.IsZero() && slices.Contains(x.reports(o), e)
	})
}

// stops returns the runs that were stopped on order and started again at once,
// where nothing else says who ordered it.
func (v *service) stops(x *exam) []*run {
	var out []*run
	for i, r := range v.runs {
		if r.order == nil || r.exit == nil || i+1 == len(v.runs) || v.runs[i+1].began().Sub(r.exit.Time) > memoryAfter || x.order(v, r.order.Time) != nil {
			continue
		}
		out = append(out, r)
	}
	return out
}

// about reports whether readings may reach as far back as a stop lies, even if
// the listener did not run all the time.
func about(after int, ago time.Duration) bool {
	return slices.ContainsFunc(ticks, func(p time.Duration) bool {
		reach := time.Duration(after) * p
		return reach < ago+3*p && reach > ago/2-3*p
	})
}

// maybe is about for a listener's log that may go on behind the newest record
// with a time: it places nothing, and keeps a stop from being nobody's.
func maybe(after int, ago time.Duration) bool {
	return slices.ContainsFunc(ticks, func(p time.Duration) bool {
		reach := time.Duration(after) * p
		return reach < 2*ago+12*p && reach > ago/2-3*p
	})
}

// onTick reports whether an instant follows a tick of a period.
func onTick(t time.Time, period time.Duration) bool {
	return t.Sub(t.Truncate(period)) <= tickLate
}

// byTicks returns the stop that lies as many ticks before now as there are
// readings behind a restart, and whether no other could be meant.
func byTicks(stops []*run, taken map[*run]bool, after int, now time.Time) (best *run, sure bool) {
	var least, next time.Duration = -1, -1
	for _, r := range stops {
		if taken[r] {
			continue
		}
		for _, p := range ticks {
			ago := now.Sub(r.order.Time)
			off := (ago - time.Duration(after)*p).Abs()
			if off > 3*p/2+ago/20 || !onTick(r.order.Time, p) {
				continue
			}
			if least < 0 || off < least {
				if best != r {
					next = least
				}
				best, least = r, off
			} else if best != r && (next < 0 || off < next) {
				next = off
			}
		}
	}
	return best, best != nil && (next < 0 || next > 2*least+10*time.Second)
}

// logOfListener names the log of a listener for people.
func logOfListener(e *culprit.Event) string {
	name := logName(place(e))
	for _, s := range []string{".log", ".err", ".out"} {
		name = strings.TrimSuffix(name, s)
	}
	return name
}
