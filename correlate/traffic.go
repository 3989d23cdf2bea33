package correlate

import (
	"slices"
	"sort"
	"strings"
	"time"

	"culprit"
)

// Bounds on what is kept of the traffic. Behind them requests are counted but
// no longer told apart.
const (
	maxNames    = 4096    // different hosts, sources, upstreams
	maxItems    = 1 << 17 // failed requests or error lines that are kept one by one
	maxSpilled  = 1 << 17 // seconds of counted failures, over all sorts, from which on those of a stretch are summed up
	spillStep   = 10      // seconds that are then one
	spillPause  = 8       // seconds of silence that end a stretch; with the step less than what ends an outage
	maxSamples  = 64      // verbatim lines of one sort of failure
	sampleEvery = 20      // seconds of silence after which the next failure of a kind is kept verbatim again
)

// A phase is what nginx was doing when an upstream failed it.
type phase uint8

const (
	phaseNone phase = iota // no error line: the access log alone tells of the failure
	phaseRefused
	phaseReset
	phaseClosedEarly
	phaseConnectTimeout
	phaseReadTimeout
	phaseNoLive
	phaseTLS
	phaseBadResponse
	phaseSocket
	phaseDNS
	phases
)

var phaseNames = [phases]string{"none", "refused", "reset", "closed_early", "connect_timeout", "read_timeout", "no_live", "tls", "bad_response", "socket", "dns"}

// phaseOf classifies an upstream failure of nginx's error log.
func phaseOf(r *culprit.Record) phase {
	var f fields
	f.read(r.Attrs)
	return f.phaseOf(r.Kind)
}

func (f *fields) phaseOf(k culprit.Kind) phase {
	if strings.HasPrefix(f.phase, "proxying upgraded") {
		return phaseNone // a WebSocket that was idle or left: its request was answered long ago
	}
	switch k {
	case culprit.KindUpstreamConnectFailed:
		switch f.errno {
		case 110, 10060, 60:
			return phaseConnectTimeout
		case 104, 54, 10054:
			return phaseReset
		case 111, 10061, 61:
			if f.bySocket() {
				return phaseSocket
			}
			return phaseRefused
		}
		if f.bySocket() || f.errno == 13 {
			return phaseSocket
		}
		return phaseRefused
	case culprit.KindUpstreamReset:
		return phaseReset
	case culprit.KindUpstreamPrematureClose:
		return phaseClosedEarly
	case culprit.KindUpstreamTimeout:
		if strings.Contains(f.phase, "connecting") {
			return phaseConnectTimeout
		}
		return phaseReadTimeout
	case culprit.KindUpstreamNoLive:
		return phaseNoLive
	case culprit.KindUpstreamSSLFailed:
		return phaseTLS
	case culprit.KindUpstreamHeaderTooBig, culprit.KindUpstreamBadResponse:
		return phaseBadResponse
	case culprit.KindResolveFailed:
		return phaseDNS
	}
	return phaseNone
}

// bySocket reports whether the upstream is a unix socket.
func (f *fields) bySocket() bool {
	return strings.HasPrefix(f.up, "unix:") || strings.HasPrefix(f.connectAddr, "unix:")
}

// id is an interned name; 0 is "".
type id int32

// names interns the few strings that traffic is counted by. Behind its bound
// every new name is "other", so that hostile Host headers cost nothing.
type names struct {
	byName map[string]id
	list   []string
	recent [32]id // by length and last byte: lines that follow one another name the same few
}

func newNames() *names {
	return &names{byName: map[string]id{"": 0}, list: []string{""}}
}

func (n *names) id(s string) id {
	if s == "" {
		return 0
	}
	last := &n.recent[(len(s)+int(s[len(s)-1])*7)%len(n.recent)]
	if n.list[*last] != s {
		*last = n.find(s)
	}
	return *last
}

func (n *names) find(s string) id {
	if i, ok := n.byName[s]; ok {
		return i
	}
	if len(n.list) >= maxNames {
		s = "other"
		if i, ok := n.byName[s]; ok {
			return i
		}
	}
	s = strings.Clone(s)
	i := id(len(n.list))
	n.list = append(n.list, s)
	n.byName[s] = i
	return i
}

