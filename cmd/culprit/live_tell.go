package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"time"

	"culprit"
	"culprit/internal/store"
)

const (
	// reportEvery is how often a report is made at most while records come; one
	// that took long is followed by a longer pause, so that reports never take
	// more than a quarter of the time.
	reportEvery = time.Second

	// quietEnd is how long after its last failure an incident is looked at
	// again: it ends when nothing fails any more, which no line says.
	quietEnd = 21 * time.Second

	// lull is how long nothing must have failed for an incident to be told as
	// over. One answered request ends none: where every second one fails, it
	// would end and go on again with every report.
	lull = 20 * time.Second

	// forgetEvery is how often what lies before the window is dropped.
	forgetEvery = time.Minute

	// longest is for how many windows an incident that goes on keeps what belongs to it.
	longest = 4
)

// A told incident is one as it stands in the store and as clients know it.
type told struct {
	inc  *culprit.Incident
	json []byte
}

// pacing says when reports and the like are due.
type pacing struct {
	forgotten time.Time
	horizon   time.Time // what lies before it is told for good
}

// load takes over the incidents that were told before a restart.
func (l *live) load(ctx context.Context) error {
	list, err := l.store.Incidents(ctx, store.IncidentFilter{Since: l.now().Add(-longest * l.window)})
	if err != nil {
		return err
	}
	for _, inc := range list {
		b, err := json.Marshal(inc)
		if err != nil {
			return fmt.Errorf("write incident %s: %w", inc.ID, err)
		}
		l.told[inc.ID] = &told{inc, b}
		l.evidence.learn(inc)
		// The correlator begins with the window; what began before it is settled.
		l.pacing.horizon = l.now().Add(-l.window)
	}
	return nil
}

// holdOff is for how long at most nothing is told while what has gathered since
// the last run is read: half of it may say something else than all.
const holdOff = 15 * time.Second

// run tells incidents until ctx ends: when records have come, and when the quiet
// that ends an incident is over. The last report is made after the last commit.
func (l *live) run(ctx context.Context) error {
	for begun := time.Now(); l.behind() && time.Since(begun) < holdOff; {
		select {
		case <-ctx.Done():
			return nil
		case <-l.after(100 * time.Millisecond):
		}
	}
	for {
		begun := time.Now()
		again, err := l.report(ctx)
		if err != nil && ctx.Err() == nil {
			l.log.Error("tell incidents", "error", err)
		}
		if ctx.Err() != nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return nil
		case <-l.after(max(reportEvery, 3*time.Since(begun))):
		}
		var quiet <-chan time.Time
		if again > 0 {
			quiet = l.after(again)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-l.changed:
		case <-quiet:
		}
	}
}

// report correlates once, stores what has changed and tells it. It returns after
// what time to look again although no record comes, 0 for never.
func (l *live) report(ctx context.Context) (time.Duration, error) {
	l.telling.Lock()
	defer l.telling.Unlock()
	now := l.now()
	l.mu.Lock()
	rep := l.c.Report(now)
	l.mu.Unlock()
	keepOpen(rep.Incidents, now)
	changes, gone := l.match(rep.Incidents)
	var put []*culprit.Incident
	for i := range changes {
		l.evidence.locate(ctx, changes[i].inc)
		b, err := json.Marshal(changes[i].inc)
		if err != nil {
			return 0, fmt.Errorf("write incident %s: %w", changes[i].inc.ID, err)
		}
		changes[i].json = b
		put = append(put, changes[i].inc)
	}
	if err := l.store.PutIncidents(ctx, put, gone...); err != nil {
		return reportEvery, err
	}
	for _, id := range gone {
		delete(l.told, id)
	}
	for _, c := range changes {
		change := "changed"
		switch was := l.told[c.inc.ID]; {
		case was == nil:
			change = "new"
		case was.inc.Ongoing && !c.inc.Ongoing:
			change = "ended"
		}
		l.told[c.inc.ID] = &told{c.inc, c.json}
		l.tell(change, c.inc)
	}
	l.forget(now)
	var again time.Duration
	for _, t := range l.told {
		if t.inc.Ongoing {
			wait := max(t.inc.End.Add(quietEnd).Sub(now), reportEvery)
			if again == 0 || wait < again {
				again = wait
			}
		}
	}
	return again, nil
}

