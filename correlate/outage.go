package correlate

import (
	"cmp"
	"slices"
	"sort"
	"strings"
	"sync"
	"time"

	"culprit"
)

// Limits of gate 0, in seconds unless said otherwise.
const (
	quiet      = 20  // seconds without a failure that end an outage once requests succeed again
	quietAlone = 600 // the same where no request at all was answered meanwhile
	floor      = 3   // failed requests that make an outage
	floorSpan  = 10  // or all of at least one within this many seconds
	matchEarly = 2   // an access line may stand this much before its error line
	matchLate  = 65  // or behind it: the next upstream may take its time
)

// A lane is what fails together: an upstream group or a single address, or a
// host where the upstream is not known.
type lane struct {
	upstreams []string // addresses and group names
	hosts     []string
	failed    []failure
	answered  series
	pulse     series             // of a lane without host and upstream: what else its logs hold, so that they went on
	byAddress map[string]*series // of answered, what is known to have been answered by one address
	retried   []*culprit.Event   // samples of failures that a retry hid from users
	nRetried  int
}

// A failure is a failed request as its user saw it, or all of one second that
// were only counted.
type failure struct {
	at     int64  // Unix nanoseconds
	n      int32  // requests
	client uint32 // hash of the address, 0 if not known
	host   id
	up     id
	status int16 // 0 if only the error log tells
	phase  phase
	own    bool // the upstream itself answered so
	post   bool // nginx may not send it again
	mute   bool // connected, and no header came
}

// An outage is a stretch of failures of one lane.
type outage struct {
	lane       *lane
	start, end time.Time
	failures   []failure
	small      bool // below the floor: a notice
	counts     culprit.Failures
	samples    []*culprit.Event // verbatim lines, by phase
}

// outages finds the stretches of failed requests.
func (t *traffic) outages() (all []*outage, retried []*lane) {
	lanes := t.lanes()
	for _, l := range lanes {
		if l.nRetried > 0 {
			retried = append(retried, l)
		}
		inOrder(l.failed, func(a, b failure) int { return cmp.Compare(a.at, b.at) })
		l.answered.sorted()
		l.pulse.sorted()
		for _, s := range l.byAddress {
			s.sorted()
		}
		first := 0
		for i := range l.failed {
			if i+1 < len(l.failed) && !l.ends(l.failed[i].at, l.failed[i+1].at) {
				continue
			}
			all = append(all, &outage{lane: l, failures: l.failed[first : i+1]})
			first = i + 1
		}
	}
	for _, o := range all {
		t.measure(o)
	}
	slices.SortStableFunc(all, func(a, b *outage) int { return a.start.Compare(b.start) })
	return all, retried
}

// inOrder sorts what is nearly always sorted already.
func inOrder[T any](list []T, compare func(a, b T) int) {
	if !slices.IsSortedFunc(list, compare) {
		slices.SortStableFunc(list, compare)
	}
}

// ends reports whether an outage ends between two failures that follow each
// other: requests were answered meanwhile, or nobody knows and it was long.
func (l *lane) ends(last, next int64) bool {
	gap := (next - last) / 1e9
	if gap < quiet {
		return false
	}
	from, to := last/1e9+1, next/1e9-1
	return gap >= quietAlone || l.answered.between(from, to) > 0 || l.pulse.between(from, to) > 0 || !l.covered()
}

// covered reports whether an access log holds requests of the lane; another
// host's log tells nothing about it.
func (l *lane) covered() bool {
	return len(l.answered.sec) > 0 || slices.ContainsFunc(l.failed, func(f failure) bool { return f.status != 0 })
}

