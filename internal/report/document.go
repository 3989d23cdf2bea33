package report

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"culprit"
	"culprit/internal/redact"
	"culprit/internal/terminal"
)

// Options say how a postmortem is made.
type Options struct {
	Zone        *time.Location // in which times are written; nil: UTC
	Now         time.Time      // when it is made
	Host        string         // the machine that the logs are of, "" if unknown
	Secrets     bool           // leave secrets and e-mail addresses in
	ShowClients bool           // leave the addresses of clients in
}

// redactor returns what the options ask for, nil if nothing is to be redacted.
func (o Options) redactor() *redact.Redactor {
	if o.Secrets {
		return nil
	}
	return &redact.Redactor{Clients: !o.ShowClients}
}

// A document is a postmortem as every form of it says it. Its strings can be
// shown as they are, but they are not markup: each form escapes them for its
// own.
type document struct {
	ID, Title, Lead string
	Facts           []fact
	Users           []string // sentences
	Figure          *figure  // nil if there is nothing to draw
	Why             []step
	Timeline        []moment
	Argument        []term
	Sum             string
	Confidence      string
	Others          []step
	RuledOut        []pair
	Gaps            []gap
	Actions         []action
	Questions       []pair
	Evidence        []quote
	Foot            string
	Redacted        string
	Calm, Open      bool
}

type (
	// A fact is one of the few numbers below the title.
	fact struct{ Name, Value string }
	pair struct{ Name, Text string }
	// A step is one link of the chain with the lines that prove it.
	step struct {
		N           string
		Label, Text string
		Time        string
		Refs        []int // numbers of evidence
		Quote       *quote
	}
	// A moment is a row of the timeline.
	moment struct {
		Time, ISO, Text, Place string
		Short                  string // the file of Place without its folder
		Ref                    int    // number of its evidence, 0 for none
		at                     time.Time
	}
	term struct{ Weight, Why string }
	gap  struct{ Source, Text, Remedy string }
	// An action is a proposal; Owner and Date are for people.
	action struct{ N, Text, Command, Basis string }
	// A quote is a record, verbatim.
	quote struct {
		N     int
		Place string
		Time  string
		Role  string
		Parts []part
	}
	// A part of a quote is marked or not.
	part struct {
		Text   string
		Marked bool
	}
)

// Text returns the record.
func (q *quote) Text() string {
	var b strings.Builder
	for _, p := range q.Parts {
		b.WriteString(p.Text)
	}
	return b.String()
}

// maxExcerpt is how many lines and bytes of a record stand beside a claim; all of
// it is at the end.
const (
	maxExcerpt      = 8
	maxExcerptBytes = 2 << 10
)

// excerpt returns the part of a long record that begins with its first marked
// line.
func (q *quote) excerpt() *quote {
	text := q.Text()
	if strings.Count(text, "\n") < maxExcerpt && len(text) <= maxExcerptBytes {
		return q
	}
	lines := strings.Split(text, "\n")
	from := max(slices.IndexFunc(lines, func(l string) bool { return len(Marks(l)) > 0 }), 0)
	to := min(from+maxExcerpt, len(lines))
	short := quote{N: q.N, Place: q.Place, Time: q.Time, Role: q.Role}
	shown := strings.Join(lines[from:to], "\n")
	cut := head(shown, maxExcerptBytes)
	whole := len(cut) == len(shown)
	if from > 0 {
		short.Parts = append(short.Parts, part{Text: "…\n"})
	}
	short.Parts = append(short.Parts, parts(cut)...)
	switch {
	case !whole:
		short.Parts = append(short.Parts, part{Text: " …"})
	case to < len(lines):
		short.Parts = append(short.Parts, part{Text: "\n…"})
	}
	return &short
}

// parts splits text at its marks, line by line.
func parts(text string) []part {
	var out []part
	for i, line := range strings.Split(text, "\n") {
		if i > 0 {
			out = append(out, part{Text: "\n"})
		}
		at := 0
		for _, m := range Marks(line) {
			out = append(out, part{Text: line[at:m[0]]}, part{Text: line[m[0]:m[1]], Marked: true})
			at = m[1]
		}
		out = append(out, part{Text: line[at:]})
	}
	return slices.DeleteFunc(out, func(p part) bool { return p.Text == "" })
}

// maxSaid bounds a sentence or a name in a document; what a line says at length
// stands in the evidence.
const maxSaid = 800

// said returns text that came from outside as one line of moderate length.
func said(s string) string {
	if short := head(s, maxSaid); len(short) < len(s) {
		return terminal.EscapeLine(short) + "…"
	}
	return terminal.EscapeLine(s)
}

