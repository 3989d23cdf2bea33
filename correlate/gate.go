package correlate

import (
	"math"
	"slices"
	"sort"
	"strings"
	"time"

	"culprit"
)

// How far an exit may stand from the failures that it explains. A process at
// its limit stalls before it dies; whoever is refused comes later.
const (
	stallBefore = 15 * time.Second // failures may begin this much before the exit
	downSlack   = 3 * time.Second  // and end this much after it serves again
)

// A downtime is a stretch in which a service did not serve: from the exit or
// the order that began it, over starts that failed, until it is back.
type downtime struct {
	service *service
	ended   []*run    // the runs that ended in it, in order
	from    time.Time // the first exit or order
	to      time.Time // when it served again; zero if not in these logs
	back    *run      // the run that served again
}

// downtimes cuts the runs of a service at the moments where it served.
func (v *service) downtimes(l *lane, addrs []string) []*downtime {
	single := len(addrs) <= 1
	var all []*downtime
	var d *downtime
	for i, r := range v.runs {
		if r.elsewhere = v.elsewhere(r, addrs); r.elsewhere == nil && len(addrs) == 0 && i > 0 {
			r.elsewhere = v.elsewhere(r, v.runs[i-1].places())
		}
		if r.exit == nil {
			if d != nil && v.stuck(r, i, l, single) {
				r.failed = true
				d.ended = append(d.ended, r)
			} else if d != nil {
				d.to, d.back = r.servedFrom(), r
				d = nil
			}
			continue
		}
		r.answered = r.answered || r.start != nil && l.answeredWell(v, single, r.start.Time.Unix()+1, r.end().Unix()-1)
		if d != nil && v.servedBetween(r, d.last().mark(), l, single) {
			d.to, d.back = r.servedFrom(), r
			d = nil
		}
		if d == nil {
			d = &downtime{service: v, from: r.end()}
			all = append(all, d)
		}
		r.failed = len(d.ended) > 0
		d.ended = append(d.ended, r)
	}
	for _, d := range all {
		d.alignFailed()
	}
	return all
}

// stuck reports whether a run that goes on does not serve: it never said that it
// listens, and where it should have answered, requests failed and none was
// answered up to the next run or the end of the logs.
func (v *service) stuck(r *run, i int, l *lane, single bool) bool {
	from := r.began()
	if r.elsewhere == nil && (r.ready != nil && r.ready.Kind == culprit.KindAppStarted || from.IsZero()) {
		return false
	}
	if r.elsewhere != nil { // nginx may find it later, and the run goes on
		at := r.elsewhere.Time
		k := sort.Search(len(l.failed), func(k int) bool { return l.failed[k].at > at.Add(time.Second).UnixNano() })
		return k < len(l.failed) && l.failed[k].at < at.Add(around).UnixNano() && !l.answeredWell(v, single, at.Unix()+1, at.Add(around).Unix())
	}
	until := int64(math.MaxInt64)
	if i+1 < len(v.runs) {
		until = v.runs[i+1].began().Unix()
	}
	if l.answeredWell(v, single, from.Unix()+1, until) {
		return false
	}
	k := sort.Search(len(l.failed), func(k int) bool { return l.failed[k].at > from.Add(stallBefore).UnixNano() })
	return k < len(l.failed) && l.failed[k].at/1e9 < until || slices.ContainsFunc(r.said, func(e *culprit.Event) bool { return failsAtStart(wordVerdicts[e.Kind]) }) ||
		len(v.spare) > 0 && len(l.failed) > 0 && l.failed[len(l.failed)-1].at > from.Add(2*time.Second).UnixNano()
}

// places lists where a run says that it listens.
func (r *run) places() (out []string) {
	for _, e := range r.listens {
		out = append(out, listenAddress(e))
	}
	return out
}