func (n *names) name(i id) string { return n.list[i] }

// A request is one failed request of an access log, or one that was answered
// although an error line stands for it.
type request struct {
	at     int64 // Unix nanoseconds; whole seconds in most formats
	took   int32 // milliseconds, -1 if the format does not say
	key    uint64
	client uint32
	source id
	host   id
	up     id // last upstream address, 0 if the format does not say
	status int16
	failed bool
	own    bool // the upstream itself answered with this status (upstream_status says so)
	mute   bool // the upstream was connected and sent no header
	post   bool // of a method that nginx does not send again
	ours   bool // nginx answered by itself: no upstream was asked
}

// An errorLine is one line of nginx's error log about an upstream.
type errorLine struct {
	at     int64
	key    uint64
	client uint32
	source id
	host   id
	up     id
	phase  phase
	errno  int16 // see stamp
	post   bool  // see request
}

// A series counts by second.
type series struct {
	sec     []int64
	n       []int32
	stretch int64 // where the last seconds without a pause begin
}

func (s *series) add(sec int64, n int32) {
	if l := len(s.sec); l > 0 && s.sec[l-1] == sec {
		s.n[l-1] += n
		return
	}
	s.sec = append(s.sec, sec)
	s.n = append(s.n, n)
}

// addSparse is add for an outage that lasts: of a stretch without a pause the
// first second and the last stay, and one of each spillStep between them.
func (s *series) addSparse(sec int64, n int32) {
	l := len(s.sec)
	if l == 0 || sec < s.sec[l-1] || sec-s.sec[l-1] > spillPause {
		s.stretch = sec
	} else if l > 1 && sec > s.sec[l-1] && s.sec[l-2] >= s.stretch && s.sec[l-1]-s.sec[l-2] < spillStep {
		s.n[l-2] += s.n[l-1]
		s.sec[l-1], s.n[l-1] = sec, n
		return
	}
	s.add(sec, n)
}

// sorted puts the seconds in order and sums equal ones; files of one log may
// have been read in any order.
func (s *series) sorted() {
	if sort.SliceIsSorted(s.sec, func(i, j int) bool { return s.sec[i] < s.sec[j] }) {
		return
	}
	idx := make([]int, len(s.sec))
	for i := range idx {
		idx[i] = i
	}
	sort.Slice(idx, func(i, j int) bool { return s.sec[idx[i]] < s.sec[idx[j]] })
	var o series
	for _, i := range idx {
		o.add(s.sec[i], s.n[i])
	}
	*s = o
}

// join adds what another series counts.
func (s *series) join(o *series) {
	for i := range o.sec {
		s.add(o.sec[i], o.n[i])
	}
}

// between sums the counts of from <= second <= to.
func (s *series) between(from, to int64) (n int) {
	for i := sort.Search(len(s.sec), func(i int) bool { return s.sec[i] >= from }); i < len(s.sec) && s.sec[i] <= to; i++ {
		n += int(s.n[i])
	}
	return n
}

// flow is what tells the requests of an access log apart.
type flow struct{ source, host, up id }

// stamp tells the sorts of failures apart.
type stamp struct {
	source, host, up id
	phase            phase
	status           int16
	errno            int16 // of a socket: a missing one is not a forbidden one
}

// A failureSort is what is kept of all failures of one sort.
type failureSort struct {
	stamp
	last    int64            // second of the last one
	samples []*culprit.Event // the first of each stretch, verbatim
	spill   *series          // counts those that are no longer kept one by one; shared by all hosts of an upstream
}

// traffic is what nginx's logs say about requests.
type traffic struct {
	topo      *topology
	names     *names
	requests  []request
	errors    []errorLine
	errorKeys keySet           // keys of errors, for answered requests that had an error line
	answered  map[flow]*series // requests that were answered (any status below the failing ones), by second
	sorts     map[stamp]*failureSort
	recent    [16]*failureSort // of the last failures, by what tells them apart
	spills    map[stamp]*series
	spilled   int                 // seconds in them, as long as none were summed up
	limited   map[uint64]struct{} // keys of requests that nginx itself refused (limit_req, limit_conn)
	peers     map[[2]id]bool      // upstreams that stood together in one upstream_addr list or line
	muted     map[id]*series      // by host: answers of 503 of which no log says who gave them
	from, to  int64               // seconds that any access log covers
}