func newDocument(rep *culprit.Report, inc *culprit.Incident, o Options) *document {
	r := o.redactor()
	rep, inc = redacted(rep, inc, r)
	c := newClock(o.Zone, o.Now)
	v := newView(rep, inc, c)
	d := &document{ID: said(inc.ID), Title: said(v.title), Calm: v.calm, Open: v.open}
	d.Lead = said(lead(v))
	d.facts(v)
	d.users(v)
	d.quotes(v)
	d.chain(v)
	d.argument(v)
	for _, x := range inc.RuledOut {
		d.RuledOut = append(d.RuledOut, pair{said(ruledOut(x)), said(x.Reason)})
	}
	for _, g := range v.gaps {
		d.Gaps = append(d.Gaps, gap{said(g.Source), said(gapText(g, c, false)), one(g.Remedy)})
	}
	for i, p := range inc.Prevention {
		d.Actions = append(d.Actions, action{strconv.Itoa(i + 1), said(p.Text), one(p.Command), said(p.Basis)})
	}
	d.Questions = questions
	d.Figure = newFigure(v)
	d.foot(rep, v, r, o)
	return d
}

// questions are what no log can answer.
var questions = []pair{
	{"Detection", "Who noticed it, how, and how long after it began?"},
	{"Impact", "What did it cost: orders, data, trust? Who was told?"},
	{"Response", "Who did what, when, and what of it helped?"},
	{"What went well", "What shortened it or kept it small?"},
	{"What to change", "Which of the proposed actions are taken, by whom, by when? What else?"},
}

// longDuration writes a duration in words: "2 minutes 13 seconds".
func longDuration(d time.Duration) string {
	words := strings.NewReplacer(" d", " day", " h", " hour", " m", " minute", " s", " second")
	parts := strings.Fields(words.Replace(duration(d)))
	for i := 1; i < len(parts); i += 2 {
		if parts[i-1] != "1" {
			parts[i] += "s"
		}
	}
	if d < time.Second {
		return "less than a second"
	}
	return strings.Join(parts, " ")
}

// lead is the paragraph that a reader in a hurry reads.
func lead(v *view) string {
	inc, f := v.inc, v.inc.Failures
	var b strings.Builder
	on := v.clock.zoneTime(inc.Start).Format("Monday 2 January 2006")
	length := longDuration(inc.End.Sub(inc.Start))
	subject := "requests to " + v.asked + " failed"
	switch {
	case f.Failed > 0 && f.Failed == f.Of && f.Of > 1:
		subject = "every request to " + v.asked + " failed"
	case f.Failed > 0:
		subject = v.users
	}
	switch {
	case inc.Ongoing:
		fmt.Fprintf(&b, "Since %s, %s, %s; it still lasts.", on, v.clock.second(inc.Start), subject)
	case f.Failed > 0 && f.Failed == f.Of && f.Of > 1:
		fmt.Fprintf(&b, "On %s %s for %s.", on, subject, length)
	default:
		fmt.Fprintf(&b, "On %s %s within %s.", on, subject, length)
	}
	if v.calm {
		b.WriteString(" It was planned")
		if inc.Initiator != "" {
			b.WriteString(": " + inc.Initiator + " ordered it")
		}
		b.WriteString(".")
	}
	if v.stays != "" {
		b.WriteString(" " + sentence(v.stays) + ".")
	}
	if v.recovery != nil && v.recovery.Time != nil {
		fmt.Fprintf(&b, " It has been serving again since %s.", v.clock.second(*v.recovery.Time))
	}
	if v.open {
		b.WriteString(" Why is not known.")
		if inc.KnownTo != "" {
			b.WriteString(" Known is: " + inc.KnownTo + ".")
		}
	}
	return b.String()
}

func (d *document) facts(v *view) {
	inc, f := v.inc, v.inc.Failures
	d.Facts = append(d.Facts,
		fact{"Began", v.clock.second(inc.Start) + " (" + v.clock.offset(inc.Start) + ")"},
		fact{"Length", duration(inc.End.Sub(inc.Start))})
	switch {
	case f.Failed > 0 && f.Of >= f.Failed:
		d.Facts = append(d.Facts, fact{"Failed requests", number(f.Failed) + " of " + number(f.Of)})
	case f.Failed > 0:
		d.Facts = append(d.Facts, fact{"Failed requests", number(f.Failed)})
	default:
		d.Facts = append(d.Facts, fact{"Failures logged", number(f.ErrorLines)})
	}
	tier := said(v.tier)
	if v.open || tier == "" {
		tier = "cause not known"
	}
	d.Facts = append(d.Facts, fact{"Confidence", tier})
}

func (d *document) users(v *view) {
	d.Users = append(d.Users, said(v.users)+".")
	if v.saw != "" {
		d.Users = append(d.Users, said(v.saw)+".")
	}
	var parts []string
	for _, p := range v.phases {
		s := number(p.n) + " " + p.said()
		if span := p.span(v.clock); span != "" {
			s += " " + strings.Join(strings.Fields(span), " ")
		}
		parts = append(parts, s)
	}
	if len(parts) > 0 {
		d.Users = append(d.Users, "nginx says how: "+strings.Join(parts, "; ")+".")
	}
}

