package report

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"culprit"
)

// A view is what every form of an incident says, in words and in order. Its
// strings hold log text as it is: each form escapes for itself.
type view struct {
	inc   *culprit.Incident
	clock clock

	title string
	calm  bool   // it went as someone ordered
	open  bool   // inconclusive
	asked string // what was asked for: hosts, else upstreams
	users string // "313 of 313 requests to shop.example.com/api failed"
	saw   string // "264 with 502, 49 with 504, from 171 addresses"
	when  string // "28 s"

	now      string // "serving since 08:22:58"
	serving  bool
	stays    string // why it is or was not back at once
	tier     string
	basis    string // why that tier
	record   string // how often such verdicts were right
	links    []link
	phases   []phaseCount
	recovery *culprit.ChainLink
	gaps     []culprit.Gap
	farGaps  int
	other    []culprit.Cause // other candidates
}

// A link is one step of the chain.
type link struct {
	n        int // number, 0 for none
	role     string
	label    string
	text     string
	time     *time.Time
	evidence []culprit.Evidence
}

// A phaseCount says how often nginx failed in one way and when.
type phaseCount struct {
	key         string
	n           int
	words       string
	first, last time.Time // zero if not known
}

func newView(rep *culprit.Report, inc *culprit.Incident, c clock) *view {
	v := &view{inc: inc, clock: c, title: inc.Title}
	v.calm = isVerdict(inc.Verdict, culprit.VerdictPlannedRestart)
	v.open = inc.Verdict == "" || isVerdict(inc.Verdict, culprit.VerdictInconclusive)
	if v.title == "" {
		v.title = strings.TrimPrefix(inc.Service+" ", " ") + VerdictWords(inc.Verdict)
	}
	v.tellUsers()
	v.when = duration(inc.End.Sub(inc.Start))
	if !v.calm || inc.Ongoing { // a planned stop is followed by a planned start
		v.stays = keepsDown(inc.KeepsDown, inc.Ongoing)
	}
	v.tellConfidence()
	v.tellChain()
	v.tellPhases()
	v.tellNow()
	near, far := gapsOf(rep, inc)
	v.gaps, v.farGaps = near, len(far)
	if len(inc.Causes) > 0 {
		v.other = inc.Causes[1:]
		if v.open {
			v.other = inc.Causes
		}
	}
	return v
}

// maxNamed bounds how many hosts or upstreams a sentence names.
const maxNamed = 3

func naming(names []string) string {
	if len(names) > maxNamed {
		return strings.Join(names[:maxNamed], ", ") + fmt.Sprintf(" and %d more", len(names)-maxNamed)
	}
	return list(names)
}

func (v *view) tellUsers() {
	f := v.inc.Failures
	v.asked = naming(f.Hosts)
	if v.asked == "" {
		v.asked = naming(v.inc.Upstreams)
	}
	if v.asked == "" {
		v.asked = cmp.Or(v.inc.Service, "nginx")
	}
	switch {
	case f.Failed > 0 && f.Of >= f.Failed:
		v.users = fmt.Sprintf("%s of %s to %s failed", number(f.Failed), plural(f.Of, "request"), v.asked)
	case f.Failed > 0:
		v.users = fmt.Sprintf("%s to %s failed", plural(f.Failed, "request"), v.asked)
	case f.ErrorLines == 0:
		v.users = "no request was logged, whoever came"
	default:
		v.users = fmt.Sprintf("nginx logged %s for %s; no access log says how many requests there were", plural(f.ErrorLines, "failure"), v.asked)
	}
	var parts []string
	for _, s := range statuses(f.Status) {
		if s.code == "499" {
			parts = append(parts, number(s.n)+" gave up waiting (499)")
		} else {
			parts = append(parts, number(s.n)+" with "+s.code)
		}
	}
	if f.Clients > 0 {
		word := "addresses"
		if f.Clients == 1 {
			word = "address"
		}
		parts = append(parts, fmt.Sprintf("from %s %s", number(f.Clients), word))
	}
	v.saw = strings.Join(parts, ", ")
}

