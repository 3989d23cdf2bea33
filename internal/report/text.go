package report

import (
	"bytes"
	"fmt"
	"io"
	"strings"
	"time"

	"culprit"
	"culprit/internal/terminal"
)

// TextOptions say how the text of a report is to look.
type TextOptions struct {
	Screen  terminal.Screen // the zero value is plain: for pipes and files
	Zone    *time.Location  // in which times are written; nil: UTC
	Now     time.Time       // the year of this time is not written
	All     bool            // tell every incident, not only the one that matters now
	Elapsed time.Duration   // how long the analysis took, 0 if it is not to be told
	Exit    int             // the exit code that goes with it; 3 means that nothing can be told
}

// exitCannotTell is the exit code of a run that could not read what it needed.
const exitCannotTell = 3

// Text writes what the report says for people: the incident that matters with its
// proof, or why there is none. On a screen it is at most 80 columns wide, wrapped
// and coloured, and the answer stands in the first 24 lines; without one it is
// plain: no escapes, ISO times with offset, verbatim lines unwrapped behind
// "> ", ASCII apart from log content.
//
// Log text never reaches w as it is: what a terminal would obey is written out.
func Text(w io.Writer, rep *culprit.Report, o TextOptions) error {
	var b bytes.Buffer
	if o.Screen.Width > 0 {
		p := &screenPrinter{b: &b, cols: min(max(o.Screen.Width, minCols), maxCols), color: o.Screen.Color, clock: newClock(o.Zone, o.Now), o: o}
		p.report(rep)
	} else {
		p := &plainPrinter{b: &b, clock: newClock(o.Zone, o.Now), o: o}
		p.report(rep)
	}
	if _, err := w.Write(b.Bytes()); err != nil {
		return fmt.Errorf("write report: %w", err)
	}
	return nil
}

const (
	minCols = 24
	maxCols = 80
	// screenLines is the height of the smallest usual terminal; one line is the
	// prompt's.
	screenLines = 24 - 1
	labelCols   = 15 // of the rows below the title
	linkCols    = 18 // of number and time before the text of a link
	maxRows     = 6  // of a paragraph; the rest is cut
	minRoom     = 16 // for text beside a label; below it the label stands alone
)

// A screenPrinter writes for a terminal.
type screenPrinter struct {
	b     *bytes.Buffer
	cols  int
	color bool
	clock clock
	o     TextOptions
}

func (p *screenPrinter) paint(st terminal.Style, s string) string { return st.Paint(s, p.color) }

func (p *screenPrinter) blank() { p.b.WriteByte('\n') }

func (p *screenPrinter) lines() int { return bytes.Count(p.b.Bytes(), []byte{'\n'}) }

// row writes one finished line.
func (p *screenPrinter) row(parts ...string) {
	for _, s := range parts {
		p.b.WriteString(s)
	}
	p.b.WriteByte('\n')
}

// A phrase is the beginning of a text that is set off from the rest.
type phrase struct {
	text  string
	style terminal.Style
}

func bold(s string) phrase { return phrase{s, terminal.Bold} }

// one returns text that came from outside as one line that can be printed.
func one(s string) string { return terminal.EscapeLine(head(s, maxLine)) }

// para writes text wrapped, the first row behind first, the others indented as
// far.
func (p *screenPrinter) para(first, text string, lead phrase, st terminal.Style) {
	p.paraAfter(first, terminal.Width(first), text, lead, st)
}

// paraAfter is para behind a beginning that holds colours and takes cols.
func (p *screenPrinter) paraAfter(first string, cols int, text string, lead phrase, st terminal.Style) {
	text, lead.text = one(text), one(lead.text)
	if p.cols-cols < minRoom { // the beginning has a line of its own
		if s := strings.TrimRight(first, " "); s != "" {
			p.row(s)
		}
		cols = 4
		first = strings.Repeat(" ", cols)
	}
	rows, n := terminal.Wrap(text, p.cols-cols, maxRows)
	for i, r := range rows {
		if i == len(rows)-1 && n < len(text) {
			r = strings.TrimSuffix(terminal.Clip(r, p.cols-cols-1), "…") + "…"
		}
		if i == 0 && lead.text != "" && strings.HasPrefix(r, lead.text) {
			r = p.paint(lead.style, lead.text) + p.paint(st, r[len(lead.text):])
		} else {
			r = p.paint(st, r)
		}
		p.row(first, r)
		first = strings.Repeat(" ", cols)
	}
}

// labelled writes a row of the head: "  When         22 Nov ...".
func (p *screenPrinter) labelled(label, text string, lead phrase, st terminal.Style) {
	p.para(terminal.Pad("  "+label, labelCols), text, lead, st)
}

func (p *screenPrinter) section(title string) {
	p.blank()
	p.row(p.paint(terminal.Bold, title))
	p.blank()
}