// lanes assigns every failed request to what it failed at.
func (t *traffic) lanes() []*lane {
	t.muted = nil
	byKey := make(map[uint64][]int32, len(t.requests))
	for i := range t.requests {
		if k := t.requests[i].key; t.has(k) {
			byKey[k] = append(byKey[k], int32(i))
		}
	}
	for _, hs := range byKey {
		slices.SortFunc(hs, func(a, b int32) int { return cmp.Compare(t.requests[a].at, t.requests[b].at) })
	}
	phaseOfReq := make([]phase, len(t.requests))
	upOfReq := make([]id, len(t.requests))
	hostOfReq := make([]id, len(t.requests))
	taken := make([]bool, len(t.requests))
	learned := map[[2]id]map[id]int{} // (source, host) of an access log to upstreams, by matches
	matchedHost := map[id]bool{}      // hosts of error lines whose requests an access log holds
	var unmatched []int
	order := make([]int, len(t.errors))
	for i := range order {
		order[i] = i
	}
	inOrder(order, func(a, b int) int { return cmp.Compare(t.errors[a].at, t.errors[b].at) })
	served := map[int]bool{}
	for _, ei := range order {
		e := &t.errors[ei]
		best, early := -1, -1
		for _, h := range byKey[e.key] {
			q := &t.requests[h]
			d := (q.at - e.at) / int64(time.Second)
			if d < -matchEarly {
				continue
			}
			if d > matchLate {
				break
			}
			if taken[h] && phaseOfReq[h] != phaseNoLive && e.phase != phaseNoLive {
				// Several tries of one request: the first line that took it stays,
				// unless another request of the same key is nearer.
				if best < 0 && d <= 1 {
					best = -2 - int(h)
				}
				continue
			}
			if q.at/1e9 < e.at/1e9 { // nginx writes it last: only if there is no other
				early = int(h)
				continue
			}
			best = int(h)
			break
		}
		if best == -1 {
			best = early
		}
		if best <= -2 {
			best = -2 - best
		}
		if best < 0 {
			unmatched = append(unmatched, ei)
			continue
		}
		matchedHost[e.host] = true
		q := &t.requests[best]
		first := !taken[best]
		taken[best] = true
		if first || phaseOfReq[best] == phaseNoLive {
			phaseOfReq[best], upOfReq[best], hostOfReq[best] = e.phase, e.up, e.host
		}
		k := [2]id{q.source, q.host}
		if learned[k] == nil {
			learned[k] = map[id]int{}
		}
		learned[k][e.up]++
		if !q.failed {
			served[ei] = true
		}
	}

	u := newUnion()
	for _, g := range t.topo.Groups {
		for _, a := range g.Servers {
			u.join(g.Name, a)
		}
	}
	for p := range t.peers {
		u.join(t.names.name(p[0]), t.names.name(p[1]))
	}
	t.joinGroups(u, order)

	byRoot := map[string]*lane{}
	known := map[[2]id]*lane{}
	get := func(up, host id) *lane {
		if l := known[[2]id{up, host}]; l != nil {
			return l
		}
		name := t.names.name(up)
		if name == "" {
			name = "host:" + t.names.name(host)
		}
		root := u.find(name)
		l := byRoot[root]
		if l == nil {
			l = &lane{}
			byRoot[root] = l
		}
		if up != 0 && !slices.Contains(l.upstreams, t.names.name(up)) {
			l.upstreams = append(l.upstreams, t.names.name(up))
		}
		if h := t.names.name(host); h != "" && !slices.Contains(l.hosts, h) {
			l.hosts = append(l.hosts, h)
		}
		known[[2]id{up, host}] = l
		return l
	}
	usual := func(source, host id) id {
		m := learned[[2]id{source, host}]
		var best id
		for up, n := range m {
			if n > m[best] || n == m[best] && best != 0 && t.names.name(up) < t.names.name(best) {
				best = up
			}
		}
		return best
	}
	slow, felt := t.abandoned(), t.unavailable()
	for i := range t.requests {
		q := &t.requests[i]
		if !q.failed {
			continue
		}
		up := q.up
		if upOfReq[i] != 0 && (up == 0 || phaseOfReq[i] != phaseNoLive) {
			up = upOfReq[i] // the address that failed, where the access log only knows the group
		}
		if !taken[i] {
			if _, lim := t.limited[q.key]; lim && (q.status == 503 || q.status == 429) {
				continue
			}
			if q.ours && q.up == 0 || q.status == 499 && !slow[i] {
				continue
			}
			if q.status == 503 && !q.own && !felt[i] {
				t.mute(q)
				continue // nginx says 503 for its own limits; an upstream's 503 states upstream_status
			}
			if up == 0 {
				up = usual(q.source, q.host)
			}
		}
		if q.status == 499 && !slow[i] && phaseOfReq[i] != phaseReadTimeout && phaseOfReq[i] != phaseConnectTimeout {
			continue
		}
		host := q.host
		if host == 0 {
			host = hostOfReq[i]
		}
		if !taken[i] && q.mute && q.status == 504 {
			phaseOfReq[i] = phaseReadTimeout // 504 is nginx's word for a time-out, and it was connected
		}
		l := get(up, host)
		l.failed = append(l.failed, failure{at: q.at, n: 1, status: q.status, phase: phaseOfReq[i], client: q.client, host: host, up: up, own: q.own, post: q.post, mute: q.mute})
	}
	covered := t.coveredHosts(matchedHost)
	retried := t.retries(unmatched)
	var lost []int
	more := map[*lane]int{}
	for _, ei := range unmatched {
		e := &t.errors[ei]
		if covered(e) || retried(e) {
			served[ei] = true
			continue
		}
		lost = append(lost, ei)
		more[get(e.up, e.host)]++
	}
	for l, n := range more { // there may be very many
		l.failed = slices.Grow(l.failed, n)
	}
	for _, ei := range lost {
		e := &t.errors[ei]
		l := get(e.up, e.host)
		l.failed = append(l.failed, failure{at: e.at, n: 1, phase: e.phase, client: e.client, host: e.host, up: e.up, post: e.post})
	}
	for _, ei := range order {
		if !served[ei] {
			continue
		}
		e := &t.errors[ei]
		l := get(e.up, e.host)
		l.nRetried++
		if len(l.retried) < 3 {
			if k := t.sorts[stamp{source: e.source, host: e.host, up: e.up, phase: e.phase, errno: e.errno}]; k != nil && len(k.samples) > 0 {
				l.retried = append(l.retried, k.samples[0])
			}
		}
	}
	t.spread(get)
	for f, s := range t.answered {
		up := f.up
		if up == 0 {
			up = usual(f.source, f.host)
		}
		if up == 0 && f.host == 0 {
			if l := byRoot[u.find("host:")]; l != nil {
				l.pulse.join(s)
			}
			continue
		}
		name := t.names.name(up)
		if name == "" {
			name = "host:" + t.names.name(f.host)
		}
		if l := byRoot[u.find(name)]; l != nil {
			l.answer(t.names.name(f.up), s)
		}
	}
	lanes := make([]*lane, 0, len(byRoot))
	for _, l := range byRoot {
		slices.Sort(l.upstreams)
		slices.Sort(l.hosts)
		lanes = append(lanes, l)
	}
	slices.SortFunc(lanes, func(a, b *lane) int {
		return cmp.Compare(strings.Join(a.upstreams, ",")+strings.Join(a.hosts, ","), strings.Join(b.upstreams, ",")+strings.Join(b.hosts, ","))
	})
	return lanes
}