func newTraffic(t *topology) *traffic {
	return &traffic{
		topo: t, names: newNames(), answered: map[flow]*series{},
		sorts: map[stamp]*failureSort{}, spills: map[stamp]*series{}, limited: map[uint64]struct{}{}, peers: map[[2]id]bool{},
	}
}

// isRequest tells the kinds that are counted instead of kept.
func isRequest(k culprit.Kind) bool {
	switch k {
	case culprit.KindHTTPRequest, culprit.KindHTTP5xx, culprit.KindHTTPClientClosed, culprit.KindRateLimited,
		culprit.KindUpstreamConnectFailed, culprit.KindUpstreamReset, culprit.KindUpstreamPrematureClose, culprit.KindUpstreamTimeout, culprit.KindUpstreamNoLive,
		culprit.KindUpstreamSSLFailed, culprit.KindUpstreamHeaderTooBig, culprit.KindUpstreamBadResponse, culprit.KindResolveFailed:
		return true
	}
	return false
}

// add counts a record that is about requests, and reports whether it is one.
func (t *traffic) add(r *culprit.Record) bool {
	if !isRequest(r.Kind) {
		return false
	}
	switch r.Kind {
	case culprit.KindHTTPRequest, culprit.KindHTTP5xx, culprit.KindHTTPClientClosed:
		t.addAccess(r)
	case culprit.KindRateLimited:
		t.addLimited(r)
	default:
		t.addError(r)
	}
	return true
}

// requestKey hashes what an error line and an access line of one request have
// in common: FNV-1a of client, method and path.
func requestKey(client, method, path string) uint64 {
	h := uint64(14695981039346656037)
	for _, s := range [...]string{client, method, path} {
		for i := range len(s) {
			h = (h ^ uint64(s[i])) * 1099511628211
		}
		h = (h ^ 0xff) * 1099511628211
	}
	return h
}

func hash32(s string) uint32 {
	h := uint32(2166136261)
	for i := range len(s) {
		h = (h ^ uint32(s[i])) * 16777619
	}
	return h
}

// field collects the attributes of a request in one pass.
type fields struct {
	client, method, path, host, server, upstream, list, upstreamStatus, finalStatus, took string
	phase, connectAddr, connect, header                                                   string
	up                                                                                    string // the address or group of upstream
	status, errno                                                                         int64
}

func (f *fields) read(a culprit.Attrs) {
	for i := range a {
		switch a[i].Key {
		case "client":
			f.client = a[i].Value.String()
		case "method":
			f.method = a[i].Value.String()
		case "path":
			f.path = a[i].Value.String()
		case "host":
			f.host = a[i].Value.String()
		case "server":
			f.server = a[i].Value.String()
		case "upstream":
			f.upstream = a[i].Value.String()
			f.up = culprit.PassAddress(f.upstream)
		case "upstream_list":
			f.list = a[i].Value.String()
		case "upstream_status":
			f.upstreamStatus = a[i].Value.String()
		case "final_status":
			f.finalStatus = a[i].Value.String()
		case "upstream_connect_time":
			f.connect = a[i].Value.String()
		case "upstream_header_time":
			f.header = a[i].Value.String()
		case "request_time":
			f.took = a[i].Value.String()
		case "phase":
			f.phase = a[i].Value.String()
		case "connect_addr":
			f.connectAddr = a[i].Value.String()
		case "status":
			f.status, _ = a[i].Value.Int()
		case "errno":
			f.errno, _ = a[i].Value.Int()
		}
	}
}

