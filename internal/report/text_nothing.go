package report

import (
	"fmt"
	"slices"
	"strings"

	"culprit"
	"culprit/internal/terminal"
)

// nothing says that no incident is to be told, and what was looked at.
func (p *screenPrinter) nothing(rep *culprit.Report, others []*culprit.Incident) {
	first, last := logSpan(rep)
	switch {
	case p.o.Exit == exitCannotTell:
		p.paraAfter(p.paint(terminal.BoldYellow, "?")+" ", 2, "cannot tell whether requests failed: nginx's logs of that time could not be read", phrase{}, terminal.Bold)
	case len(others) > 0:
		p.paraAfter(p.paint(terminal.Green, "✔")+" ", 2, "no request failed in the last 24 hours of the logs", phrase{}, terminal.Bold)
	default:
		p.paraAfter(p.paint(terminal.Green, "✔")+" ", 2, "no request failed", phrase{}, terminal.Bold)
	}
	p.blank()
	if n := requests(rep); n > 0 {
		p.labelled("Requests", number(n)+" in nginx's access logs", bold(number(n)), terminal.Plain)
	}
	if !first.IsZero() {
		span := p.clock.span(first, last)
		p.labelled("When", fmt.Sprintf("%s (%s), %s", span, p.clock.place(first), duration(last.Sub(first))), bold(span), terminal.Plain)
	}
	p.labelled("Looked at", lookedAt(rep), phrase{}, terminal.Plain)
	p.sources(rep)
}

// sources lists what was read, names and counts in two columns.
func (p *screenPrinter) sources(rep *culprit.Report) {
	shown := shownSources(rep)
	said := make([]string, len(shown))
	name, text := 0, 0
	for i, s := range shown {
		said[i] = s.Format + ", " + plural(s.Records, "record")
		if s.Unparsed > 0 {
			said[i] += ", " + number(s.Unparsed) + " not understood"
		}
		name, text = max(name, terminal.Width(one(s.Path))), max(text, terminal.Width(said[i]))
	}
	indent := labelCols
	if indent+name+2+text > p.cols {
		indent = 4
	}
	name = max(min(name, p.cols-indent-2-text), minRoom)
	for i, s := range shown {
		path := terminal.Pad(clipLeft(one(s.Path), name), name)
		p.paraAfter(strings.Repeat(" ", indent)+path+"  ", indent+name+2, said[i], phrase{}, terminal.Dim)
	}
	if n := len(rep.Sources) - len(shown); n > 0 {
		p.row(strings.Repeat(" ", indent), p.paint(terminal.Dim, "and "+plural(n, "more source")))
	}
}

// requests returns how many requests the access logs hold.
func requests(rep *culprit.Report) int {
	n := 0
	for _, s := range rep.Sources {
		if s.Format == "nginx_access" {
			n += s.Records - s.Unparsed
		}
	}
	return n
}

func lookedAt(rep *culprit.Report) string {
	if len(rep.Sources) == 0 {
		return "nothing: no log was found that could be read"
	}
	records := 0
	for _, s := range rep.Sources {
		records += s.Records
	}
	return plural(records, "record") + " in " + plural(len(rep.Sources), "source")
}

// maxSources bounds the list of sources.
const maxSources = 8

// shownSources returns the sources with the most records, in their order.
func shownSources(rep *culprit.Report) []culprit.SourceInfo {
	l := slices.Clone(rep.Sources)
	slices.SortStableFunc(l, func(a, b culprit.SourceInfo) int { return b.Records - a.Records })
	return l[:min(maxSources, len(l))]
}

func (p *screenPrinter) otherIncidents(others []*culprit.Incident) {
	if len(others) == 0 {
		return
	}
	p.section("OTHER INCIDENTS")
	for _, inc := range others {
		when := p.clock.day(inc.Start) + " " + p.clock.second(inc.Start)
		length := duration(inc.End.Sub(inc.Start))
		if p.cols < 60 {
			p.para("  ", when+", "+length, phrase{}, terminal.Plain)
			p.para("    ", inc.Title, phrase{}, terminal.Plain)
			continue
		}
		head := "  " + when + "  " + terminal.Pad(length, 8) + "  "
		p.row(head, terminal.Clip(one(inc.Title), p.cols-terminal.Width(head)))
	}
}

// notices writes what no user felt: in full where nothing else is told.
func (p *screenPrinter) notices(rep *culprit.Report, full bool) {
	if len(rep.Notices) == 0 {
		return
	}
	p.section("ALSO NOTICED")
	for i, n := range rep.Notices {
		if i == maxListed && !p.o.All {
			p.para("  ", "and "+number(len(rep.Notices)-i)+" more: --all", phrase{}, terminal.Dim)
			break
		}
		at := ""
		if n.Time != nil {
			at = p.clock.at(n.Time, *n.Time)
		}
		p.paraAfter(terminal.Pad("    "+at, linkCols), linkCols, noticeText(n), phrase{}, terminal.Plain)
		if full || p.o.All {
			p.evidence(decisive(n.Evidence), room{1, 3})
		}
	}
}

func noticeText(n culprit.Notice) string {
	if n.Text != "" {
		return n.Text
	}
	return strings.TrimSpace(kindWords(n.Kind) + " " + n.Entity)
}
