package correlate

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"culprit"
)

// maxEvidence bounds the lines of one cause.
const maxEvidence = 12

// incident tells a finding.
func (c *analysis) incident(f *finding) *culprit.Incident {
	o := f.outage
	inc := &culprit.Incident{
		Start: o.start, End: o.end, Ongoing: c.ongoing(f), Upstreams: upstreamsOf(o.lane), Failures: o.counts,
		Verdict: f.verdict, KeepsDown: f.keeps, KnownTo: f.knownTo,
	}
	if f.service != nil {
		inc.Service = f.service.name
	}
	inc.Tier = c.tier(f)
	inc.Confidence, inc.Right, inc.Judged = record(inc.Tier, f.verdict)
	t := &teller{f: f, inc: inc, index: map[*culprit.Event]int{}}
	t.cause()
	t.links()
	t.chain()
	inc.Title = title(f)
	inc.RuledOut = c.ruledOut(f)
	inc.Prevention = c.prevention(f)
	inc.ID = incidentID(inc)
	return inc
}

// upstreamsOf lists the addresses of a lane; a group's name only if its
// addresses are not known.
func upstreamsOf(l *lane) []string {
	out := []string{}
	for _, u := range l.upstreams {
		if strings.Contains(u, ":") {
			out = append(out, u)
		}
	}
	if len(out) == 0 {
		out = append(out, l.upstreams...)
	}
	return out
}

// incidentID is stable for the same first failure at the same upstream.
func incidentID(inc *culprit.Incident) string {
	h := sha256.Sum256([]byte(strings.Join(inc.Upstreams, ",") + inc.Start.UTC().Format(time.RFC3339)))
	return inc.Start.UTC().Format("20060102-150405-") + hex.EncodeToString(h[:2])
}

// ongoing reports whether the failures reach the end of what was read.
func (c *analysis) ongoing(f *finding) bool {
	if c.now.IsZero() || c.now.Sub(f.outage.end) > quiet*time.Second {
		return false
	}
	if f.gone() {
		return !f.outage.end.Before(c.now)
	}
	for _, d := range f.downs[:min(len(f.downs), 1)] {
		if d.back != nil && d.back.ready != nil && d.back.ready.Kind == culprit.KindAppStarted && d.back.exit == nil && !d.to.Before(f.outage.end) {
			return false // it listens again
		}
	}
	return f.outage.lane.answered.between(f.outage.end.Unix()+1, c.now.Unix()) == 0
}

// A teller writes the evidence of one incident and numbers it.
type teller struct {
	f     *finding
	inc   *culprit.Incident
	index map[*culprit.Event]int
	list  []culprit.Evidence
}

// cite adds an event to the evidence and returns its index.
func (t *teller) cite(e *culprit.Event, role string) int {
	if i, ok := t.index[e]; ok {
		return i
	}
	if len(t.list) >= maxEvidence {
		return -1
	}
	t.index[e] = len(t.list)
	t.list = append(t.list, evidenceOf(e, role))
	return len(t.list) - 1
}

func evidenceOf(e *culprit.Event, role string) culprit.Evidence {
	v := culprit.Evidence{Role: role, Time: timeOf(e.Time)}
	text, off := keyLines(e)
	v.Text = text
	if len(e.Places) > 0 {
		p := e.Places[0]
		v.Source, v.Line, v.Seq = p.Source, p.Line, p.Seq
		if p.LineTo-p.Line == strings.Count(e.Text, "\n") { // contiguous: the line itself can be named
			v.Line += off
		}
	}
	return v
}

func timeOf(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	t = t.UTC()
	return &t
}