// joinGroups joins a group that a "no live upstreams" line names with the
// addresses that failed for the same host in the minute before: without
// configuration nothing else tells them. Order holds the errors by time.
func (t *traffic) joinGroups(u *union, order []int) {
	type seen struct {
		up id
		at int64
	}
	failed, groups := map[id][]seen{}, map[id][]seen{} // by host
	note := func(m map[id][]seen, e *errorLine) {
		for i := range m[e.host] {
			if m[e.host][i].up == e.up {
				m[e.host][i].at = e.at
				return
			}
		}
		m[e.host] = append(m[e.host], seen{e.up, e.at})
	}
	join := func(list []seen, e *errorLine, within int64) {
		for _, o := range list {
			if e.at-o.at <= within {
				u.join(t.names.name(o.up), t.names.name(e.up))
			}
		}
	}
	for _, i := range order {
		e := &t.errors[i]
		if e.phase != phaseNoLive {
			note(failed, e)
			join(groups[e.host], e, 2e9)
			continue
		}
		if len(t.topo.serversOf(t.names.name(e.up))) <= 1 {
			note(groups, e)
			join(failed[e.host], e, 60e9)
		}
	}
}

// abandoned tells which of the requests that clients gave up (499) failed
// users: piled up at one duration, or one after the other with no answer between.
func (t *traffic) abandoned() map[int]bool {
	slow := map[int]bool{}
	type pile struct {
		source, host id
		took         int32
	}
	piles := map[pile][]int{}
	for i := range t.requests {
		q := &t.requests[i]
		if q.status == 499 && q.failed && q.took >= 5000 {
			k := pile{q.source, q.host, (q.took + 500) / 1000}
			piles[k] = append(piles[k], i)
		}
	}
	t.unanswered(slow)
	for _, is := range piles {
		slices.SortFunc(is, func(a, b int) int { return cmp.Compare(t.requests[a].at, t.requests[b].at) })
		for a, b := 0, 0; b < len(is); b++ {
			for t.requests[is[b]].at-t.requests[is[a]].at > 20e9 {
				a++
			}
			if b-a+1 >= 10 {
				for _, i := range is[a : b+1] {
					slow[i] = true
				}
			}
		}
	}
	return slow
}

