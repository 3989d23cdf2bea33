package report

import (
	"bytes"
	"fmt"
	"strings"
	"time"

	"culprit"
	"culprit/internal/terminal"
)

// A plainPrinter writes for pipes and files: one fact a line, nothing
// wrapped, ASCII apart from log content.
type plainPrinter struct {
	b     *bytes.Buffer
	clock clock
	o     TextOptions
}

func (p *plainPrinter) linef(format string, args ...any) {
	p.b.WriteString(terminal.EscapeLine(head(fmt.Sprintf(format, args...), maxPlainLine)))
	p.b.WriteByte('\n')
}

func (p *plainPrinter) section(title string) { p.b.WriteString("\n" + title + "\n") }

func (p *plainPrinter) report(rep *culprit.Report) {
	tell, others := Select(rep, p.o.All)
	for i, inc := range tell {
		if i > 0 {
			p.b.WriteString("\n\n")
		}
		p.incident(newView(rep, inc, p.clock))
	}
	if len(tell) == 0 {
		p.nothing(rep, others)
	}
	if len(others) > 0 {
		p.section("OTHER INCIDENTS")
		for _, inc := range others {
			p.linef("%s, %s: %s", p.clock.iso(inc.Start), duration(inc.End.Sub(inc.Start)), inc.Title)
		}
	}
	if len(rep.Notices) > 0 {
		p.section("ALSO NOTICED")
		for _, n := range rep.Notices {
			p.linef("%s%s", p.at(n.Time), noticeText(n))
			if len(tell) == 0 || p.o.All {
				p.evidence(n.Evidence)
			}
		}
	}
	if len(tell) == 0 {
		p.gaps(rep.Gaps)
	}
}

// at writes a time and a space, nothing for an unknown one.
func (p *plainPrinter) at(t *time.Time) string {
	if t == nil {
		return ""
	}
	return p.clock.iso(*t) + " "
}

func (p *plainPrinter) incident(v *view) {
	inc, c := v.inc, p.clock
	p.linef("%s", v.title)
	p.b.WriteByte('\n')
	users := v.users
	if codes, from, _ := strings.Cut(v.saw, "from "); v.saw != "" {
		codes = strings.TrimSuffix(codes, ", ")
		codes = strings.ReplaceAll(codes, " with ", " x ")
		if codes != "" {
			users += " (" + codes + ")"
		}
		if from != "" {
			users += ", " + from
		}
	}
	p.linef("users saw: %s", users)
	if inc.Ongoing {
		p.linef("when: since %s, %s", c.iso(inc.Start), v.when)
	} else {
		p.linef("when: %s to %s, %s", c.iso(inc.Start), c.iso(inc.End), v.when)
	}
	if v.serving {
		p.linef("now: %s since %s", v.now, c.iso(v.since()))
	} else {
		p.linef("now: %s, last seen %s", v.now, c.iso(inc.End))
	}
	if v.stays != "" && !v.has("keeps_down") {
		word := "stayed down"
		if inc.Ongoing {
			word = "stays down"
		}
		p.linef("%s: %s", word, v.stays)
	}
	if inc.Initiator != "" {
		p.linef("ordered by: %s", inc.Initiator)
	}
	switch {
	case v.open:
		p.linef("confidence: none, we do not know why")
		if inc.KnownTo != "" {
			p.linef("known: %s", inc.KnownTo)
		}
	case v.tier != "" && v.record != "":
		p.linef("confidence: %s (%s; %s)", v.tier, v.basis, v.record)
	case v.tier != "":
		p.linef("confidence: %s (%s)", v.tier, v.basis)
	}
	p.chain(v)
	if len(v.other) > 0 {
		title := "ALSO POSSIBLE"
		if v.open {
			title = "CANDIDATES"
		}
		p.section(title)
		for _, cause := range v.other {
			p.linef("%s%s", p.at(cause.Time), candidate(cause))
			for _, e := range cause.Evidence {
				if !v.shows(e) {
					p.evidence([]culprit.Evidence{e})
				}
			}
		}
	}
	if v.open { // then this is the answer
		p.gaps(v.gaps)
	}
	if len(inc.RuledOut) > 0 {
		p.section("RULED OUT")
		for _, r := range inc.RuledOut {
			p.linef("%s: %s", lower(ruledOut(r)), r.Reason)
		}
	}
	if !v.open {
		p.gaps(v.gaps)
	}
	if len(inc.Prevention) > 0 {
		title := "PREVENT IT"
		if v.calm {
			title = "NEXT TIME"
		}
		p.section(title)
		for i, pr := range inc.Prevention {
			s := pr.Text
			if pr.Command != "" {
				if s != "" {
					s += ": "
				}
				s += pr.Command
			}
			if pr.Basis != "" {
				s += " (" + pr.Basis + ")"
			}
			p.linef("%d %s", i+1, s)
		}
	}
}

