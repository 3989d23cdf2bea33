package correlate

import (
	"maps"
	"math"
	"slices"
	"strings"
	"time"

	"culprit"
)

// maxEvents bounds the events that are kept one by one. Failures of requests
// are counted, not kept; what comes behind the bound is dropped and told as a
// gap.
const maxEvents = 200_000

// A Correlator collects what the logs say. It is not safe for concurrent use.
type Correlator struct {
	topo     *topology
	traffic  *traffic
	events   []*culprit.Event
	open     map[string][]*culprit.Event // by source, see SetOpen
	dropped  int
	cover    map[string]*sourceCover
	reading  *sourceCover // of the last record
	silent   []string
	sources  map[string]bool // all that records came from
	last     string          // of these, the last new one
	gaps     []culprit.Gap
	readings readings
	newest   time.Time
}

// sourceCover is what one source can prove.
type sourceCover struct {
	source      string
	first, last time.Time
	kernel      bool // the kernel's messages stand in it
	others      bool // and those of others
	system      bool // those of pid 1
}

// New returns a correlator for one machine.
func New(t culprit.Topology) *Correlator {
	topo := newTopology(t)
	return &Correlator{topo: topo, traffic: newTraffic(topo), cover: map[string]*sourceCover{}, sources: map[string]bool{}, readings: readings{}}
}

// Add takes a record. It keeps nothing of it.
func (c *Correlator) Add(r *culprit.Record) {
	c.see(r)
	switch {
	case ignored(r), c.readings.note(r):
	case c.traffic.add(r):
	default:
		c.keep(r)
	}
}

// see notes what a source covers.
func (c *Correlator) see(r *culprit.Record) {
	if r.Source != c.last && !c.sources[r.Source] {
		c.last = strings.Clone(r.Source)
		c.sources[c.last] = true
	}
	if !r.Time.IsZero() {
		s := c.reading
		if s == nil || s.source != r.Source {
			if s = c.cover[r.Source]; s == nil {
				s = &sourceCover{source: strings.Clone(r.Source), first: r.Time, last: r.Time}
				c.cover[s.source] = s
			}
			c.reading = s
		}
		if r.Time.Before(s.first) {
			s.first = r.Time
		}
		if r.Time.After(s.last) {
			s.last = r.Time
		}
		if r.Time.After(c.newest) {
			c.newest = r.Time
		}
		if r.Process == "kernel" {
			s.kernel = true
		} else {
			s.others = true
			s.system = s.system || r.Process == "systemd"
		}
	}
}

// SetOpen takes the records of a source that may still grow, in place of those
// that were open before. They count in the next report; once they are complete
// they come by Add. Of requests only complete records count.
func (c *Correlator) SetOpen(source string, records []*culprit.Record) {
	var events []*culprit.Event
	for _, r := range records {
		c.see(r)
		if !ignored(r) && !isRequest(r.Kind) && len(events) < maxOpen {
			events = append(events, culprit.NewEvent(r))
		}
	}
	if len(events) == 0 {
		delete(c.open, source)
		return
	}
	if c.open == nil {
		c.open = map[string][]*culprit.Event{}
	}
	c.open[source] = events
}

// maxOpen bounds the open records of a source.
const maxOpen = 64

// ignored tells what no cause asks for, and of which there may be millions.
func ignored(r *culprit.Record) bool {
	switch r.Kind {
	case "", culprit.KindConsumed, culprit.KindSupervisorInfo, culprit.KindDeprecationWarning,
		culprit.KindBufferedToDisk, culprit.KindFileError, culprit.KindTLSFailed, culprit.KindBodyTooLarge, culprit.KindAuthFailed, culprit.KindConfigWarning,
		culprit.KindUpstreamDisabled, culprit.KindUpstreamStderr, culprit.KindLuaError, culprit.KindWAF:
		return true
	case culprit.KindAppLog:
		// Only warnings and worse may prove something later; the rest is traffic.
		return r.Severity < 0 || r.Severity > culprit.SeverityWarning
	}
	return false
}

func (c *Correlator) keep(r *culprit.Record) {
	if len(c.events) >= maxEvents {
		c.dropped++
		return
	}
	e := culprit.NewEvent(r)
	c.readings.mark(e)
	c.events = append(c.events, e)
}

