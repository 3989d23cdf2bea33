package correlate

import (
	"cmp"
	"path"
	"slices"
	"strings"
	"time"

	"culprit"
)

// withoutExit settles an outage whose service did not end: nginx's own sentence
// decides where it says enough, else the proof stops there.
func (c *analysis) withoutExit(f *finding, cands []*service) {
	o := f.outage
	b := o.counts.ByPhase
	if len(cands) > 0 {
		f.service = cands[0]
	}
	lead := func(p phase) *culprit.Event {
		for _, e := range o.samples {
			if s := sampledPhase(e); s == p {
				return e
			}
		}
		if len(o.samples) > 0 {
			return o.samples[0]
		}
		return nil
	}
	say := func(v culprit.Verdict, p phase, feature, why string) {
		e := lead(p)
		if e == nil {
			return // no line to prove it
		}
		f.verdict = v
		f.words = &lastWords{verdict: v, joined: "address", entity: strings.Join(o.lane.upstreams, ", "), terms: []culprit.Term{term(feature, 4, why)}, evidence: []*culprit.Event{e}}
	}
	total := o.counts.Failed
	if rest := total - b.NoLive; rest > 0 {
		total = rest // that every server was marked as failed follows from how they failed
	}
	main := func(n int) bool { return n > 0 && n*2 >= total }
	remote := c.remote(o.lane)
	alive := o.lane.answered.between(o.start.Unix()+1, o.end.Unix())
	switch {
	case main(b.Socket):
		e := lead(phaseSocket)
		if e == nil {
			break
		}
		switch e.Attrs.GetInt("errno") {
		case 13:
			say(culprit.VerdictSocketPermission, phaseSocket, "nginx_sentence", "nginx may not connect to the socket (13: Permission denied)")
		case 2:
			say(culprit.VerdictSocketMissing, phaseSocket, "nginx_sentence", "there is no socket at that path (2: No such file or directory)")
		case 24:
			say(culprit.VerdictFDExhaustion, phaseSocket, "nginx_sentence", "nginx had no descriptor left")
		}
	case main(b.TLS):
		say(culprit.VerdictTLSUpstream, phaseTLS, "nginx_sentence", "TLS to the upstream failed")
	case main(b.BadResponse):
		say(culprit.VerdictBadResponse, phaseBadResponse, "nginx_sentence", "the upstream answered with what nginx cannot use")
	case main(o.count(own)):
		say(culprit.VerdictAppAnswered, phaseNone, "upstream_status", "the upstream itself answered so: the access log notes its status and its header")
	case main(b.None) && main(o.counts.Status["502"]+o.counts.Status["504"]) && c.errorLogSilent(o):
		say(culprit.VerdictAppAnswered, phaseNone, "no_error_line", "nginx logs each failure of its own, and its error log holds none: the upstream answered so")
	case main(b.DNS):
		say(culprit.VerdictDNS, phaseDNS, "nginx_sentence", "the upstream's name did not resolve")
	case main(b.Refused+b.ConnectTimeout) && c.healed(o):
		say(culprit.VerdictStaleUpstream, mainPhase(b), "reload_ended_it", "nginx is configured with a name, and requests were answered from its reload on")
	case remote != "" && main(b.Refused+b.ConnectTimeout+b.ReadTimeout+b.Reset+b.ClosedEarly):
		say(culprit.VerdictRemoteUpstream, mainPhase(b), "remote_address", remote+" is no address of this machine: its own logs tell why")
	case main(b.ReadTimeout+b.ConnectTimeout) && b.ReadTimeout > 0 && b.Refused == 0 && (b.Reset+b.ClosedEarly)*10 <= total && remote == "" &&
		c.coverage.fate(f.service, o.start) && !c.complained(cands, o):
		v := culprit.VerdictHangTimeout
		why := "it took the connections, so it listened, and answered nobody in time"
		if alive > o.counts.Failed {
			v, why = v+"_route", "it took the connections and answered "+plural(alive, "other request")+" meanwhile"
		}
		say(v, phaseReadTimeout, "nginx_sentence", why)
	}
	if f.verdict == "" && main(b.Reset+b.ClosedEarly) && remote == "" && c.coverage.fate(f.service, o.start) && !c.complained(cands, o) {
		switch posts := o.count(posted); {
		case posts*10 >= total*9 && alive > o.counts.Failed && o.lane.nRetried > 0:
			say(culprit.VerdictKeepaliveRace, mainPhase(b), "only_unsafe_methods", "only requests failed that nginx may not send again; "+plural(alive, "other")+" were answered meanwhile, the same failure among them")
		case f.service != nil && f.service.lives(o) && o.count(logged)*10 >= total*9: // else a new connection may have served them
			say(culprit.VerdictBadResponse+"_closed_early", mainPhase(b), "alive", "the same process ran before, meanwhile and after, and closed connections without an answer")
		}
	}
	if f.verdict != "" {
		f.words.evidence = append(f.words.evidence, f.service.murmurs(o)...)
		return
	}
	f.verdict = culprit.VerdictInconclusive
	up := cmp.Or(strings.Join(o.lane.upstreams, ", "), strings.Join(o.lane.hosts, ", "), "the upstream")
	name := up
	if f.service != nil {
		name = f.service.name + " (" + up + ")"
	}
	switch {
	case main(o.counts.Status["499"]):
		f.knownTo = name + " did not answer before its clients gave up"
		f.remedy = "log $upstream_response_time and the event loop's delay"
	case main(b.Refused):
		f.knownTo = "nothing listened on " + up + ", and no record says why"
		f.remedy = "journalctl --no-pager -o short-precise (or the log of what runs the app) around this time"
	case main(b.ReadTimeout):
		f.knownTo = name + " took connections but did not answer in time"
		f.remedy = "log $upstream_response_time and the event loop's delay"
	case main(b.ConnectTimeout):
		f.knownTo = up + " did not take connections, and did not refuse them"
	case main(b.Reset + b.ClosedEarly):
		f.knownTo = name + " dropped connections that were open; no record shows that it ended"
	case main(b.NoLive):
		f.knownTo = "every server of " + up + " was marked as failed"
	case main(o.counts.Status["503"]) && main(b.None):
		f.knownTo = "most requests to " + up + " got 503, and no log says whether nginx or the upstream answered so"
		f.remedy = "add $upstream_status to the log_format"
	case b.None == total && total > 0:
		f.knownTo = "requests to " + up + " failed and nginx's error log does not say how"
		f.remedy = "set error_log to level error for this server"
	default:
		f.knownTo = "requests to " + up + " failed in several ways"
	}
	if v, e := c.services.complains(cands); e != nil && !main(b.ReadTimeout) {
		f.knownTo += "; the log of " + v.name + " holds an error of its start but no time: " + firstLine(e.Message, 80)
		f.words = &lastWords{verdict: f.verdict, entity: v.name, joined: "file", evidence: []*culprit.Event{e}}
		if f.service == nil {
			f.service = v
		}
	}
}