// Clients that give up one after the other while nobody gets an answer tell of a
// service that hangs, also where a log does not say how long they waited.
const (
	gaveUpMin     = 10 // requests in a row
	gaveUpClients = 3  // of different clients
	gaveUpSpan    = 5  // seconds between the first and the last of them
)

// mute counts an answer of 503 of which no log says who gave it.
func (t *traffic) mute(q *request) {
	if t.muted[q.host] == nil {
		if t.muted == nil {
			t.muted = map[id]*series{}
		}
		t.muted[q.host] = &series{}
	}
	t.muted[q.host].add(q.at/1e9, 1)
}

// An answer of 503 that may be nginx's own is a failure where everybody got it:
// a limit meets few clients and answers the others.
const unavailableClients = 5

// unavailable tells which of the requests that got 503, of an upstream that only
// configuration names, failed users: a stretch in which most got it.
func (t *traffic) unavailable() map[int]bool {
	felt := map[int]bool{}
	byUp := map[id][]int{}
	for i := range t.requests {
		q := &t.requests[i]
		if _, lim := t.limited[q.key]; q.status == 503 && !q.own && q.up != 0 && !lim {
			byUp[q.up] = append(byUp[q.up], i)
		}
	}
	for up, is := range byUp {
		slices.SortFunc(is, func(a, b int) int { return cmp.Compare(t.requests[a].at, t.requests[b].at) })
		var answered series
		for f, s := range t.answered {
			if f.up == up {
				answered.join(s)
			}
		}
		answered.sorted()
		var b int
		for a := 0; a < len(is); a = b {
			clients := map[uint32]bool{}
			for b = a; b < len(is) && (b == a || t.requests[is[b]].at-t.requests[is[b-1]].at < quiet*1e9); b++ {
				clients[t.requests[is[b]].client] = true
			}
			if len(clients) >= unavailableClients && answered.between(t.requests[is[a]].at/1e9, t.requests[is[b-1]].at/1e9) < b-a {
				for _, i := range is[a:b] {
					felt[i] = true
				}
			}
		}
	}
	return felt
}

// unanswered marks the stretches in which every request of a host was given up.
func (t *traffic) unanswered(slow map[int]bool) {
	type flowOf struct{ source, host id }
	given := map[flowOf][]int{}
	for i := range t.requests {
		if q := &t.requests[i]; q.status == 499 && q.failed && q.took < 0 {
			given[flowOf{q.source, q.host}] = append(given[flowOf{q.source, q.host}], i)
		}
	}
	for k, is := range given {
		slices.SortFunc(is, func(a, b int) int { return cmp.Compare(t.requests[a].at, t.requests[b].at) })
		var answered series
		for f, s := range t.answered {
			if f.source == k.source && f.host == k.host {
				for i := range s.sec {
					answered.add(s.sec[i], s.n[i])
				}
			}
		}
		answered.sorted()
		var b int
		for a := 0; a < len(is); a = b {
			clients := map[uint32]bool{}
			first := t.requests[is[a]].at / 1e9
			for b = a; b < len(is); b++ {
				q := &t.requests[is[b]]
				if b > a && answered.between(t.requests[is[b-1]].at/1e9+1, q.at/1e9) > 0 {
					break
				}
				clients[q.client] = true
			}
			if b-a >= gaveUpMin && len(clients) >= gaveUpClients && t.requests[is[b-1]].at/1e9-first >= gaveUpSpan {
				for _, i := range is[a:b] {
					slow[i] = true
				}
			}
		}
	}
}