// elsewhere returns the line in which a run says where it listens, if that is
// none of the addresses, of a service that says so of them in another life.
func (v *service) elsewhere(r *run, addrs []string) *culprit.Event {
	at := func(a string) bool {
		return slices.ContainsFunc(addrs, func(addr string) bool { return listens(a, addr) })
	}
	if len(r.listens) == 0 || len(addrs) == 0 || slices.ContainsFunc(r.listens, func(e *culprit.Event) bool { return at(listenAddress(e)) }) ||
		!slices.ContainsFunc(v.listens, func(l listening) bool { return at(l.address) }) {
		return nil
	}
	return r.listens[0]
}

func (d *downtime) last() *run { return d.ended[len(d.ended)-1] }

// servedFrom is when a run says that it serves, or when it was started.
func (r *run) servedFrom() time.Time {
	switch {
	case r.ready != nil:
		return r.ready.Time
	case r.start != nil:
		return r.start.Time
	case len(r.said) > 0:
		return r.said[0].Time
	}
	return time.Time{}
}

// servedBetween reports whether a run that ended had served: requests were
// answered in it, or it said that it listens. That a manager counts it as
// running proves nothing: a crash may be slower than startsecs.
func (v *service) servedBetween(r *run, after time.Time, l *lane, single bool) bool {
	end := r.end()
	if l.answeredWell(v, single, after.Unix()+1, end.Unix()-1) {
		return true
	}
	if r.ready == nil || r.ready.Kind != culprit.KindAppStarted || r.elsewhere != nil {
		return false
	}
	// It listened; whether it served shows in the traffic, if there was any.
	return end.Sub(r.ready.Time) > 2*time.Second || len(l.answered.sec) == 0
}

// overlap measures how much of an outage a downtime covers, 0 if it cannot
// explain it, and whether it can explain its beginning.
func (d *downtime) overlap(o *outage) (time.Duration, bool) {
	to := d.to
	if to.IsZero() {
		to = o.end.Add(time.Hour)
	}
	to = to.Add(downSlack)
	if d.from.Add(-stallBefore).After(o.end) || to.Before(o.start) {
		return 0, false
	}
	lo, hi := o.start, o.end
	if d.from.After(lo) {
		lo = d.from
	}
	if to.Before(hi) {
		hi = to
	}
	return max(hi.Sub(lo), 0) + 1, !d.from.After(o.start.Add(stallBefore))
}

// A finding is what the gates make of one outage.
type finding struct {
	outage   *outage
	downs    []*downtime // of the services behind the lane, the one that explains most first
	verdict  culprit.Verdict
	words    *lastWords // behind the verdict
	run      *run       // whose end carries the verdict
	trigger  *run       // whose end began it
	service  *service
	keeps    string
	knownTo  string
	remedy   string         // for an inconclusive one: what to read or enable
	root     *culprit.Event // the change behind it
	rootKind string
	local    bool
}

// find passes an outage through the gates.
func (c *analysis) find(o *outage) *finding {
	f := &finding{outage: o}
	addrs := c.addresses(o.lane)
	cands := c.services.serving(addrs)
	byConfig := len(cands) > 0
	if len(cands) == 0 && !c.besides(o) {
		cands = c.services.byNearExit(o, len(addrs) > 0)
	}
	for _, v := range cands {
		for _, d := range v.downtimes(o.lane, addrs) {
			ov, begins := d.overlap(o)
			if ov <= 0 || !begins && !c.thrashed(d, o) {
				continue
			}
			f.downs = append(f.downs, d)
		}
	}
	c.order(f)
	switch {
	case len(f.downs) > 0 && c.hung(f):
		c.fromHang(f)
	case len(f.downs) > 0 && !c.contradicted(f):
		c.fromExit(f, byConfig)
	default:
		f.downs = nil
		if !byConfig {
			cands = c.services.configured(addrs)
		}
		if len(cands) == 0 && len(addrs) == 0 && !c.traffic.told() {
			cands = c.services.onlyApp()
		}
		c.withoutExit(f, cands)
	}
	c.findRoot(f)
	return f
}

// besides reports whether another upstream that nobody is known to serve began
// to fail then too: which of them an exit belongs to, its time does not tell.
func (c *analysis) besides(o *outage) bool {
	return slices.ContainsFunc(c.outages, func(p *outage) bool {
		return p.lane != o.lane && !p.small && distance(p.start, o.start) <= 2*around && len(c.services.serving(c.addresses(p.lane))) == 0
	})
}

