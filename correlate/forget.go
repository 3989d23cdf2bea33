package correlate

import (
	"slices"
	"time"

	"culprit"
)

// maxLasting bounds what Forget keeps for as long as the correlator lives.
const maxLasting = 10_000

// Forget drops what lies before an instant, so that a correlator that follows a
// machine stays small. Where services listen and the changes that may yet turn
// out to be a root are kept. The instant must lie before any incident that
// still has to be told.
func (c *Correlator) Forget(before time.Time) {
	ns, sec := before.UnixNano(), before.Unix()
	t := c.traffic
	t.requests = slices.DeleteFunc(t.requests, func(q request) bool { return q.at < ns })
	t.errors = slices.DeleteFunc(t.errors, func(e errorLine) bool { return e.at < ns })
	t.errorKeys.clear()
	for i := range t.errors {
		t.errorKeys.add(t.errors[i].key)
	}
	clear(t.limited)
	clear(t.recent[:])
	for st, k := range t.sorts {
		k.spill = nil
		k.samples = slices.DeleteFunc(k.samples, func(e *culprit.Event) bool { return e.Time.Before(before) })
		if len(k.samples) == 0 {
			delete(t.sorts, st)
		}
	}
	t.spilled = 0
	for st, s := range t.spills {
		if s.forget(sec); len(s.sec) == 0 {
			delete(t.spills, st)
		}
		t.spilled += len(s.sec)
	}
	for k, s := range t.answered {
		if s.forget(sec); len(s.sec) == 0 {
			delete(t.answered, k)
		}
	}
	if t.from != 0 {
		t.from = max(t.from, sec)
	}
	lasting := 0
	for _, e := range c.events {
		if lasts(e.Kind) {
			lasting++
		}
	}
	spare := lasting - maxLasting
	c.events = slices.DeleteFunc(c.events, func(e *culprit.Event) bool {
		if e.Time.IsZero() || !e.Time.Before(before) {
			return false
		}
		if lasts(e.Kind) && spare <= 0 {
			return false
		}
		spare--
		return true
	})
	for _, s := range c.cover {
		if s.first.Before(before) {
			s.first = before
		}
	}
}

// Lasting are the kinds whose meaning outlives the hour in which they stand: where
// services listen, and the changes that may yet turn out to be a root.
var Lasting = []culprit.Kind{
	culprit.KindAppStarted, culprit.KindStarted, culprit.KindSpawned, culprit.KindContainerStarted, culprit.KindDeploy, culprit.KindPackageChange,
}

func lasts(k culprit.Kind) bool { return slices.Contains(Lasting, k) }

// forget drops the seconds before sec.
func (s *series) forget(sec int64) {
	s.sorted()
	i, _ := slices.BinarySearch(s.sec, sec)
	s.sec, s.n = slices.Delete(s.sec, 0, i), slices.Delete(s.n, 0, i)
}
