package report

import (
	"slices"
	"time"

	"culprit"
)

// Select splits the incidents of a report into those to tell and the others,
// both newest first: the ongoing ones are told, else the newest that began in
// the last 24 hours of the logs; with all, every one.
func Select(rep *culprit.Report, all bool) (tell, others []*culprit.Incident) {
	incidents := slices.Clone(rep.Incidents)
	slices.SortStableFunc(incidents, func(a, b *culprit.Incident) int { return b.Start.Compare(a.Start) })
	if all {
		return incidents, nil
	}
	for _, inc := range incidents {
		if inc.Ongoing {
			tell = append(tell, inc)
		} else {
			others = append(others, inc)
		}
	}
	if len(tell) == 0 && len(others) > 0 && others[0].End.After(logEnd(rep).Add(-24*time.Hour)) {
		return others[:1], others[1:]
	}
	return tell, others
}

// logEnd returns the time of the last thing that any source or incident tells.
func logEnd(rep *culprit.Report) time.Time {
	var end time.Time
	for _, s := range rep.Sources {
		if s.Last != nil && s.Last.After(end) {
			end = *s.Last
		}
	}
	for _, inc := range rep.Incidents {
		if inc.End.After(end) {
			end = inc.End
		}
	}
	return end
}

// logSpan returns the times of the first and last records that were read, zero
// if none has a time.
func logSpan(rep *culprit.Report) (first, last time.Time) {
	for _, s := range rep.Sources {
		if s.First != nil && (first.IsZero() || s.First.Before(first)) {
			first = *s.First
		}
		if s.Last != nil && s.Last.After(last) {
			last = *s.Last
		}
	}
	return first, last
}

// gapsOf returns the gaps that bear on an incident: those that overlap it or the
// hour before, and those whose bounds are not known.
func gapsOf(rep *culprit.Report, inc *culprit.Incident) (near, far []culprit.Gap) {
	for _, g := range rep.Gaps {
		if g.From != nil && g.From.After(inc.End.Add(5*time.Second)) || g.To != nil && g.To.Before(inc.Start.Add(-time.Hour)) {
			far = append(far, g)
		} else {
			near = append(near, g)
		}
	}
	return near, far
}