type statusCount struct {
	code string
	n    int
}

// statuses returns the status codes, the most frequent first.
func statuses(m map[string]int) []statusCount {
	var l []statusCount
	for code, n := range m {
		if n > 0 {
			l = append(l, statusCount{code, n})
		}
	}
	slices.SortFunc(l, func(a, b statusCount) int {
		return cmp.Or(cmp.Compare(b.n, a.n), cmp.Compare(a.code, b.code))
	})
	return l
}

// joins are the identities by which a cause may be joined to an exit; the
// features of the argument are named after them.
var joins = []string{"pid", "unit", "program", "process", "cgroup", "container", "port", "address", "file"}

func (v *view) tellConfidence() {
	inc := v.inc
	v.tier = string(inc.Tier)
	var by []string
	if len(inc.Causes) > 0 {
		for _, j := range joins {
			if slices.ContainsFunc(inc.Causes[0].Score, func(t culprit.Term) bool { return t.Feature == "same_"+j && t.Weight > 0 }) {
				by = append(by, j)
			}
		}
	}
	switch {
	case v.open && inc.Tier == "":
		v.tier, v.basis = "", ""
	case inc.Tier == culprit.TierProven && len(by) > 0:
		v.basis = "joined by " + list(by) + ", every source needed was read"
	case inc.Tier == culprit.TierProven:
		v.basis = "joined by identity, every source needed was read"
	case inc.Tier == culprit.TierLikely:
		v.basis = "joined by time, no other candidate, every source was read"
	case inc.Tier == culprit.TierPossible:
		v.basis = "another candidate or a missing source leaves room for doubt"
	}
	switch {
	case inc.Judged > 0:
		v.record = fmt.Sprintf("%s of %s such verdicts were right on captures", number(inc.Right), number(inc.Judged))
	case inc.Confidence > 0:
		v.record = fmt.Sprintf("at least %d %% of such verdicts were right on captures", int(math.Floor(inc.Confidence*100+1e-9)))
	}
}

func (v *view) tellChain() {
	var evidence []culprit.Evidence
	if len(v.inc.Causes) > 0 {
		evidence = v.inc.Causes[0].Evidence
	}
	owner := owners(v.inc.Chain)
	n := 0
	for i := range v.inc.Chain {
		c := &v.inc.Chain[i]
		if c.Role == "recovery" {
			v.recovery = c
		}
		l := link{role: c.Role, label: roleLabel(c.Role, v.calm), text: behindLabel(c.Text), time: c.Time}
		if c.Role != "recovery" {
			n++
			l.n = n
		}
		var others []culprit.Evidence
		for j, k := range c.Evidence {
			if k < 0 || k >= len(evidence) || slices.Contains(c.Evidence[:j], k) {
				continue
			}
			if owner[k] == i {
				l.evidence = append(l.evidence, evidence[k])
			} else {
				others = append(others, evidence[k])
			}
		}
		if len(l.evidence) == 0 { // rather twice than a claim without a line
			l.evidence = others
		}
		slices.SortStableFunc(l.evidence, func(a, b culprit.Evidence) int { return rank(a) - rank(b) })
		v.links = append(v.links, l)
	}
	// A cause without a chain still has its lines.
	if len(v.links) == 0 && !v.open && len(v.inc.Causes) > 0 {
		c := v.inc.Causes[0]
		v.links = append(v.links, link{n: 1, role: "failure", label: roleLabel("failure", v.calm),
			text: strings.TrimSpace(c.Entity + ": " + VerdictWords(c.Kind)), time: c.Time, evidence: c.Evidence})
	}
}