// order puts the downtime that completes the outage first: of the servers of a
// group, users fail only when the last one goes.
func (c *analysis) order(f *finding) {
	o := f.outage
	slices.SortStableFunc(f.downs, func(a, b *downtime) int {
		da, db := a.from.Sub(o.start).Abs(), b.from.Sub(o.start).Abs()
		ova, _ := a.overlap(o)
		ovb, _ := b.overlap(o)
		if half := (o.end.Sub(o.start) + 1) / 2; (ova >= half) != (ovb >= half) {
			if ova >= half {
				return -1
			}
			return 1
		}
		switch {
		case da < db:
			return -1
		case da > db:
			return 1
		}
		return strings.Compare(a.service.name, b.service.name)
	})
}

// contradicted tells whether the phases of the failures exclude an exit: a
// permission, a missing socket while the process lives, a header that is too
// big, TLS, DNS are nginx's own sentences about a living process.
func (c *analysis) contradicted(f *finding) bool {
	b := f.outage.counts.ByPhase
	alive := b.BadResponse + b.TLS + b.DNS
	if slices.ContainsFunc(f.outage.samples, func(e *culprit.Event) bool { return sampledPhase(e) == phaseSocket && e.Attrs.GetInt("errno") == 13 }) {
		alive += b.Socket // a socket of a process that is gone refuses or is missing
	}
	return alive > 0 && alive*2 > f.outage.counts.Failed
}

// How long a process may stand still at its memory limit before it is ended, and
// how much earlier than an order time-outs stand that the order does not explain.
const (
	thrashing  = 10 * time.Minute
	hungBefore = 2 * time.Second
)

// thrashed reports whether a downtime that begins late in an outage explains it
// all the same: a process that is ended for its memory stands still before.
func (c *analysis) thrashed(d *downtime, o *outage) bool {
	if d.from.After(o.start.Add(thrashing)) || !o.stalled(d.from) {
		return false
	}
	switch c.settled(d) {
	case culprit.VerdictOOMKill, culprit.VerdictHeapOOM, culprit.VerdictMemoryLimit:
		return true
	}
	return false
}

// settled returns what began a downtime, "" if that cannot be asserted.
func (c *analysis) settled(d *downtime) culprit.Verdict {
	c.exam.explain(d.ended[0])
	if w := d.ended[0].words; w != nil && w.open() == "" {
		return base(w.verdict)
	}
	return ""
}

// stalled reports whether requests failed before an instant, as far as the logs
// of nginx tell how only because nobody answered them.
func (o *outage) stalled(at time.Time) bool {
	n := 0
	for i := range o.failures {
		f := &o.failures[i]
		if f.at >= at.Add(-hungBefore).UnixNano() {
			break
		}
		if f.phase != phaseReadTimeout && f.phase != phaseConnectTimeout && (f.phase != phaseNone || f.status != 504 || f.own) {
			return false
		}
		n += int(f.n)
	}
	return n >= floor
}

// hung reports whether the service did not answer long before it was stopped:
// whoever restarts what hangs is not the cause of it.
func (c *analysis) hung(f *finding) bool {
	d := f.downs[0]
	if !f.outage.stalled(d.from) {
		return false
	}
	switch c.settled(d) {
	case culprit.VerdictPlannedRestart, culprit.VerdictRestartUnexplained, culprit.VerdictKilled:
		return true
	}
	return false
}

// addresses returns every address behind a lane.
func (c *analysis) addresses(l *lane) []string {
	var out []string
	add := func(a string) {
		if !slices.Contains(out, a) {
			out = append(out, a)
		}
	}
	for _, u := range l.upstreams {
		for _, a := range c.topo.serversOf(u) {
			add(a)
		}
	}
	for _, h := range l.hosts {
		if len(l.upstreams) > 0 {
			break
		}
		if s := c.topo.byHost[h]; s != nil {
			for _, loc := range s.Locations {
				for _, a := range c.topo.serversOf(loc.Pass) {
					add(a)
				}
			}
		}
	}
	return out
}