// complains returns the last error of a start in a log without times, if only
// one of the services that may be meant has any. It proves nothing about when.
func (s *services) complains(cands []*service) (*service, *culprit.Event) {
	if len(cands) == 0 {
		cands = s.list
	}
	var found *service
	var last *culprit.Event
	for _, v := range cands {
		for _, e := range v.untimed {
			if failsAtStart(wordVerdicts[e.Kind]) && e.Attrs.Get("fatal") != "false" {
				if found != nil && found != v {
					return nil, nil
				}
				found, last = v, e
			}
		}
	}
	return found, last
}

// How far around an outage, and how many, of a living service's own warnings are
// told with it.
const (
	murmurBefore = 30 * time.Second
	maxMurmurs   = 3
)

// murmurs returns the first warnings and errors that a living service logged
// around an outage, errors before warnings.
func (v *service) murmurs(o *outage) (out []*culprit.Event) {
	if v == nil {
		return nil
	}
	for _, errors := range []bool{true, false} {
		for _, e := range v.events {
			if len(out) < maxMurmurs && lastWord(e.Kind) == errors && (errors || e.Kind == culprit.KindAppLog || e.Kind == culprit.KindNodeWarning) &&
				within(e.Time, o.start, murmurBefore, o.end.Sub(o.start)+around) {
				out = append(out, e)
			}
		}
	}
	return out
}