// coveredHosts returns whether an access log would hold the request of an
// error line that no access line matched: then nginx answered it some other
// way and no user saw it fail.
func (t *traffic) coveredHosts(matched map[id]bool) func(e *errorLine) bool {
	spans := map[id][2]int64{} // host to the seconds that its access lines cover
	widen := func(h id, s *series) {
		if len(s.sec) == 0 {
			return
		}
		sp, ok := spans[h]
		lo, hi := s.sec[0], s.sec[len(s.sec)-1]
		for _, x := range s.sec {
			lo, hi = min(lo, x), max(hi, x)
		}
		if !ok || lo < sp[0] {
			sp[0] = lo
		}
		if !ok || hi > sp[1] {
			sp[1] = hi
		}
		spans[h] = sp
	}
	for f, s := range t.answered {
		widen(f.host, s)
	}
	for i := range t.requests {
		q := &t.requests[i]
		s := series{sec: []int64{q.at / 1e9}, n: []int32{1}}
		widen(q.host, &s)
	}
	return func(e *errorLine) bool {
		sec := e.at / 1e9
		if sp, ok := spans[e.host]; ok && e.host != 0 {
			return sec >= sp[0]-quiet && sec <= sp[1]-matchEarly
		}
		return matched[e.host] && t.to != 0 && sec >= t.from && sec <= t.to-matchEarly
	}
}

// sameRequest bounds the lines before and behind one that may be of its request.
const sameRequest = 32

// retries returns whether nginx went on to another server after an error line
// whose request no access log holds: it may have sent it there, and neither an
// error of every server nor the word that none is left follows for it.
func (t *traffic) retries(unmatched []int) func(e *errorLine) bool {
	byKey := sync.OnceValue(func() map[uint64][]*errorLine { // few upstreams have several servers
		m := map[uint64][]*errorLine{}
		for _, i := range unmatched {
			m[t.errors[i].key] = append(m[t.errors[i].key], &t.errors[i])
		}
		return m
	})
	tries := map[id]int{}
	return func(e *errorLine) bool {
		if e.phase == phaseNoLive || e.post && e.phase != phaseRefused && e.phase != phaseConnectTimeout {
			return false
		}
		n, ok := tries[e.up]
		if !ok {
			n = t.topo.tries(t.names.name(e.up))
			tries[e.up] = n
		}
		if n < 2 {
			return false
		}
		failed := map[id]bool{}
		same := byKey()[e.key] // in order of time
		k := sort.Search(len(same), func(k int) bool { return same[k].at >= e.at })
		for _, o := range same[max(0, k-sameRequest):min(len(same), k+sameRequest)] {
			if d := o.at - e.at; d < -matchLate*1e9 || d > matchLate*1e9 {
				continue
			}
			if o.phase == phaseNoLive {
				return o.at < e.at
			}
			failed[o.up] = true
		}
		return len(failed) < n
	}
}

// spread adds the failures that were only counted.
func (t *traffic) spread(get func(up, host id) *lane) {
	more := map[*lane]int{}
	for st, s := range t.spills {
		if st.status != 499 && st.status != 503 && (st.phase != phaseNone || len(t.errors) < maxItems) {
			more[get(st.up, st.host)] += len(s.sec)
		}
	}
	for l, n := range more {
		l.failed = slices.Grow(l.failed, n)
	}
	for st, s := range t.spills {
		if st.status == 499 || st.status == 503 {
			continue
		}
		s.sorted()
		if st.phase == phaseNone && len(t.errors) >= maxItems {
			continue // the same requests stand among the error lines
		}
		l := get(st.up, st.host)
		for i, sec := range s.sec {
			l.failed = append(l.failed, failure{at: sec * 1e9, n: s.n[i], status: st.status, phase: st.phase, host: st.host, up: st.up})
		}
	}
}

