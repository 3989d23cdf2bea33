package correlate

import (
	"slices"
	"time"

	"culprit"
)

// While nginx is down it logs no request: what fails shows only as silence. It
// counts as an outage from this long on, if requests came before.
const (
	nginxGone   = 5 * time.Second
	nginxBefore = time.Minute // of which the requests are counted
)

// nginxDown finds the stretches in which nginx itself was down and requests would
// have come; one that has failed requests around it is told as that.
func (c *analysis) nginxDown(outages []*outage, served *series) (list []*culprit.Incident) {
	for _, v := range c.services.list {
		if !webServer(v.name) || v.manager != "systemd" {
			continue
		}
		for i, r := range v.runs {
			if r.exit == nil {
				continue
			}
			o := &outage{lane: &lane{}, start: r.end().UTC(), end: c.now.UTC()}
			if i+1 < len(v.runs) {
				o.end = v.runs[i+1].began().UTC()
			} else if emerg(v, o) == nil {
				continue // the logs end here, and nobody knows who came
			}
			from, to := o.start.Unix(), o.end.Unix()
			gone := o.end.Sub(o.start)
			before := served.between(from-int64(nginxBefore/time.Second), from)
			if gone < nginxGone || served.between(from+1, to-1) > 0 || float64(before)*gone.Seconds() < floor*nginxBefore.Seconds() ||
				slices.ContainsFunc(outages, func(p *outage) bool {
					return p.end.After(o.start.Add(-around)) && p.start.Before(o.end.Add(stallBefore))
				}) {
				continue
			}
			list = append(list, c.incident(c.nginxFinding(o, r)))
		}
	}
	return list
}

// gone tells an outage that shows only as silence.
func (f *finding) gone() bool { return len(f.outage.failures) == 0 }

// nginxFinding tells why nginx was down: what it said about its configuration,
// else what ended it.
func (c *analysis) nginxFinding(o *outage, r *run) *finding {
	o.counts = culprit.Failures{Status: map[string]int{}, PhaseSeries: map[string][]int{}, PerSecond: []int{0}, BinSeconds: max(1, int(o.end.Sub(o.start)/time.Second)+1)}
	c.exam.explain(r)
	f := &finding{outage: o, service: r.service, verdict: culprit.VerdictNginxDown}
	f.words = &lastWords{verdict: f.verdict, joined: "unit", entity: r.service.name, terms: []culprit.Term{term("silence", 3, "no request was logged between its stop and its next start")}}
	if e := emerg(r.service, o); e != nil {
		f.words.evidence = append(f.words.evidence, e)
		f.words.terms = append(f.words.terms, term("emerg", 4, "it says why it did not start"))
	}
	if r.words != nil {
		f.words.evidence = append(f.words.evidence, r.words.evidence...)
		f.words.initiator = r.words.initiator
		if base(r.words.verdict) == culprit.VerdictHostReboot {
			f.verdict, f.words.verdict = culprit.VerdictHostReboot, culprit.VerdictHostReboot
		}
	} else {
		f.words.evidence = append(f.words.evidence, r.exit)
	}
	return f
}

// emerg returns the line in which nginx says why it did not start while it was
// down, nil if there is none.
func emerg(v *service, o *outage) *culprit.Event {
	for _, e := range v.events {
		switch e.Kind {
		case culprit.KindConfigError, culprit.KindBindFailed, culprit.KindConfigUpstreamHostNotFound:
			if between(e.Time, o.start.Add(-around), o.end) {
				return e
			}
		}
	}
	return nil
}

// served sums the requests that were logged, whatever came of them.
func (t *traffic) served() *series {
	var all series
	for _, s := range t.answered {
		all.join(s)
	}
	for i := range t.requests {
		all.add(t.requests[i].at/1e9, 1)
	}
	all.sorted()
	return &all
}