// quotes numbers the evidence: that of the first cause, then what only other
// candidates have.
func (d *document) quotes(v *view) {
	seen := map[string]bool{}
	for _, cause := range v.inc.Causes {
		for _, e := range cause.Evidence {
			if key := place(e) + "\x00" + e.Text; !seen[key] {
				seen[key] = true
				d.Evidence = append(d.Evidence, newQuote(e, len(d.Evidence)+1, v.clock))
			}
		}
	}
}

func newQuote(e culprit.Evidence, n int, c clock) quote {
	q := quote{N: n, Place: said(place(e)), Role: said(e.Role)}
	if e.Time != nil {
		q.Time = c.iso(*e.Time)
	}
	q.Parts = parts(terminal.Escape(terminal.WithoutColours(e.Text)))
	return q
}

// find returns the quote of a piece of evidence, nil if there is none.
func (d *document) find(e culprit.Evidence) *quote {
	where, text := said(place(e)), terminal.Escape(terminal.WithoutColours(e.Text))
	for i := range d.Evidence {
		if q := &d.Evidence[i]; q.Place == where && q.Text() == text {
			return q
		}
	}
	return nil
}

func (d *document) chain(v *view) {
	c, start := v.clock, v.inc.Start
	for _, l := range v.links {
		s := step{Label: l.label, Text: said(l.text), Time: c.at(l.time, start)}
		if l.n > 0 {
			s.N = strconv.Itoa(l.n)
		}
		m := moment{Text: s.Text}
		for _, e := range l.evidence {
			q := d.find(e)
			if q == nil {
				continue
			}
			s.Refs = append(s.Refs, q.N)
			if s.Quote == nil {
				s.Quote, m.Ref, m.Place = q.excerpt(), q.N, q.Place
				m.Short = m.Place[strings.LastIndexByte(m.Place, '/')+1:]
			}
		}
		if l.role != "impact" && l.role != "recovery" {
			d.Why = append(d.Why, s)
		}
		if l.time != nil {
			m.at, m.Time, m.ISO = *l.time, s.Time, c.iso(*l.time)
		}
		d.Timeline = append(d.Timeline, m)
	}
	if !v.inc.Ongoing && v.inc.End.After(start) {
		d.Timeline = append(d.Timeline, moment{Time: c.second(v.inc.End), ISO: c.iso(v.inc.End), Text: "last failed request", at: v.inc.End})
	}
	for i := range d.Timeline {
		if d.Timeline[i].at.IsZero() && i > 0 {
			d.Timeline[i].at = d.Timeline[i-1].at // it stays behind its cause
		}
	}
	slices.SortStableFunc(d.Timeline, func(a, b moment) int { return a.at.Compare(b.at) })
	for _, cause := range v.other {
		s := step{Text: said(candidate(cause)), Time: c.at(cause.Time, start)}
		for _, e := range decisive(cause.Evidence) {
			if q := d.find(e); q != nil {
				s.Quote = q.excerpt()
			}
		}
		d.Others = append(d.Others, s)
	}
}

func (d *document) argument(v *view) {
	if v.open {
		d.Confidence = "No cause is asserted: what is known does not decide between the candidates, or a source that would decide could not be read."
		return
	}
	d.Confidence = sentence(v.tier)
	if v.basis != "" {
		d.Confidence += ": " + v.basis
	}
	d.Confidence = said(d.Confidence) + "."
	if v.record != "" {
		d.Confidence += " " + sentence(v.record) + "."
	}
	if len(v.inc.Causes) == 0 {
		return
	}
	sum := 0.0
	for _, t := range v.inc.Causes[0].Score {
		why := t.Why
		if why == "" {
			why = kindWords(t.Feature)
		}
		d.Argument = append(d.Argument, term{fmt.Sprintf("%+g", t.Weight), said(why)})
		sum += t.Weight
	}
	d.Sum = fmt.Sprintf("%g", sum)
}

func (d *document) foot(rep *culprit.Report, v *view, r *redact.Redactor, o Options) {
	c := v.clock
	d.Foot = "Made by culprit"
	if o.Host != "" {
		d.Foot += " for " + said(o.Host)
	}
	if !o.Now.IsZero() {
		d.Foot += ", " + c.zoneTime(o.Now).Format("2 Jan 2006 15:04") + " (" + c.offset(o.Now) + ")"
	}
	if len(rep.Sources) > 0 {
		d.Foot += ", from " + lookedAt(rep)
	}
	d.Foot += ". Times are " + c.place(v.inc.Start) + ". culprit ran none of the proposed actions."
	d.Redacted = redactedWords(r)
}

// redactedWords says what was taken out.
func redactedWords(r *redact.Redactor) string {
	if r == nil {
		return "Nothing was redacted: do not pass this on unread."
	}
	if r.Counts.Total() == 0 {
		return "Nothing had to be redacted."
	}
	var parts []string
	for _, class := range r.Counts.Classes() {
		parts = append(parts, fmt.Sprintf("%s %d", class, r.Counts[class]))
	}
	return fmt.Sprintf("Redacted in %s: %s.", plural(r.Counts.Total(), "place"), strings.Join(parts, ", "))
}