// keyLines picks the lines of a record that prove something: a report of fifty
// lines has one that names the victim.
func keyLines(e *culprit.Event) (text string, first int) {
	whole := unpacked(e.Text)
	lines := strings.Split(whole, "\n")
	if len(lines) == 1 {
		return whole, 0
	}
	keep := func(words ...string) (string, int) {
		var out []string
		at := -1
		for i, l := range lines {
			for _, w := range words {
				if strings.Contains(l, w) {
					if at < 0 {
						at = i
					}
					out = append(out, l)
					break
				}
			}
			if len(out) == 4 {
				break
			}
		}
		if at < 0 {
			return "", 0
		}
		return strings.Join(out, "\n"), at
	}
	switch e.Kind {
	case culprit.KindOOMKill:
		if s, i := keep("memory: usage ", "Killed process", "Kill process"); s != "" {
			return s, i
		}
	case culprit.KindHeapOOM:
		if s, i := keep("FATAL ERROR"); s != "" {
			return s, i
		}
	default:
		if m := e.Message; m != "" {
			head := strings.SplitN(m, "\n", 2)[0]
			for i, l := range lines {
				if strings.Contains(l, head) {
					return strings.Join(lines[i:min(i+3, len(lines))], "\n"), i
				}
			}
		}
	}
	return strings.Join(lines[:min(4, len(lines))], "\n"), 0
}

// unpacked returns the lines of a record; those that are journal entries packed
// as JSON as what they say (their message may be a list of numbers).
func unpacked(text string) string {
	if !strings.HasPrefix(text, "{\"") {
		return text
	}
	lines := strings.Split(text, "\n")
	for i, l := range lines {
		var e struct {
			Message    json.RawMessage `json:"MESSAGE"`
			Identifier string          `json:"SYSLOG_IDENTIFIER"`
			PID        string          `json:"_PID"`
		}
		if json.Unmarshal([]byte(l), &e) != nil || len(e.Message) == 0 {
			continue
		}
		var said string
		if e.Message[0] == '[' {
			var codes []int
			if json.Unmarshal(e.Message, &codes) != nil {
				continue
			}
			b := make([]byte, len(codes))
			for k, c := range codes {
				b[k] = byte(c)
			}
			said = string(b)
		} else if json.Unmarshal(e.Message, &said) != nil {
			continue
		}
		if e.Identifier != "" && e.PID != "" {
			e.Identifier += "[" + e.PID + "]"
		}
		lines[i] = e.Identifier + ": " + said
	}
	return strings.Join(lines, "\n")
}

// cause tells the best cause with its evidence, then the others that passed.
func (t *teller) cause() {
	f := t.f
	kind := f.verdict
	main := culprit.Cause{Kind: kind, Confidence: t.inc.Confidence}
	if f.words != nil {
		main.Entity = f.words.entity
		main.Score = f.words.terms
		role := "decisive"
		if f.run == nil && f.verdict == culprit.VerdictInconclusive {
			role = "supports"
		}
		for _, e := range f.words.evidence {
			t.cite(e, role)
			role = "supports"
		}
		if d := f.words.decisive(); d != nil {
			main.Time = timeOf(d.Time)
		}
	}
	if f.trigger != nil && f.trigger != f.run && f.trigger.words != nil {
		for _, e := range f.trigger.words.evidence {
			t.cite(e, "supports")
		}
	}
	if f.root != nil {
		t.cite(f.root, "supports")
	}
	if g := t.grew(); g != nil {
		t.cite(g.last, "supports")
	}
	if d := t.down(); d != nil {
		if g := d.last().gaveUp; g != nil {
			t.cite(g, "supports")
		}
	}
	for _, e := range f.outage.samples {
		t.cite(e, "effect")
	}
	main.Evidence = t.list
	if f.words != nil || len(t.list) > 0 {
		t.inc.Causes = append(t.inc.Causes, main)
	}
}

// filled tells whether the trigger is a kernel kill at the service's own limit.
func (t *teller) filled() bool {
	r := t.f.trigger
	if r == nil || r.words == nil || r.words.decisive() == nil {
		return false
	}
	d := r.words.decisive()
	return d.Kind == culprit.KindOOMKill && !global(d) && d.Attrs.GetInt("limit_kb") > 0
}

// grew returns the line of the service's own log that shows its memory grow.
func (t *teller) grew() *trend {
	if !t.filled() {
		return nil
	}
	return growth(t.f.trigger)
}

func (t *teller) down() *downtime {
	if len(t.f.downs) == 0 {
		return nil
	}
	return t.f.downs[0]
}