// measure counts what users saw and picks the verbatim lines.
func (t *traffic) measure(o *outage) {
	f := o.failures
	o.start = time.Unix(0, f[0].at).UTC()
	o.end = time.Unix(0, f[len(f)-1].at).UTC()
	c := &o.counts
	c.Status = map[string]int{}
	clients := map[uint32]struct{}{}
	hosts := map[id]int{}
	seconds := int(o.end.Sub(o.start)/time.Second) + 1
	c.BinSeconds = max(1, (seconds+599)/600)
	bins := (seconds + c.BinSeconds - 1) / c.BinSeconds
	c.PerSecond = make([]int, bins)
	c.PhaseSeries = map[string][]int{}
	for i := range f {
		n := int(f[i].n)
		if f[i].status != 0 {
			c.Status[statusText(f[i].status)] += n
		}
		c.Failed += n
		if f[i].client != 0 {
			clients[f[i].client] = struct{}{}
		}
		hosts[f[i].host] += n
		b := int((f[i].at - f[0].at) / int64(time.Second) / int64(c.BinSeconds))
		c.PerSecond[b] += n
		name := phaseNames[f[i].phase]
		if c.PhaseSeries[name] == nil {
			c.PhaseSeries[name] = make([]int, bins)
		}
		c.PhaseSeries[name][b] += n
		*byPhase(&c.ByPhase, f[i].phase) += n
	}
	from, to := o.start.Unix(), o.end.Unix()
	c.Of = c.Failed + o.lane.answered.between(from, to)
	c.Clients = len(clients)
	if t.to == 0 {
		c.Of = 0 // no access log: nobody knows how many went well
	}
	ups := map[id]bool{}
	for i := range f {
		ups[f[i].up] = true
	}
	for i := range t.errors {
		if e := &t.errors[i]; ups[e.up] && e.at >= f[0].at-2e9 && e.at <= f[len(f)-1].at+2e9 {
			c.ErrorLines++
		}
	}
	for st, s := range t.spills {
		if ups[st.up] && st.phase != phaseNone {
			c.ErrorLines += s.between(from, to)
		}
	}
	order := make([]id, 0, len(hosts))
	for h := range hosts {
		if h != 0 {
			order = append(order, h)
		}
	}
	slices.SortFunc(order, func(a, b id) int {
		return cmp.Or(cmp.Compare(hosts[b], hosts[a]), strings.Compare(t.names.name(a), t.names.name(b)))
	})
	for _, h := range order[:min(len(order), 5)] {
		c.Hosts = append(c.Hosts, t.names.name(h))
	}
	o.small = c.Failed < floor && !(c.Failed >= 1 && c.Of == c.Failed && t.to != 0 && o.lane.answered.between(from-floorSpan, to+floorSpan) == 0)
	o.samples = t.samplesOf(o)
}

// samplesOf picks the kept lines of an outage, the first of each phase first.
func (t *traffic) samplesOf(o *outage) []*culprit.Event {
	seen := map[phase]bool{}
	for i := range o.failures {
		seen[o.failures[i].phase] = true
	}
	first, before := map[phase]*culprit.Event{}, map[phase]*culprit.Event{}
	for st, s := range t.sorts {
		list, best := s.samples, first
		if !seen[st.phase] || !o.lane.has(t, st) || st.status == 499 && o.counts.Status["499"]*2 < o.counts.Failed {
			continue
		}
		k := sort.Search(len(list), func(i int) bool { return !list[i].Time.Before(o.start.Add(-2 * time.Second)) })
		if k == len(list) || list[k].Time.After(o.end.Add(2*time.Second)) {
			// The next upstream of the first request may have taken its time.
			if k--; k < 0 || list[k].Time.Before(o.start.Add(-matchLate*time.Second)) {
				continue
			}
			best = before
		}
		e := list[k]
		if p := best[st.phase]; p == nil || earlier(e, p) {
			best[st.phase] = e
		}
	}
	for p, e := range before {
		if first[p] == nil {
			first[p] = e
		}
	}
	var out []*culprit.Event
	for p := phase(1); p < phases; p++ {
		if e := first[p]; e != nil {
			out = append(out, e)
		}
	}
	if e := first[phaseNone]; e != nil {
		out = append(out, e)
	}
	return out
}