// keepOpen lets incidents go on until the lull after their last failure is over.
func keepOpen(list []*culprit.Incident, now time.Time) {
	for _, inc := range list {
		inc.Ongoing = inc.Ongoing || now.Sub(inc.End) <= lull
	}
}

// match finds out which incidents of a report are those that were told before,
// gives them the ids by which they are known, and returns what has changed and
// the ids of those that are none any more.
func (l *live) match(list []*culprit.Incident) (changes []told, gone []string) {
	list = slices.SortedStableFunc(slices.Values(list), func(a, b *culprit.Incident) int { return a.Start.Compare(b.Start) })
	claimed := map[string]bool{}
	for _, inc := range list {
		was := l.before(inc, claimed)
		if was == nil {
			for claimed[inc.ID] || l.told[inc.ID] != nil {
				inc.ID += "b" // two that begin with equal failures
			}
			claimed[inc.ID] = true
			changes = append(changes, told{inc: inc})
			continue
		}
		inc.ID = was.inc.ID
		claimed[inc.ID] = true
		if was.inc.Start.Before(l.pacing.horizon) && inc.Start.After(was.inc.Start) {
			// Its beginning is forgotten: what was said of that stays.
			o := *was.inc
			o.End, o.Ongoing = inc.End, inc.Ongoing
			inc = &o
		}
		if !l.same(was, inc) {
			changes = append(changes, told{inc: inc})
		}
	}
	for id, t := range l.told {
		if claimed[id] {
			continue
		}
		if t.inc.Start.Before(l.pacing.horizon) {
			if t.inc.Ongoing { // nothing of it fails any more
				o := *t.inc
				o.Ongoing = false
				changes = append(changes, told{inc: &o})
			}
			continue
		}
		gone = append(gone, id)
	}
	slices.Sort(gone)
	return changes, gone
}

// before returns the incident that was told and is this one: the same id, else
// the earliest that overlaps and failed at the same upstream.
func (l *live) before(inc *culprit.Incident, claimed map[string]bool) *told {
	if t := l.told[inc.ID]; t != nil && !claimed[inc.ID] && related(t.inc, inc) {
		return t
	}
	var best *told
	for _, id := range slices.Sorted(maps.Keys(l.told)) {
		t := l.told[id]
		if !claimed[id] && related(t.inc, inc) && (best == nil || t.inc.Start.Before(best.inc.Start)) {
			best = t
		}
	}
	return best
}

// related reports whether two tellings are of the same failures.
func related(a, b *culprit.Incident) bool {
	if a.Start.After(b.End.Add(quietEnd)) || b.Start.After(a.End.Add(quietEnd)) {
		return false
	}
	return len(a.Upstreams) == 0 && len(b.Upstreams) == 0 ||
		slices.ContainsFunc(a.Upstreams, func(u string) bool { return slices.Contains(b.Upstreams, u) }) ||
		a.Service != "" && a.Service == b.Service
}

// same reports whether an incident says what was told. The numbers of records in
// the store are found out only for what is told, so they are copied.
func (l *live) same(was *told, inc *culprit.Incident) bool {
	l.evidence.number(inc)
	b, err := json.Marshal(inc)
	return err == nil && bytes.Equal(b, was.json)
}

// forget drops what lies before the window, once all that was there at the start
// has been read. Incidents that begin before it are told for good.
func (l *live) forget(now time.Time) {
	if now.Sub(l.pacing.forgotten) < forgetEvery || l.backlog() {
		return
	}
	l.pacing.forgotten = now
	horizon := now.Add(-l.window)
	for _, t := range l.told {
		if t.inc.Ongoing && t.inc.Start.Before(horizon.Add(l.window/4)) {
			horizon = t.inc.Start.Add(-l.window / 4)
		}
	}
	if earliest := now.Add(-longest * l.window); horizon.Before(earliest) {
		horizon = earliest
	}
	if horizon.Before(l.pacing.horizon) {
		return
	}
	l.pacing.horizon = horizon
	l.mu.Lock()
	l.c.Forget(horizon.Add(-l.window / 4)) // what led to the first of them stays
	l.mu.Unlock()
	maps.DeleteFunc(l.told, func(_ string, t *told) bool { return !t.inc.Ongoing && t.inc.End.Before(horizon.Add(-l.window)) })
}