func (p *plainPrinter) chain(v *view) {
	if len(v.links) == 0 {
		return
	}
	var counts []string
	for _, ph := range v.phases {
		counts = append(counts, number(ph.n)+" x "+ph.words)
	}
	failed := ""
	if len(counts) > 0 {
		failed = " (" + strings.Join(counts, ", ") + ")"
	}
	p.section("WHAT HAPPENED")
	impact := false
	for _, l := range v.links {
		n := ""
		if l.n > 0 {
			n = fmt.Sprintf("%d ", l.n)
		}
		text := l.text
		if l.role != "recovery" {
			text = lower(l.label) + ": " + text
		}
		if l.role == "impact" && !impact {
			impact = true
			text += failed
		}
		p.linef("%s%s%s", n, p.at(l.time), text)
		p.evidence(l.evidence)
	}
}

// maxPlainLine bounds a verbatim line; what follows is counted, not printed.
const maxPlainLine = 16 << 10

// evidence writes records verbatim, each behind where it stands. Only what a
// terminal would obey is written out, for a pipe may end in one.
func (p *plainPrinter) evidence(list []culprit.Evidence) {
	for _, e := range list {
		where := one(place(e)) + ": "
		rest := len(e.Text) - len(head(e.Text, maxRecord))
		for line := range strings.SplitSeq(head(e.Text, maxRecord), "\n") {
			short := head(line, maxPlainLine)
			p.b.WriteString("> " + where + terminal.Escape(terminal.WithoutColours(short)))
			if n := len(line) - len(short); n > 0 {
				fmt.Fprintf(p.b, " ... %d bytes more", n)
			}
			p.b.WriteByte('\n')
			where = ""
		}
		if rest > 0 {
			fmt.Fprintf(p.b, "> ... %d bytes more\n", rest)
		}
	}
}

func (p *plainPrinter) gaps(gaps []culprit.Gap) {
	if len(gaps) == 0 {
		return
	}
	p.section("MISSING EVIDENCE")
	for _, g := range gaps {
		s := g.Source + ": " + gapText(g, p.clock, true)
		if g.Remedy != "" {
			s += " (" + g.Remedy + ")"
		}
		p.linef("%s", s)
	}
}

func (p *plainPrinter) nothing(rep *culprit.Report, others []*culprit.Incident) {
	first, last := logSpan(rep)
	switch {
	case p.o.Exit == exitCannotTell:
		p.linef("cannot tell whether requests failed: nginx's logs of that time could not be read")
	case len(others) > 0:
		p.linef("no request failed in the last 24 hours of the logs")
	default:
		p.linef("no request failed")
	}
	p.b.WriteByte('\n')
	if n := requests(rep); n > 0 {
		p.linef("requests: %s in nginx's access logs", number(n))
	}
	if !first.IsZero() {
		p.linef("when: %s to %s, %s", p.clock.iso(first), p.clock.iso(last), duration(last.Sub(first)))
	}
	p.linef("looked at: %s", lookedAt(rep))
	for _, s := range rep.Sources {
		p.linef("source: %s, %s, %s, %s not understood", s.Path, s.Format, plural(s.Records, "record"), number(s.Unparsed))
	}
}

// lower returns s with its first letter as a small one, unless it begins with an
// abbreviation.
func lower(s string) string {
	if len(s) > 1 && s[0] >= 'A' && s[0] <= 'Z' && (s[1] < 'A' || s[1] > 'Z') {
		return string(s[0]-'A'+'a') + s[1:]
	}
	return s
}