// links sets trigger, root and initiator.
func (t *teller) links() {
	f, inc := t.f, t.inc
	if f.run == nil {
		if f.words != nil {
			inc.Initiator = f.words.initiator
		}
		if f.words != nil && f.verdict != culprit.VerdictInconclusive {
			inc.Trigger = culprit.Link{Kind: string(f.verdict), Entity: f.words.entity, Time: timeOf(f.outage.start)}
			inc.Root = inc.Trigger
		}
		return
	}
	tr := f.trigger
	if w := tr.words; w != nil {
		at := tr.end()
		if d := w.decisive(); d != nil && !d.Time.IsZero() {
			at = d.Time
		}
		kind := string(w.verdict)
		if w.open() != "" {
			kind = string(culprit.VerdictInconclusive)
		}
		inc.Trigger = culprit.Link{Kind: kind, Entity: w.entity, Time: timeOf(at)}
		inc.Initiator = w.initiator
	}
	inc.Root = inc.Trigger
	if f.root != nil {
		inc.Root = culprit.Link{Kind: f.rootKind, Entity: firstLine(f.root.Message, 160), Time: timeOf(f.root.Time)}
	} else if f.run != f.trigger && f.words != nil && f.words.open() == "" && failsAtStart(f.verdict) && f.trigger.words != nil && f.trigger.words.verdict != culprit.VerdictPlannedRestart {
		// The stop only brought to light what was broken before it.
		inc.Root = culprit.Link{Kind: string(f.verdict), Entity: f.words.entity, Time: timeOf(f.words.decisive().Time)}
	}
}

// chain tells the steps from the root to what users saw, and how it ended.
func (t *teller) chain() {
	f, inc := t.f, t.inc
	step := func(at time.Time, kind, entity, text, role string, evs ...*culprit.Event) {
		l := culprit.ChainLink{Time: timeOf(at), Kind: kind, Entity: entity, Text: text, Role: role, Evidence: []int{}}
		for _, e := range evs {
			if e == nil {
				continue
			}
			if i, ok := t.index[e]; ok {
				l.Evidence = append(l.Evidence, i)
			}
		}
		inc.Chain = append(inc.Chain, l)
	}
	if f.root != nil && (f.trigger == nil || f.trigger.words == nil || f.root != f.trigger.words.decisive()) {
		step(f.root.Time, f.rootKind, inc.Service, rootSentence(f), "root", f.root)
	}
	if f.root == nil && t.filled() {
		d := f.trigger.words.decisive()
		l := []*culprit.Event{d}
		at := d.Time
		if g := t.grew(); g != nil {
			l, at = []*culprit.Event{g.last, d}, g.last.Time
		}
		step(at, "memory_growth", inc.Service, inc.Service+" filled its limit of "+size(d.Attrs.GetInt("limit_kb")*1024), "root", l...)
	}
	if f.trigger != nil && f.trigger.words != nil {
		w := f.trigger.words
		at := f.trigger.end()
		if d := w.decisive(); d != nil && !d.Time.IsZero() && d.Time.Before(at) {
			at = d.Time
		}
		role := "trigger"
		if f.run == f.trigger {
			role = "failure"
		}
		step(at, string(w.verdict), w.entity, endSentence(f.trigger), role, w.evidence...)
	}
	if f.run == nil && f.words != nil && f.verdict != culprit.VerdictInconclusive {
		step(f.outage.start, string(f.verdict), f.words.entity, title(f), "failure", f.words.evidence...)
	}
	d := t.down()
	if f.run != nil && f.run != f.trigger && f.words != nil {
		n := 0
		for _, r := range d.ended[1:] {
			if r.words != nil && r.words.verdict == f.words.verdict {
				n++
			}
		}
		text := endSentence(f.run)
		if n > 1 {
			text += ", " + itoa(n) + " times"
		}
		at := f.run.mark()
		if e := f.words.decisive(); e != nil && !e.Time.IsZero() && e.Time.Before(at) {
			at = e.Time
		}
		step(at, string(f.words.verdict), f.words.entity, text, "failure", f.words.evidence...)
	}
	if d != nil {
		if g := d.last().gaveUp; g != nil {
			step(g.Time, string(g.Kind), inc.Service, managerName(d.service)+" gave up starting "+inc.Service, "keeps_down", g)
		}
	}
	step(f.outage.start, "impact", strings.Join(inc.Upstreams, ", "), impactSentence(f), "impact", f.outage.samples...)
	if d != nil && d.back != nil && !d.to.IsZero() {
		text := inc.Service + " was started again"
		if d.back.ready != nil {
			text = inc.Service + " serves again"
			if d.back.pid > 1 {
				text += " (pid " + itoa(d.back.pid) + ")"
			}
		}
		at := d.to
		if (d.back.ready == nil || d.back.ready.Kind != culprit.KindAppStarted) && f.outage.end.After(at) {
			at = f.outage.end // a manager counts it as running before it listens
		}
		step(at, "recovery", inc.Service, text, "recovery")
	}
	slices.SortStableFunc(inc.Chain, func(a, b culprit.ChainLink) int {
		return cmp.Compare(chainOrder(a.Role), chainOrder(b.Role))
	})
}

