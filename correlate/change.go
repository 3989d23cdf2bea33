package correlate

import (
	"slices"
	"strings"
	"time"

	"culprit"
)

// Beyond this a change is not the root of what a process did that had served
// well in between.
const changeReach = time.Hour

// findRoot looks for the earliest link that is proven: a change that touches
// the service and that nothing healthy lies behind, the end of what it depends
// on, else what took it down.
func (c *analysis) findRoot(f *finding) {
	if f.run == nil {
		return
	}
	first := f.trigger
	switch {
	case f.verdict == culprit.VerdictInconclusive:
	case dependency(f.verdict):
		if e := c.dependencyStop(f); e != nil {
			f.root, f.rootKind = e, rootKindOf(e)
			return
		}
	}
	if w := first.words; w != nil && w.change != nil {
		f.root, f.rootKind = w.change, rootKindOf(w.change)
		return
	}
	if ch := c.changeBefore(f); ch != nil {
		f.root, f.rootKind = ch, rootKindOf(ch)
	}
}

// rootKindOf names a root as the closed list of verdicts does where it is one.
func rootKindOf(e *culprit.Event) string {
	switch e.Kind {
	case culprit.KindStopping, culprit.KindStopped, culprit.KindDeactivated:
		return "stopped"
	}
	return string(e.Kind)
}

// changeBefore returns the nearest change before the first abnormal event that
// touches the service, if the service did not end well after it: what fails at
// a start counts from the last start that worked, what fails later from the
// start of the run that failed.
func (c *analysis) changeBefore(f *finding) *culprit.Event {
	at := f.downs[0].from
	startup := f.run != f.trigger || failsAtStart(f.verdict)
	var best *culprit.Event
	for _, ch := range c.exam.changes {
		if ch.Time.IsZero() || ch.Time.After(at.Add(orderAfter)) || !touches(ch, f.service) {
			continue
		}
		if ch.Kind != culprit.KindDeploy && ch.Kind != culprit.KindPackageChange && at.Sub(ch.Time) > orderBefore {
			continue
		}
		if !startup && at.Sub(ch.Time) > changeReach {
			continue
		}
		if startup && f.service.startedWell(ch.Time, at) {
			continue
		}
		if base(f.verdict) == culprit.VerdictRestartUnexplained && f.service.carriedOut(ch, at) {
			continue // what it ordered was done: this is another order
		}
		if best == nil || ch.Time.After(best.Time) {
			best = ch
		}
	}
	return best
}

// failsAtStart tells the verdicts whose fault lies in what is on disk or in the
// configuration, so that it shows at the next start and not before.
func failsAtStart(v culprit.Verdict) bool {
	switch base(v) {
	case culprit.VerdictModuleNotFound, culprit.VerdictStartupError, culprit.VerdictPortInUse, culprit.VerdictWrongAddress, culprit.VerdictStaleUpstream:
		return true
	}
	return false
}

func dependency(v culprit.Verdict) bool {
	switch base(v) {
	case culprit.VerdictDependencyRefused, culprit.VerdictDependencyTimeout, culprit.VerdictDependencyExhausted:
		return true
	}
	return false
}

// verdicts, to find the one that a finer verdict begins with.
var verdicts = []culprit.Verdict{
	culprit.VerdictOOMKill, culprit.VerdictMemoryLimit, culprit.VerdictHeapOOM, culprit.VerdictModuleNotFound, culprit.VerdictStartupError,
	culprit.VerdictPortInUse, culprit.VerdictWrongAddress, culprit.VerdictUncaughtException, culprit.VerdictNativeCrash, culprit.VerdictExited,
	culprit.VerdictKilled, culprit.VerdictDependencyRefused, culprit.VerdictDependencyTimeout, culprit.VerdictDependencyExhausted,
	culprit.VerdictPlannedRestart, culprit.VerdictRestartUnexplained, culprit.VerdictHostReboot, culprit.VerdictHangTimeout, culprit.VerdictBadResponse, culprit.VerdictStaleUpstream,
}

// base returns the verdict of the closed list that v is or refines.
func base(v culprit.Verdict) culprit.Verdict {
	for _, b := range verdicts {
		if v == b || len(v) > len(b) && v[:len(b)] == b && v[len(b)] == '_' {
			return b
		}
	}
	return v
}

// startedWell reports whether a service was started and served between two
// instants.
func (v *service) startedWell(after, before time.Time) bool {
	for _, r := range v.runs {
		if r.start == nil || r.ready == nil || !r.start.Time.After(after) || !r.start.Time.Before(before) {
			continue
		}
		if r.exit == nil || r.end().Sub(r.ready.Time) > 10*time.Second {
			return true
		}
	}
	return false
}

// dependencyStop finds why what the service needs was down: the service that
// listens at the address in its error, and how that one ended.
func (c *analysis) dependencyStop(f *finding) *culprit.Event {
	d := f.words.decisive()
	if d == nil {
		return nil
	}
	port := d.Attrs.Get("port")
	if port == "" {
		return nil
	}
	addr := d.Attrs.Get("address")
	if addr == "" {
		addr = "127.0.0.1"
	}
	var needed []*service
	needed = append(needed, c.services.serving([]string{addr + ":" + port})...)
	for _, v := range c.services.list {
		if known, ok := knownPorts[port]; ok && len(v.events) > 0 {
			if startsAs(v.name, known) {
				needed = append(needed, v)
			}
		}
	}
	at := f.downs[0].from
	for _, v := range needed {
		if v == f.service {
			continue
		}
		for i := len(v.runs) - 1; i >= 0; i-- {
			r := v.runs[i]
			if r.exit == nil || r.end().After(at.Add(stallBefore)) {
				continue
			}
			c.exam.explain(r)
			if r.words != nil && len(r.words.evidence) > 0 {
				return r.words.evidence[0]
			}
			return r.exit
		}
	}
	return nil
}

// startsAs reports whether a unit is one of those names or an instance of one.
func startsAs(unit string, names []string) bool {
	n := plainName(unit)
	return slices.ContainsFunc(names, func(k string) bool { return n == k || strings.HasPrefix(n, k+"-") })
}

// knownPorts are the ports at which databases and caches listen unless they are
// told otherwise, with the names that their units begin with.
var knownPorts = map[string][]string{
	"5432": {"postgresql", "postgres"}, "3306": {"mysql", "mysqld", "mariadb"}, "6379": {"redis", "redis-server", "valkey"},
	"27017": {"mongod", "mongodb"}, "5672": {"rabbitmq-server", "rabbitmq"}, "9200": {"elasticsearch", "opensearch"}, "11211": {"memcached"},
}