// byNearExit returns the services whose end fits the first failures, where
// neither configuration nor their words tell who serves: only one may. known says
// whether the address is known that failed.
func (s *services) byNearExit(o *outage, known bool) []*service {
	var out []*service
	b := o.counts.ByPhase
	if b.Refused+b.Reset+b.ClosedEarly+b.NoLive+b.Socket == 0 && o.counts.Status["502"] == 0 {
		return nil
	}
	for _, v := range s.list {
		if managerUnit(v.name) && !login(v.name) && v.ended(o.start) && !s.seenUnder(v.name) {
			return nil // what ran under it may be meant, and its log was not read
		}
		if managerUnit(v.name) || v.otherProgram() || backstage(v.name) || v.once || known && len(v.listens) > 0 {
			continue // it is known where that one listens
		}
		for _, r := range v.runs {
			if r.endedBy(o.start) && (v.isApp() || r.lasting()) {
				out = append(out, v)
				break
			}
		}
	}
	if len(out) > 1 && !known {
		passed := s.topo.passed()
		out = slices.DeleteFunc(out, func(v *service) bool { return !slices.ContainsFunc(passed, v.serves) })
	}
	if len(out) != 1 {
		return nil
	}
	return out
}

// login tells the units of people's sessions: one ends whenever someone leaves.
func login(unit string) bool {
	return strings.HasPrefix(unit, "user@") || strings.HasPrefix(unit, "session-")
}

// backstage tells the units that no web server passes requests to.
func backstage(unit string) bool {
	switch unit {
	case "ssh", "sshd", "cron", "crond", "rsyslog", "dbus", "certbot", "logrotate", "fail2ban", "chrony", "ntp":
		return true
	}
	for _, names := range knownPorts {
		if startsAs(unit, names) {
			return true
		}
	}
	return strings.HasPrefix(unit, "systemd-")
}

// seenUnder reports whether the logs tell of programs of the manager in a unit.
func (s *services) seenUnder(unit string) bool {
	return slices.ContainsFunc(s.list, func(v *service) bool { return v.under(unit) && len(v.events) > 0 })
}

// endedBy reports whether a run ended about when something began to fail.
func (r *run) endedBy(t time.Time) bool {
	return r.exit != nil && within(r.end(), t, 5*time.Second, 5*time.Second)
}

func (v *service) ended(t time.Time) bool {
	return slices.ContainsFunc(v.runs, func(r *run) bool { return r.endedBy(t) }) ||
		slices.ContainsFunc(v.events, func(e *culprit.Event) bool {
			return e.Kind == culprit.KindUnitOOMKill && within(e.Time, t, 30*time.Second, 5*time.Second)
		})
}

// lasting reports whether a run of a unit that says nothing was that of a
// program which is meant to stay: it was ended, or failed, and is started again.
func (r *run) lasting() bool {
	i := slices.Index(r.service.runs, r)
	return r.service.manager == "systemd" && !webServer(r.service.name) && i+1 < len(r.service.runs) && r.service.runs[i+1].start != nil
}

// webServer tells the units that stand before applications, not behind.
func webServer(unit string) bool {
	switch unit {
	case "nginx", "openresty", "apache2", "httpd", "caddy", "haproxy", "varnish":
		return true
	}
	return false
}

// isApp tells whether a service looks like an application: a manager's program,
// or a unit that runs Node or spoke like it.
func (v *service) isApp() bool {
	if v.manager != "systemd" {
		return true
	}
	if v.conf != nil && strings.Contains(v.conf.Command, "node") {
		return true
	}
	return slices.ContainsFunc(v.events, func(e *culprit.Event) bool { return nodeKind(e.Kind) })
}