// chainOrder is the order of mechanism: what stalls before it dies has the
// earlier failure, and still the death is the cause.
func chainOrder(role string) int {
	return slices.Index([]string{"root", "trigger", "failure", "keeps_down", "amplifier", "impact", "recovery"}, role)
}

func managerName(s *service) string {
	if s.manager == "" {
		return "its manager"
	}
	return s.manager
}

func rootSentence(f *finding) string {
	e := f.root
	switch e.Kind {
	case culprit.KindDeploy:
		s := "A deploy touched " + f.service.name
		if f.downs[0].from.Sub(e.Time) > 10*time.Second {
			s += ", " + ago(f.downs[0].from.Sub(e.Time)) + " before it went down"
		}
		return s
	case culprit.KindPackageChange:
		return "Packages were changed: " + firstLine(e.Message, 100)
	case culprit.KindCommand:
		if who := e.Attrs.Get("user"); who != "" {
			return who + " ran " + strings.TrimSpace(e.Attrs.Get("command"))
		}
		return initiatorOf(e) + " ran a command"
	}
	return firstLine(e.Message, 120)
}

// endSentence says how a run ended.
func endSentence(r *run) string {
	w := r.words
	name := r.service.name
	if w == nil {
		return name + " ended"
	}
	if o := w.open(); o != "" {
		return w.entity + ", and " + o
	}
	d := w.decisive()
	switch base(w.verdict) {
	case culprit.VerdictOOMKill:
		if d.Kind == culprit.KindOOMKill {
			s := fmt.Sprintf("The kernel killed %s (pid %s) of %s", d.Attrs.Get("comm"), d.Attrs.Get("victim_pid"), name)
			if l := d.Attrs.GetInt("limit_kb"); l > 0 && !global(d) {
				s += " at its memory limit of " + size(l*1024)
			} else if global(d) {
				s += ": the whole machine was out of memory"
			}
			return s
		}
		return name + " lost a process to the OOM killer"
	case culprit.VerdictMemoryLimit:
		return name + " was ended for using more memory than " + limitOf(r.service)
	case culprit.VerdictHeapOOM:
		return name + " reached V8's heap limit and aborted"
	case culprit.VerdictModuleNotFound:
		return name + " could not start: " + moduleSentence(d)
	case culprit.VerdictStartupError:
		return name + " could not start: " + firstLine(d.Message, 120)
	case culprit.VerdictPlannedRestart:
		return name + " was stopped on order of " + w.orderedBy()
	case culprit.VerdictRestartUnexplained:
		return name + " was stopped on order; no record says whose"
	case culprit.VerdictKilled, culprit.VerdictExited, culprit.VerdictNativeCrash:
		return w.entity
	case culprit.VerdictHostReboot:
		if d.Kind == culprit.KindBoot {
			return "The machine went down without a word and started again"
		}
		return "The machine was shut down"
	case culprit.VerdictPortInUse:
		return name + " could not listen: the address was taken"
	case culprit.VerdictWrongAddress, culprit.VerdictStaleUpstream:
		return w.entity + ", which is not where nginx looks"
	case culprit.VerdictHangTimeout:
		return name + " did not report to its watchdog, and systemd ended it"
	case culprit.VerdictDependencyRefused:
		return name + " could not reach " + dependencyName(d)
	}
	return name + " died: " + firstLine(d.Message, 120)
}

