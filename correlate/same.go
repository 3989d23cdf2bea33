package correlate

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"culprit"
)

// The same entry may stand in the journal and in syslog files, and a manager's
// line in its own log too. Their times differ by the source's grain and by how
// late the journal reads the kernel.
const (
	sameEntry  = 1500 * time.Millisecond
	sameKernel = 4 * time.Second
)

// merge sorts events by time, those without one last, and makes one event with
// several places of the same entry in several sources.
func merge(events []*culprit.Event) []*culprit.Event {
	slices.SortStableFunc(events, func(a, b *culprit.Event) int {
		if a.Time.IsZero() != b.Time.IsZero() {
			if a.Time.IsZero() {
				return 1
			}
			return -1
		}
		return a.Time.Compare(b.Time)
	})
	type mark struct {
		kind culprit.Kind
		pid  int
		text string
	}
	recent := map[mark][]*culprit.Event{}
	out := events[:0]
	for _, e := range events {
		if e.Time.IsZero() || len(e.Places) == 0 {
			out = append(out, e)
			continue
		}
		k := mark{e.Kind, e.PID, squeeze(e.Message)}
		tolerance := sameEntry
		if e.Kind == culprit.KindOOMKill || e.Kind == culprit.KindOOMReaped {
			k.pid, k.text = int(e.Attrs.GetInt("victim_pid")), ""
			tolerance = sameKernel
		}
		var twin *culprit.Event
		list := recent[k]
		for len(list) > 0 && e.Time.Sub(list[0].Time) > tolerance {
			list = list[1:]
		}
		for _, o := range list {
			if !inSource(o, e.Places[0].Source) || e.Kind == culprit.KindOOMKill && k.pid > 1 {
				twin = o
				break
			}
		}
		if twin == nil {
			recent[k] = append(list, e)
			out = append(out, e)
			continue
		}
		recent[k] = list
		absorb(twin, e)
	}
	slices.SortStableFunc(out, func(a, b *culprit.Event) int {
		if a.Time.IsZero() || b.Time.IsZero() {
			return cmp.Compare(btoi(a.Time.IsZero()), btoi(b.Time.IsZero()))
		}
		return a.Time.Compare(b.Time)
	})
	return out
}

// absorb gives the first telling what the second knows better: the finer time,
// the unit, the pid.
func absorb(e, o *culprit.Event) {
	if inSource(e, o.Places[0].Source) { // a kernel report whose lines were not joined
		e.Text += "\n" + o.Text
	} else {
		e.Places = append(e.Places, o.Places...)
	}
	if e.Unit == "" {
		e.Unit = o.Unit
	}
	if e.Service == "" {
		e.Service = o.Service
	}
	if e.PID == 0 {
		e.PID = o.PID
	}
	if e.Time.Nanosecond() == 0 && o.Time.Nanosecond() != 0 {
		e.Time = o.Time
	}
	for _, a := range o.Attrs {
		if _, ok := e.Attrs.Lookup(a.Key); !ok {
			e.Attrs = append(e.Attrs, a)
		}
	}
}

func inSource(e *culprit.Event, source string) bool {
	return slices.ContainsFunc(e.Places, func(p culprit.Place) bool { return p.Source == source })
}

// squeeze folds white space; sources differ in tabs and trailing blanks.
func squeeze(s string) string {
	if len(s) > 400 {
		s = s[:400]
	}
	return strings.Join(strings.Fields(s), " ")
}

func btoi(b bool) int {
	if b {
		return 1
	}
	return 0
}