// owners says for each piece of evidence under which link of the chain it is
// shown: that which it is most telling for, else the first.
func owners(chain []culprit.ChainLink) map[int]int {
	weight := map[string]int{"failure": 3, "trigger": 2, "keeps_down": 1}
	owner := map[int]int{}
	for i := range chain {
		for _, k := range chain[i].Evidence {
			if o, ok := owner[k]; !ok || weight[chain[i].Role] > weight[chain[o].Role] {
				owner[k] = i
			}
		}
	}
	return owner
}

// rank puts the decisive record of a link first.
func rank(e culprit.Evidence) int {
	if e.Role == "decisive" {
		return 0
	}
	return 1
}

// has says whether a link of the chain has the role.
func (v *view) has(role string) bool {
	return slices.ContainsFunc(v.links, func(l link) bool { return l.role == role })
}

// shows says whether a link of the chain shows the piece of evidence.
func (v *view) shows(e culprit.Evidence) bool {
	return slices.ContainsFunc(v.links, func(l link) bool {
		return slices.ContainsFunc(l.evidence, func(o culprit.Evidence) bool {
			return o.Source == e.Source && o.Line == e.Line && o.Text == e.Text
		})
	})
}

func (v *view) tellPhases() {
	f := &v.inc.Failures
	bin := time.Duration(max(f.BinSeconds, 1)) * time.Second
	for _, p := range phases {
		n := p.count(&f.ByPhase)
		if n == 0 {
			continue
		}
		c := phaseCount{key: p.key, n: n, words: p.words}
		for i, k := range f.PhaseSeries[p.key] {
			if k > 0 {
				at := v.inc.Start.Truncate(time.Second).Add(time.Duration(i) * bin)
				if c.first.IsZero() {
					c.first = at
				}
				c.last = at
			}
		}
		v.phases = append(v.phases, c)
	}
	if len(v.phases) > 0 && !v.has("impact") {
		text := "nginx logged " + plural(f.ErrorLines, "failure")
		if f.Failed > 0 {
			text = plural(f.Failed, "request") + " failed"
		}
		v.links = append(v.links, link{n: len(v.links) + 1, role: "impact", label: roleLabel("impact", v.calm), text: text, time: &v.inc.Start})
	}
}

// said names the phase in a sentence: "timed out (110)".
func (p *phaseCount) said() string {
	if errno, words, ok := strings.Cut(p.words, " "); ok && errno[0] >= '0' && errno[0] <= '9' {
		return words + " (" + errno + ")"
	}
	return p.words
}

// span says when a phase was seen: "from 08:22:33 to 08:22:57".
func (p *phaseCount) span(c clock) string {
	switch {
	case p.first.IsZero():
		return ""
	case p.first.Equal(p.last):
		return "at   " + c.second(p.first)
	}
	return "from " + c.second(p.first) + " to " + c.second(p.last)
}

func (v *view) tellNow() {
	switch r := v.recovery; {
	case v.inc.Ongoing:
		v.now = "still failing"
	case r != nil && r.Time != nil:
		v.now, v.serving = "serving", true
	default:
		v.now, v.serving = "no failed request", true
	}
}

// since is the time from which v.now holds.
func (v *view) since() time.Time {
	switch {
	case v.inc.Ongoing:
		return v.inc.Start
	case v.recovery != nil && v.recovery.Time != nil:
		return *v.recovery.Time
	}
	return v.inc.End
}

// place names where a piece of evidence stands: file and number of its line.
func place(e culprit.Evidence) string {
	if e.Line <= 0 {
		return e.Source
	}
	return e.Source + ":" + strconv.Itoa(e.Line)
}

// ruledOut names what was looked at: "deploy", "OOM kill of image-batch".
func ruledOut(r culprit.RuledOut) string {
	k := kindWords(r.Kind)
	switch {
	case r.Entity == "":
		return sentence(k)
	case k == "", strings.Contains(strings.ToLower(r.Entity), strings.ToLower(k)):
		return r.Entity
	}
	return sentence(k) + ", " + r.Entity
}