// orderedBy names who ordered a stop in a sentence.
func (w *lastWords) orderedBy() string {
	if w.change != nil && w.change.Kind == culprit.KindDeploy && w.change.Attrs.Get("user") == "" {
		return "a deploy"
	}
	return w.initiator
}

func moduleSentence(d *culprit.Event) string {
	if m := d.Attrs.Get("module"); m != "" {
		return "module " + m + " was not found"
	}
	return firstLine(d.Message, 100)
}

func dependencyName(d *culprit.Event) string {
	a, p := d.Attrs.Get("address"), d.Attrs.Get("port")
	if a == "" {
		a = d.Attrs.Get("hostname")
	}
	switch {
	case a != "" && p != "":
		return a + ":" + p
	case a != "":
		return a
	}
	return "what it needs: " + firstLine(d.Message, 80)
}

// limitOf names a manager's limit: how much, and what sets it.
func limitOf(s *service) string {
	if s.conf == nil || s.conf.MemoryBy == "" {
		return "its manager allows"
	}
	if s.conf.Memory == 0 {
		return s.conf.MemoryBy + " allows"
	}
	return "its limit of " + size(s.conf.Memory) + " (" + s.conf.MemoryBy + ")"
}

func global(e *culprit.Event) bool {
	return e.Attrs.Get("global_oom") == "true" || e.Attrs.Get("constraint") == "CONSTRAINT_NONE" || e.Attrs.Get("memcg") == "false"
}

func impactSentence(f *finding) string {
	c := f.outage.counts
	if f.gone() {
		return "No request was logged for " + ago(f.outage.end.Sub(f.outage.start))
	}
	up := ""
	if l := laneName(f.outage.lane); l != "" {
		up = " to " + l
	}
	if c.Of > 0 && c.Of == c.Failed {
		return "Every request" + up + " failed"
	}
	if c.Of > 0 {
		return fmt.Sprintf("%d of %s%s failed", c.Failed, plural(c.Of, "request"), up)
	}
	return plural(c.Failed, "request") + up + " failed"
}

// laneName names what failed: its upstreams, else its hosts, "" if neither is known.
func laneName(l *lane) string {
	return cmp.Or(strings.Join(upstreamsOf(l), ", "), strings.Join(l.hosts, ", "))
}