// HasKernel says that a source holds the kernel's messages although none was
// among the records: a quiet kernel, of a journal that is read for an hour.
func (c *Correlator) HasKernel(source string) {
	if s := c.cover[source]; s != nil {
		s.kernel = true
	}
}

// Silent says that a source was read to its end and holds no record: a log of
// errors that is empty proves that there were none.
func (c *Correlator) Silent(source string) { c.silent = append(c.silent, source) }

// AddGap takes a stretch for which evidence is missing.
func (c *Correlator) AddGap(g culprit.Gap) { c.gaps = append(c.gaps, g) }

// Newest returns the latest time of any record, zero if none had one.
func (c *Correlator) Newest() time.Time { return c.newest }

// analysis is one look at everything that was added.
type analysis struct {
	topo     *topology
	traffic  *traffic
	services *services
	exam     *exam
	coverage *coverage
	cover    map[string]*sourceCover
	silent   []string // sources that were read and hold nothing
	outages  []*outage
	now      time.Time
}

// Report says what the records mean as of now: the present of a machine that
// still runs, or the time of the last record of logs that someone sent.
func (c *Correlator) Report(now time.Time) *culprit.Report {
	events := merge(c.copies())
	a := &analysis{topo: c.topo, traffic: c.traffic, services: newServices(c.topo), coverage: &coverage{gaps: c.gaps, sources: append(slices.Sorted(maps.Keys(c.sources)), c.silent...)}, cover: c.cover, silent: c.silent, now: now}
	a.services.load(events)
	boots := slices.DeleteFunc(slices.Clone(events), func(e *culprit.Event) bool { return e.Kind != culprit.KindBoot || e.Time.IsZero() })
	served := c.traffic.served()
	for _, s := range a.services.list {
		s.trace()
		s.endAtBoot(boots, served)
	}
	a.exam = &exam{services: a.services, coverage: a.coverage, readings: c.readings}
	a.exam.sort(events)
	a.exam.placeRestarts(c.readings, c.newest)
	for _, s := range c.cover {
		if s.system {
			a.coverage.systemSpans = append(a.coverage.systemSpans, span{s.first, s.last})
		}
		switch {
		case s.kernel && !s.others: // a log of the kernel alone is complete up to when it was copied
			a.coverage.kernelSpans = append(a.coverage.kernelSpans, span{s.first, c.newest})
		case s.kernel:
			a.coverage.kernelSpans = append(a.coverage.kernelSpans, span{s.first, s.last})
		}
	}
	for _, e := range events {
		if e.Kind == culprit.KindJournalSuppressed {
			a.coverage.suppressed = append(a.coverage.suppressed, e)
		}
	}
	rep := &culprit.Report{Version: 1, Sources: []culprit.SourceInfo{}, Gaps: append([]culprit.Gap{}, c.gaps...), Notices: []culprit.Notice{}, Incidents: []*culprit.Incident{}}
	for _, e := range a.coverage.suppressed {
		rep.Gaps = append(rep.Gaps, culprit.Gap{Source: place(e), From: timeOf(e.Time), To: timeOf(e.Time), Reason: firstLine(e.Message, 160),
			Remedy: "set RateLimitBurst=0 in /etc/systemd/journald.conf"})
	}
	if c.dropped > 0 {
		rep.Gaps = append(rep.Gaps, culprit.Gap{Source: "", Reason: plural(c.dropped, "event") + " behind the bound of " + itoa(maxEvents) + " were not looked at", Remedy: "narrow the window with --since and --until"})
	}
	if !c.traffic.read() {
		rep.Notices = append(rep.Notices, a.ends()...)
	}
	outages, retried := c.traffic.outages()
	a.outages = outages
	for _, o := range outages {
		if o.small {
			rep.Notices = append(rep.Notices, smallNotice(o))
			continue
		}
		rep.Incidents = append(rep.Incidents, a.incident(a.find(o)))
	}
	rep.Incidents = append(rep.Incidents, a.nginxDown(outages, served)...)
	slices.SortStableFunc(rep.Incidents, func(x, y *culprit.Incident) int { return x.Start.Compare(y.Start) })
	rep.Notices = append(rep.Notices, c.traffic.mutedNotices()...)
	for _, l := range retried {
		rep.Notices = append(rep.Notices, retriedNotice(l))
	}
	return rep
}