// addAccess takes one line of an access log.
func (t *traffic) addAccess(r *culprit.Record) {
	var f fields
	f.read(r.Attrs)
	if r.Time.IsZero() {
		return
	}
	at := r.Time.UnixNano()
	sec := r.Time.Unix()
	if t.from == 0 || sec < t.from {
		t.from = sec
	}
	if sec > t.to {
		t.to = sec
	}
	q := request{at: at, source: t.names.id(r.Source), took: millis(f.took), status: int16(f.status)}
	host := hostName(f.host)
	up, shared := "", false
	switch {
	case f.upstream != "" && f.upstream != "-":
		up = f.up
	case f.upstream == "-":
		q.ours = true
	}
	if up == "" && !q.ours {
		if host == "" {
			host, shared = t.topo.hostOfLog(r.Source)
		}
		if up = t.topo.locate(host, r.Source, f.path); up == "-" {
			up, q.ours = "", true
		}
	}
	q.host, q.up = t.names.id(host), t.names.id(up)
	if f.list != "" {
		t.pair(f.list, q.up)
	}
	if f.status == 502 || f.status == 503 || f.status == 504 || f.status == 499 {
		// nginx notes 502 and 504 for its own failures to reach an upstream, but never 503, and no header that it did not get;
		// it limits before it asks an upstream.
		q.own = f.status != 499 && strings.HasSuffix(f.upstreamStatus, statusText(int16(f.status))) && (f.status == 503 || millis(f.header) >= 0) ||
			f.status == 503 && f.upstreamStatus == "" && f.upstream != "" && f.upstream != "-"
		q.post = unsafe(f.method)
		q.mute = f.header == "-" && millis(f.connect) >= 0
		q.failed = true
		q.key = requestKey(f.client, f.method, f.path)
		q.client = hash32(f.client)
		t.keep(q, r, sec)
		return
	}
	if len(t.errors) > 0 {
		if key := requestKey(f.client, f.method, f.path); t.has(key) {
			q.key = key
			if len(t.requests) < maxItems {
				t.requests = append(t.requests, q)
			}
		}
	}
	if q.ours && q.up == 0 || shared && f.status >= 300 {
		return // never went to an upstream, or may not have
	}
	fl := flow{q.source, q.host, q.up}
	s := t.answered[fl]
	if s == nil {
		s = &series{}
		t.answered[fl] = s
	}
	s.add(sec, 1)
}

// told reports whether any log tells where requests go: then those of which
// nobody knows may be another program's.
func (t *traffic) told() bool {
	for f := range t.answered {
		if f.up != 0 {
			return true
		}
	}
	return false
}

// read reports whether any log of nginx was.
func (t *traffic) read() bool { return t.to != 0 || len(t.errors) > 0 || len(t.spills) > 0 }

func (t *traffic) has(key uint64) bool { return t.errorKeys.has(key) }

// A keySet holds hashes in a Bloom filter: of keys that were never added it
// takes four in a thousand for its own when maxItems were.
type keySet struct{ bits []uint64 }

const keySetBits = 1 << 22

func (k *keySet) add(key uint64) {
	if k.bits == nil {
		k.bits = make([]uint64, keySetBits/64)
	}
	for _, h := range [...]uint64{key % keySetBits, key >> 40 % keySetBits} {
		k.bits[h/64] |= 1 << (h % 64)
	}
}

func (k *keySet) has(key uint64) bool {
	if k.bits == nil {
		return false
	}
	a, b := key%keySetBits, key>>40%keySetBits
	return k.bits[a/64]>>(a%64)&(k.bits[b/64]>>(b%64))&1 != 0
}

func (k *keySet) clear() { clear(k.bits) }

func (t *traffic) keep(q request, r *culprit.Record, sec int64) {
	k := t.sort(stamp{source: q.source, host: q.host, up: q.up, status: q.status})
	if len(t.requests) < maxItems {
		t.requests = append(t.requests, q)
	} else {
		t.count(k, sec)
	}
	k.sample(sec, r, t.names.name(q.up))
}

// sort returns the sort of a failure.
func (t *traffic) sort(st stamp) *failureSort {
	recent := &t.recent[(uint(st.source)+3*uint(st.host)+5*uint(st.up)+7*uint(st.phase)+uint(st.status))%uint(len(t.recent))]
	if *recent != nil && (*recent).stamp == st {
		return *recent
	}
	k := t.sorts[st]
	if k == nil {
		k = &failureSort{stamp: st}
		t.sorts[st] = k
	}
	*recent = k
	return k
}