// fromHang settles an outage whose service answered nobody until it was stopped.
func (c *analysis) fromHang(f *finding) {
	d := f.downs[0]
	f.service, f.downs = d.service, nil
	f.verdict = culprit.VerdictHangTimeout
	f.words = &lastWords{verdict: f.verdict, joined: "address", entity: d.ended[0].entity(), evidence: []*culprit.Event{},
		terms: []culprit.Term{term("nginx_sentence", 4, "it took the connections, so it listened, and answered nobody in time"), term("stopped_later", 2, "it was stopped only after that")}}
	for _, e := range f.outage.samples {
		if p := sampledPhase(e); p == phaseReadTimeout || p == phaseConnectTimeout {
			f.words.evidence = append(f.words.evidence, e)
		}
	}
	if len(f.words.evidence) == 0 { // the access log's word alone
		f.verdict = culprit.VerdictInconclusive
		f.knownTo = d.service.name + " did not answer in time, and was stopped only at " + clockTime(d.from)
		f.remedy = "set error_log to level error for this server"
		f.words.verdict = f.verdict
	}
	f.words.evidence = append(append(f.words.evidence, f.service.murmurs(f.outage)...), d.ended[0].words.evidence...)
}

// complained reports whether one of the services logged trouble with what it
// needs while nobody was answered: then that may be behind it.
func (c *analysis) complained(cands []*service, o *outage) bool {
	return slices.ContainsFunc(cands, func(v *service) bool {
		return slices.ContainsFunc(v.events, func(e *culprit.Event) bool {
			return dependency(wordVerdicts[e.Kind]) && within(e.Time, o.start, time.Minute, o.end.Sub(o.start)+5*time.Second)
		})
	})
}

// healed reports whether an outage ended when nginx took its configuration again,
// and so looked up the name that it is configured with.
func (c *analysis) healed(o *outage) bool {
	if !slices.ContainsFunc(o.lane.upstreams, c.topo.byName) || o.lane.answered.between(o.end.Unix(), o.end.Unix()+quiet) == 0 {
		return false
	}
	for _, v := range c.services.list {
		if webServer(v.name) && slices.ContainsFunc(v.events, func(e *culprit.Event) bool {
			return e.Kind == culprit.KindReloading && within(e.Time, o.end, 2*time.Second, 2*time.Second)
		}) {
			return true
		}
	}
	return false
}

// count returns how many failed requests are of a kind.
func (o *outage) count(is func(f *failure) bool) (n int) {
	for i := range o.failures {
		if f := &o.failures[i]; is(f) {
			n += int(f.n)
		}
	}
	return n
}

func own(f *failure) bool    { return f.own }         // the upstream answered it itself
func posted(f *failure) bool { return f.post }        // nginx does not send it again
func logged(f *failure) bool { return f.status != 0 } // an access log holds its status

// lives reports whether one run of a service spans an outage and nothing that it
// said meanwhile tells of a death inside it, such as that of a worker.
func (v *service) lives(o *outage) bool {
	from, to := o.start.Add(-around), o.end.Add(around)
	if !slices.ContainsFunc(v.runs, func(r *run) bool {
		return !r.began().IsZero() && r.began().Before(o.start) && (r.exit == nil || r.end().After(to))
	}) {
		return false
	}
	return !slices.ContainsFunc(v.events, func(e *culprit.Event) bool {
		return between(e.Time, from, to) && (lastWord(e.Kind) || e.Kind == culprit.KindAppStarted || e.Kind == culprit.KindHeapOOM || e.Kind == culprit.KindUnitOOMKill)
	})
}