// copies returns all events to work on: merging joins places and fills in.
func (c *Correlator) copies() []*culprit.Event {
	events := make([]*culprit.Event, 0, len(c.events))
	add := func(e *culprit.Event) {
		o := *e
		o.Places = slices.Clone(e.Places)
		o.Attrs = slices.Clone(e.Attrs)
		events = append(events, &o)
	}
	for _, e := range c.events {
		add(e)
	}
	for _, source := range slices.Sorted(maps.Keys(c.open)) {
		for _, e := range c.open[source] {
			add(e)
		}
	}
	return events
}

// smallNotice tells of failures below the floor.
func smallNotice(o *outage) culprit.Notice {
	n := culprit.Notice{Kind: "few_failures", Entity: strings.Join(upstreamsOf(o.lane), ", "), Time: timeOf(o.start),
		Text: plural(o.counts.Failed, "request") + " failed, too few for an incident", Evidence: []culprit.Evidence{}}
	for _, e := range o.samples {
		n.Evidence = append(n.Evidence, evidenceOf(e, "effect"))
	}
	return n
}

// retriedNotice tells of failures that no user felt.
func retriedNotice(l *lane) culprit.Notice {
	n := culprit.Notice{Kind: "retried", Entity: strings.Join(upstreamsOf(l), ", "),
		Text: plural(l.nRetried, "failure") + " of an upstream were hidden from users: nginx asked the next server", Evidence: []culprit.Evidence{}}
	for _, e := range l.retried {
		if n.Time == nil {
			n.Time = timeOf(e.Time)
		}
		n.Evidence = append(n.Evidence, evidenceOf(e, "effect"))
	}
	return n
}

// mutedNotices tell of answers of 503 that may be nginx's own or the upstream's:
// nobody can say, so they are no incident.
func (t *traffic) mutedNotices() []culprit.Notice {
	var out []culprit.Notice
	for host, s := range t.muted {
		s.sorted()
		n := s.between(math.MinInt64, math.MaxInt64)
		if n < floor {
			continue
		}
		at := time.Unix(s.sec[0], 0)
		out = append(out, culprit.Notice{Kind: "answered_503", Entity: t.names.name(host), Time: timeOf(at), Evidence: []culprit.Evidence{},
			Text: plural(n, "request") + " got 503 up to " + clockTime(time.Unix(s.sec[len(s.sec)-1], 0)) + ", and no log says whether nginx or the upstream answered so: add $upstream_status to the log_format"})
	}
	slices.SortFunc(out, func(a, b culprit.Notice) int { return strings.Compare(a.Entity, b.Entity) })
	return out
}

// maxEnds bounds the ends of services that are told where no log of nginx was read.
const maxEnds = 20

// ends tells how applications ended, the newest last: without nginx's logs nobody
// knows whether requests failed, but this is what someone will look for.
func (c *analysis) ends() []culprit.Notice {
	var out []culprit.Notice
	for _, v := range c.services.list {
		if managerUnit(v.name) || webServer(v.name) || v.otherProgram() {
			continue
		}
		for _, r := range v.runs {
			if r.exit == nil || r.end().IsZero() || !v.isApp() && !r.lasting() {
				continue
			}
			if c.exam.explain(r); r.words == nil {
				continue
			}
			n := culprit.Notice{Kind: string(r.words.verdict), Entity: v.name, Time: timeOf(r.end()), Text: endSentence(r), Evidence: []culprit.Evidence{}}
			for i, e := range r.words.evidence[:min(len(r.words.evidence), 3)] {
				n.Evidence = append(n.Evidence, evidenceOf(e, []string{"decisive", "supports", "supports"}[i]))
			}
			out = append(out, n)
		}
	}
	slices.SortStableFunc(out, func(x, y culprit.Notice) int { return x.Time.Compare(*y.Time) })
	return out[max(0, len(out)-maxEnds):]
}