// count notes a failure that is not kept.
func (t *traffic) count(k *failureSort, sec int64) {
	s := t.spill(k)
	if t.spilled > maxSpilled {
		s.addSparse(sec, 1)
		return
	}
	l := len(s.sec)
	s.add(sec, 1)
	t.spilled += len(s.sec) - l
}

// spill returns where the failures of a sort are counted that are too many to
// be kept: by upstream where it is known, since hosts may be many.
func (t *traffic) spill(k *failureSort) *series {
	if k.spill == nil {
		st := stamp{up: k.up, phase: k.phase, status: k.status}
		if k.up == 0 {
			st.host = k.host
		}
		if t.spills[st] == nil {
			t.spills[st] = &series{}
		}
		k.spill = t.spills[st]
	}
	return k.spill
}

// sample keeps a record verbatim if it is the first of its sort for a while.
func (k *failureSort) sample(sec int64, r *culprit.Record, up string) {
	seen := k.last != 0
	last := k.last
	k.last = sec
	if seen && sec >= last && sec-last < sampleEvery || len(k.samples) >= maxSamples {
		return
	}
	e := culprit.NewEvent(r)
	e.Upstream = up
	k.samples = append(k.samples, e)
}

// pair remembers that the addresses of an upstream_addr list serve the same
// requests.
func (t *traffic) pair(list string, up id) {
	for _, a := range strings.FieldsFunc(list, func(r rune) bool { return r == ',' || r == ' ' }) {
		if a = culprit.PassAddress(a); a == "" || a == "-" || a == ":" {
			continue
		}
		if o := t.names.id(a); o != up && up != 0 && len(t.peers) < maxNames {
			t.peers[[2]id{o, up}] = true
		}
	}
}

// addError takes one line of nginx's error log that is about an upstream.
func (t *traffic) addError(r *culprit.Record) {
	var f fields
	f.read(r.Attrs)
	ph := f.phaseOf(r.Kind)
	if ph == phaseNone || r.Time.IsZero() {
		return
	}
	sec := r.Time.Unix()
	host := hostName(f.host)
	if host == "" {
		host = hostName(f.server)
	}
	e := errorLine{at: r.Time.UnixNano(), source: t.names.id(r.Source), host: t.names.id(host), up: t.names.id(f.up), phase: ph}
	e.post = unsafe(f.method)
	if ph == phaseSocket {
		e.errno = int16(f.errno)
	}
	k := t.sort(stamp{source: e.source, host: e.host, up: e.up, phase: ph, errno: e.errno})
	if len(t.errors) < maxItems {
		e.key = requestKey(f.client, f.method, f.path)
		e.client = hash32(f.client)
		if n := len(t.errors); n == cap(t.errors) { // append's smaller steps leave more garbage
			t.errors = slices.Grow(t.errors, min(max(7*n, 64), maxItems-n))
		}
		t.errors = append(t.errors, e)
		t.errorKeys.add(e.key)
	} else {
		t.count(k, sec)
	}
	k.sample(sec, r, t.names.name(e.up))
}

// unsafe tells the methods that nginx does not send to another server, or on a
// new connection, once a request has gone out.
func unsafe(method string) bool { return method == "POST" || method == "PATCH" || method == "LOCK" }

// addLimited takes a line that says that nginx refused a request by itself.
func (t *traffic) addLimited(r *culprit.Record) {
	if len(t.limited) >= maxItems {
		return
	}
	var f fields
	f.read(r.Attrs)
	t.limited[requestKey(f.client, f.method, f.path)] = struct{}{}
}

// hostName cleans a server_name or Host header for comparison.
func hostName(s string) string {
	if s == "_" || s == "-" || s == "localhost" {
		return ""
	}
	if i := strings.LastIndexByte(s, ':'); i > 0 && !strings.HasSuffix(s, "]") {
		s = s[:i]
	}
	return s
}

// millis reads nginx's seconds with three decimals, the last of a list.
func millis(s string) int32 {
	if i := strings.LastIndexAny(s, ", "); i >= 0 {
		s = s[i+1:]
	}
	if s == "" || s == "-" {
		return -1
	}
	d, err := time.ParseDuration(s + "s")
	if err != nil || d < 0 {
		return -1
	}
	return int32(min(d.Milliseconds(), 1<<31-1))
}