// errorLogSilent reports whether nginx would have logged the failures of an
// outage: the error logs of every server that passes on to it are configured to
// hold errors, and what was read of them reaches over it.
func (c *analysis) errorLogSilent(o *outage) bool {
	addrs := c.addresses(o.lane)
	found := false
	if slices.ContainsFunc(o.failures, func(f failure) bool { return f.mute }) {
		return false // the upstream said nothing: that log is not all
	}
	if len(c.traffic.errors) >= maxItems {
		return false
	}
	for i := range c.traffic.errors { // of other requests, as far as they could be matched
		e := &c.traffic.errors[i]
		if e.at >= o.start.Add(-hungBefore).UnixNano() && e.at <= o.end.Add(hungBefore).UnixNano() && (slices.Contains(o.lane.hosts, c.traffic.names.name(e.host)) || slices.Contains(addrs, c.traffic.names.name(e.up))) {
			return false
		}
	}
	for i := range c.topo.Servers {
		s := &c.topo.Servers[i]
		if !slices.ContainsFunc(s.Locations, func(l culprit.Location) bool {
			return slices.ContainsFunc(c.topo.serversOf(l.Pass), func(a string) bool { return slices.Contains(addrs, a) })
		}) {
			continue
		}
		if len(s.ErrorLogs) == 0 || !slices.ContainsFunc(s.ErrorLogs, func(l culprit.Log) bool {
			return l.Format != "crit" && l.Format != "alert" && l.Format != "emerg" && c.reaches(path.Base(l.Path), o)
		}) {
			return false
		}
		found = true
	}
	return found
}

// reaches reports whether the log of a name was read from before an outage to
// behind it, or was read and is empty.
func (c *analysis) reaches(name string, o *outage) bool {
	for _, s := range c.cover {
		if logName(s.source) == name && s.first.Before(o.start) && s.last.After(o.end) {
			return true
		}
	}
	// The access log begins before it, and the two are rotated together.
	return o.lane.answered.between(o.start.Unix()-quietAlone, o.start.Unix()-1) > 0 &&
		slices.ContainsFunc(c.silent, func(source string) bool { return logName(source) == name })
}

func sampledPhase(e *culprit.Event) phase {
	r := culprit.Record{Kind: e.Kind, Attrs: e.Attrs}
	return phaseOf(&r)
}

// mainPhase returns the phase that most failures have.
func mainPhase(b culprit.ByPhase) phase {
	best, n := phaseNone, 0
	for p := phase(1); p < phases; p++ {
		if k := *byPhase(&b, p); k > n {
			best, n = p, k
		}
	}
	return best
}

// remote returns the address of a lane that is another machine's: neither
// loopback nor a socket nor one that a service here listens at, and no name.
func (c *analysis) remote(l *lane) string {
	all := c.addresses(l)
	if len(all) == 0 {
		return ""
	}
	a := all[0]
	host := a
	if i := strings.LastIndexByte(a, ':'); i > 0 {
		host = strings.Trim(a[:i], "[]")
	}
	if strings.HasPrefix(a, "unix:") || loopback(host) || host == "" || strings.Trim(host, "0123456789abcdefABCDEF.:") != "" || !strings.ContainsAny(host, ".:") {
		return ""
	}
	if len(c.services.serving([]string{a})) > 0 || containerAddress(host) {
		return ""
	}
	return a
}

// containerAddress reports whether an address is of Docker's default networks:
// then the upstream is a container of this machine.
func containerAddress(host string) bool {
	for i := 17; i < 32; i++ {
		if strings.HasPrefix(host, "172."+itoa(i)+".") {
			return true
		}
	}
	return false
}