// title is the sentence that people read first: subject, what happened, why.
func title(f *finding) string {
	name := laneName(f.outage.lane)
	if f.service != nil {
		name = f.service.name
	}
	w := f.words
	switch {
	case f.verdict != culprit.VerdictInconclusive && w != nil:
	case name == "":
		return "Requests failed and we do not know why"
	default:
		return name + ": requests failed and we do not know why"
	}
	d := w.decisive()
	startup := func(why string) string {
		if f.trigger != nil && f.trigger != f.run && f.trigger.words != nil {
			switch base(f.trigger.words.verdict) {
			case culprit.VerdictMemoryLimit:
				return name + " was killed for its memory and cannot come back: " + why
			case culprit.VerdictOOMKill:
				return name + " was killed by the kernel and cannot come back: " + why
			case culprit.VerdictKilled:
				return name + " was killed and cannot come back: " + why
			}
		}
		return name + " cannot start: " + why
	}
	switch base(f.verdict) {
	case culprit.VerdictOOMKill:
		if d.Kind == culprit.KindOOMKill && global(d) {
			return name + " was killed by the kernel: the machine ran out of memory"
		}
		if d.Kind == culprit.KindOOMDKill {
			return name + " was killed by systemd-oomd: memory pressure"
		}
		return name + " was killed by the kernel: it reached its memory limit"
	case culprit.VerdictMemoryLimit:
		return name + " was restarted by its manager: it used more memory than allowed"
	case culprit.VerdictHeapOOM:
		return name + " aborted: V8 reached its heap limit"
	case culprit.VerdictModuleNotFound:
		return startup(moduleSentence(d))
	case culprit.VerdictStartupError:
		return startup(firstLine(d.Message, 80))
	case culprit.VerdictPortInUse:
		return startup("its port is taken")
	case culprit.VerdictWrongAddress:
		return name + " listens on " + listenAddress(d) + ", but nginx looks for it at " + laneName(f.outage.lane)
	case culprit.VerdictUncaughtException:
		return name + " died of its own error: " + firstLine(d.Message, 80)
	case culprit.VerdictNativeCrash:
		return name + " crashed: " + strings.TrimPrefix(w.entity, f.run.entity()+" ")
	case culprit.VerdictExited:
		return name + " left by itself and gave no reason"
	case culprit.VerdictKilled:
		if w.initiator != "" {
			return name + " was killed by " + w.initiator
		}
		return name + " was killed by a signal: no record says who sent it"
	case culprit.VerdictDependencyRefused:
		return name + " cannot work: " + dependencyName(d) + " refuses connections"
	case culprit.VerdictDependencyTimeout:
		return name + " cannot work: " + dependencyName(d) + " does not answer"
	case culprit.VerdictDependencyExhausted:
		return name + " cannot work: no connection left in its pool"
	case culprit.VerdictPlannedRestart:
		return name + " was restarted on order of " + w.orderedBy()
	case culprit.VerdictRestartUnexplained:
		return name + " was stopped on order: no record says whose"
	case culprit.VerdictHostReboot:
		return name + " was down: the machine was restarted"
	case culprit.VerdictHangTimeout:
		if f.verdict != culprit.VerdictHangTimeout {
			return name + " is alive, but left some requests without an answer in time"
		}
		return name + " is alive, but did not answer in time"
	case culprit.VerdictAppAnswered:
		return name + " itself answered with " + answered(f.outage)
	case culprit.VerdictStaleUpstream:
		return "nginx still uses an address that " + name + " had before: " + laneName(f.outage.lane)
	case culprit.VerdictSocketPermission:
		return "nginx may not connect to " + name + ": its socket does not permit it"
	case culprit.VerdictSocketMissing:
		return "nginx cannot find the socket of " + name
	case culprit.VerdictTLSUpstream:
		return "nginx cannot agree on TLS with " + name
	case culprit.VerdictNginxDown:
		return "nginx was down: nobody could reach anything behind it"
	case culprit.VerdictKeepaliveRace:
		return name + " closes connections that nginx uses again: what may not be sent twice fails"
	case culprit.VerdictBadResponse:
		if f.verdict != culprit.VerdictBadResponse {
			return name + " is alive, but closed connections without an answer"
		}
		return name + " answers with what nginx cannot use"
	case culprit.VerdictDNS:
		return "The name of " + name + " did not resolve"
	case culprit.VerdictRemoteUpstream:
		return name + " is on another machine and did not answer: look there"
	}
	return name + ": " + string(f.verdict)
}

// answered lists the statuses of the failed requests.
func answered(o *outage) string {
	return strings.Join(slices.Sorted(maps.Keys(o.counts.Status)), ", ")
}

// firstLine cuts a message to one line of at most n runes.
func firstLine(s string, n int) string {
	s, _, _ = strings.Cut(strings.TrimSpace(s), "\n")
	if r := []rune(s); len(r) > n {
		return string(r[:n-3]) + "..."
	}
	return s
}

// size writes bytes as people say them.
func size(n int64) string {
	switch {
	case n >= 1<<30 && n%(1<<30) == 0:
		return itoa(int(n>>30)) + " GiB"
	case n >= 1e6 && n%1e6 == 0: // somebody counts by 1000
		return itoa(int(n/1e6)) + " MB"
	case n >= 1<<20:
		return itoa(int(n>>20)) + " MiB"
	case n >= 1<<10:
		return itoa(int(n>>10)) + " KiB"
	}
	return itoa(int(n)) + " bytes"
}