func (p *screenPrinter) report(rep *culprit.Report) {
	tell, others := Select(rep, p.o.All)
	for i, inc := range tell {
		if i > 0 {
			p.blank()
			p.blank()
		}
		p.incident(newView(rep, inc, p.clock))
	}
	if len(tell) == 0 {
		p.nothing(rep, others)
	}
	p.otherIncidents(others)
	p.notices(rep, len(tell) == 0)
	if len(tell) == 0 {
		p.gaps(rep.Gaps, 0)
	}
	p.foot(rep, len(tell) > 0, len(others))
}

func (p *screenPrinter) incident(v *view) {
	glyph, st := "✖", terminal.BoldRed
	switch {
	case v.calm:
		glyph, st = "↻", terminal.Bold
	case v.open:
		glyph, st = "?", terminal.BoldYellow
	}
	p.paraAfter(p.paint(st, glyph)+" ", 2, v.title, phrase{}, terminal.Bold)
	p.blank()
	p.head(v)
	p.chain(v)
	p.candidates(v)
	if v.open { // then this is the answer
		p.gaps(v.gaps, v.farGaps)
	}
	if len(v.inc.RuledOut) > 0 {
		p.section("RULED OUT")
		p.table(len(v.inc.RuledOut), func(i int) (string, string) { return ruledOut(v.inc.RuledOut[i]), v.inc.RuledOut[i].Reason })
	}
	if !v.open {
		p.gaps(v.gaps, v.farGaps)
	}
	p.prevention(v)
}

func (p *screenPrinter) head(v *view) {
	c, inc := p.clock, v.inc
	strong, _, _ := strings.Cut(v.users, " request")
	if v.saw != "" {
		p.labelled("Users saw", v.users+":", bold(strong), terminal.Plain)
		p.para(strings.Repeat(" ", labelCols), v.saw, phrase{}, terminal.Plain)
	} else {
		p.labelled("Users saw", v.users, bold(strong), terminal.Plain)
	}
	span := c.span(inc.Start, inc.End)
	if inc.Ongoing {
		span = "since " + c.day(inc.Start) + " " + c.second(inc.Start)
	}
	p.labelled("When", fmt.Sprintf("%s (%s), %s", span, c.place(inc.Start), v.when), bold(span), terminal.Plain)
	const legendCols = 26
	if line, legend := sparkline(inc.Failures.PerSecond, inc.Failures.BinSeconds, p.cols-labelCols-legendCols); line != "" {
		st := terminal.BoldRed
		if v.calm {
			st = terminal.Bold
		}
		p.row(strings.Repeat(" ", labelCols), p.paint(st, line), "  ", legend)
	}
	since := c.second(v.since())
	if !c.sameDay(v.since(), inc.Start) {
		since = c.day(v.since()) + " " + since
	}
	if v.serving {
		p.labelled("Now", "✔ "+v.now+" since "+since, phrase{"✔ " + v.now, terminal.Green}, terminal.Plain)
	} else {
		p.labelled("Now", "✖ "+v.now+", last seen "+c.second(inc.End), phrase{"✖ " + v.now, terminal.BoldRed}, terminal.Plain)
	}
	if v.stays != "" && !v.has("keeps_down") {
		word := "Stayed down"
		if inc.Ongoing {
			word = "Stays down"
		}
		p.labelled(word, v.stays, phrase{}, terminal.Plain)
	}
	if inc.Initiator != "" {
		p.labelled("Ordered by", inc.Initiator, phrase{}, terminal.Plain)
	}
	if v.open {
		p.labelled("Confidence", "none: we do not know why", bold("none"), terminal.Plain)
		if inc.KnownTo != "" {
			p.labelled("Known", inc.KnownTo, phrase{}, terminal.Yellow)
		}
		return
	}
	if v.tier != "" {
		p.labelled("Confidence", v.tier+": "+v.basis, bold(v.tier), terminal.Plain)
		if v.record != "" {
			p.para(strings.Repeat(" ", labelCols), "("+v.record+")", phrase{}, terminal.Dim)
		}
	}
}

func (p *screenPrinter) foot(rep *culprit.Report, incident bool, others int) {
	p.blank()
	var parts []string
	if p.o.Elapsed > 0 {
		parts = append(parts, elapsed(p.o.Elapsed))
	}
	if incident {
		parts = append(parts, lookedAt(rep))
	}
	s := strings.Join(parts, ", ")
	more := "more: --format json"
	if others > 0 {
		more = "more: --all, --format json"
	}
	for _, more := range []string{more, fmt.Sprintf("exit code %d", p.o.Exit)} {
		if s != "" {
			s += "   "
		}
		s += more
	}
	rows, _ := terminal.Wrap(s, p.cols, 3)
	for _, r := range rows {
		p.row(p.paint(terminal.Dim, r))
	}
}