// has reports whether a sample is of this lane.
func (l *lane) has(t *traffic, st stamp) bool {
	if st.up != 0 {
		return slices.Contains(l.upstreams, t.names.name(st.up))
	}
	return st.host == 0 || slices.Contains(l.hosts, t.names.name(st.host))
}

// earlier orders events by time, then by where they stand.
func earlier(a, b *culprit.Event) bool {
	if c := a.Time.Compare(b.Time); c != 0 {
		return c < 0
	}
	if c := strings.Compare(place(a), place(b)); c != 0 {
		return c < 0
	}
	return len(a.Places) > 0 && a.Places[0].Line < b.Places[0].Line
}

func place(e *culprit.Event) string {
	if len(e.Places) == 0 {
		return ""
	}
	return e.Places[0].Source
}

func statusText(s int16) string {
	return string([]byte{'0' + byte(s/100%10), '0' + byte(s/10%10), '0' + byte(s%10)})
}

// union joins names into sets; the least name stands for its set.
type union struct{ up map[string]string }

func newUnion() *union { return &union{map[string]string{}} }

func (u *union) find(s string) string {
	for {
		p, ok := u.up[s]
		if !ok || p == s {
			return s
		}
		s = p
	}
}

func (u *union) join(a, b string) {
	if a == "" || b == "" {
		return
	}
	ra, rb := u.find(a), u.find(b)
	if ra > rb {
		ra, rb = rb, ra
	}
	if ra != rb {
		u.up[rb] = ra
	}
}

// byPhase returns the counter of a phase.
func byPhase(b *culprit.ByPhase, p phase) *int {
	switch p {
	case phaseRefused:
		return &b.Refused
	case phaseReset:
		return &b.Reset
	case phaseClosedEarly:
		return &b.ClosedEarly
	case phaseConnectTimeout:
		return &b.ConnectTimeout
	case phaseReadTimeout:
		return &b.ReadTimeout
	case phaseNoLive:
		return &b.NoLive
	case phaseTLS:
		return &b.TLS
	case phaseBadResponse:
		return &b.BadResponse
	case phaseSocket:
		return &b.Socket
	case phaseDNS:
		return &b.DNS
	}
	return &b.None
}

// answer adds what an upstream answered.
func (l *lane) answer(up string, s *series) {
	own := l.byAddress[up]
	if own == nil {
		own = &series{}
		if l.byAddress == nil {
			l.byAddress = map[string]*series{}
		}
		l.byAddress[up] = own
	}
	for i := range s.sec {
		l.answered.add(s.sec[i], s.n[i])
		own.add(s.sec[i], s.n[i])
	}
}

// answeredWell reports whether there is a second in which requests were answered
// (by an address that the service serves, or by the only one there is) and none
// failed.
func (l *lane) answeredWell(v *service, single bool, from, to int64) bool {
	for up, s := range l.byAddress {
		if (single || v.serves(up)) && l.cleanSecond(s, from, to) {
			return true
		}
	}
	return false
}

func (l *lane) cleanSecond(s *series, from, to int64) bool {
	i := sort.Search(len(s.sec), func(i int) bool { return s.sec[i] >= from })
	for ; i < len(s.sec) && s.sec[i] <= to; i++ {
		sec := s.sec[i]
		k := sort.Search(len(l.failed), func(k int) bool { return l.failed[k].at/1e9 >= sec })
		if k == len(l.failed) || l.failed[k].at/1e9 > sec {
			return true
		}
	}
	return false
}