// fromExit settles the verdict of an outage whose service went away.
func (c *analysis) fromExit(f *finding, byConfig bool) {
	d := f.downs[0]
	f.service = d.service
	f.local = true
	for _, r := range d.ended {
		c.exam.explain(r)
	}
	first := d.ended[0]
	f.trigger = first
	f.run, f.words = first, first.words
	if n := len(d.ended); n > 1 {
		// Starts failed: what they said explains the time after the first of them.
		if r := majority(d.ended[1:], f.outage.end); r != nil && r.words != nil {
			f.run, f.words = r, r.words
		}
	}
	last := d.last()
	switch {
	case last.gaveUp != nil:
		f.keeps = "gave_up"
	case len(d.ended) > 1 && f.run != first && fails(f.words):
		f.keeps = "still_broken"
	case base(f.words.verdict) != culprit.VerdictHostReboot && last.order != nil && last.restart == nil && (d.back == nil || d.back.start != nil && d.back.start.Time.Sub(last.mark()) > 5*time.Second):
		f.keeps = "not_started"
	}
	f.verdict = f.words.verdict
	if r := d.idle(f.words); r != nil {
		f.verdict = culprit.VerdictInconclusive
		f.knownTo = f.service.name + " was restarted, and did not serve in the " + ago(r.end().Sub(r.start.Time)) + " until it was stopped once more; no record says why"
		f.remedy = remedyUntimed(f.service)
	} else if f.words.open() != "" {
		f.verdict = culprit.VerdictInconclusive
		f.knownTo = f.words.entity + " at " + clockTime(f.run.mark()) + "; " + f.words.open()
		f.remedy = remedyFor(f.words, f.service)
	} else if !byConfig {
		f.words.terms = append(f.words.terms, term("address_by_time", -2, "no record says that "+f.service.name+" serves this upstream; it is the only one that ended then"))
	}
	for _, o := range f.downs[1:] {
		for _, r := range o.ended {
			c.exam.explain(r)
		}
	}
}

// idleAfter is how long a start may take before it needs a reason.
const idleAfter = 10 * time.Second

// idle returns a run that was started after a stop on order, did not serve for
// long and was stopped again: the first order does not explain that.
func (d *downtime) idle(w *lastWords) *run {
	if fails(w) || w.open() != "" || base(w.verdict) == culprit.VerdictHostReboot {
		return nil
	}
	for _, r := range d.ended[1:] {
		if r.start != nil && r.exit != nil && r.order != nil && !r.answered && r.end().Sub(r.start.Time) >= idleAfter {
			return r
		}
	}
	return nil
}

// fails reports whether the end of a start means that the next one will end so too.
func fails(w *lastWords) bool {
	switch base(w.verdict) {
	case culprit.VerdictPlannedRestart, culprit.VerdictRestartUnexplained, culprit.VerdictHostReboot:
		return false
	}
	return w.open() == ""
}

// majority returns the run whose last words kept a service down longest.
func majority(ended []*run, until time.Time) *run {
	total := map[culprit.Verdict]time.Duration{}
	first := map[culprit.Verdict]*run{}
	for i, r := range ended {
		if r.words == nil || !fails(r.words) && r.words.open() == "" {
			continue // who orders one more stop keeps nothing down
		}
		end := until
		if i+1 < len(ended) {
			end = ended[i+1].began()
		}
		v := r.words.verdict
		total[v] += max(end.Sub(r.began()), 0) + 1
		if first[v] == nil {
			first[v] = r
		}
	}
	var best *run
	for _, r := range ended {
		if r.words != nil && first[r.words.verdict] == r && (best == nil || total[r.words.verdict] > total[best.words.verdict]) {
			best = r
		}
	}
	return best
}

// remedyUntimed gives the logs of a manager's processes times.
func remedyUntimed(s *service) string {
	switch s.manager {
	case "supervisor":
		return "stdout_syslog=true and stderr_syslog=true in its section of supervisor's configuration"
	case "pm2":
		return "pm2 restart " + s.name + " --time"
	}
	return ""
}

// remedyFor says how to make a missing source readable.
func remedyFor(w *lastWords, s *service) string {
	switch {
	case w.remedy != "":
		return w.remedy
	case w.unclear != "":
		return remedyUntimed(s)
	case strings.Contains(w.missing, "kernel"):
		return "sudo journalctl -k --no-pager -o short-iso > kernel.log"
	case s != nil && s.manager == "systemd":
		return "sudo journalctl -u " + s.name + " --no-pager > " + s.name + ".log"
	}
	return ""
}
