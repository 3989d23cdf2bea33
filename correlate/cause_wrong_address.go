package correlate

import "culprit"

// causeWrongAddress: a run that says where it listens, and that is not where
// nginx looks for it, while the service says in another life that it listens
// there. What it says holds as long as it runs: there is no lag.
//
// If nginx is configured with a name and only the host differs, it is nginx that
// has not looked the name up again.
var causeWrongAddress = cause{culprit.VerdictWrongAddress, func(x *exam, r *run) *lastWords {
	if !r.failed || r.elsewhere == nil || r.exit != nil && !r.fate().clean {
		return nil
	}
	w := &lastWords{evidence: []*culprit.Event{r.elsewhere}, joined: joinOf(r.elsewhere, r), entity: r.entity() + " listens on " + listenAddress(r.elsewhere),
		terms: []culprit.Term{term("listens_elsewhere", 4, "it says that it listens on "+listenAddress(r.elsewhere)), term("served_before", 2, "in another life it said so of the address where nginx looks")}}
	if x.services.topo.byName(listenAddress(r.elsewhere)) {
		w.verdict = culprit.VerdictStaleUpstream
		w.terms = append(w.terms, term("configured_name", 2, "nginx is configured with a name, which it looks up when it starts or reloads"))
	}
	if r.start != nil {
		w.evidence = append(w.evidence, r.start)
	}
	return w
}}
