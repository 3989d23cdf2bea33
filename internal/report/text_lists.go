package report

import (
	"fmt"
	"strings"
	"time"

	"culprit"
	"culprit/internal/terminal"
)

// candidates writes causes beside the first: all of them if nothing is asserted.
func (p *screenPrinter) candidates(v *view) {
	if len(v.other) == 0 {
		return
	}
	title := "ALSO POSSIBLE"
	if v.open {
		title = "CANDIDATES"
	}
	p.section(title)
	for i, c := range v.other {
		if i == maxListed && !p.o.All {
			p.para("  ", "and "+plural(len(v.other)-i, "more candidate"), phrase{}, terminal.Dim)
			break
		}
		at := ""
		if c.Time != nil {
			at = p.clock.at(c.Time, v.inc.Start)
		}
		p.paraAfter(terminal.Pad("    "+at, linkCols), linkCols, candidate(c), phrase{}, terminal.Bold)
		if d := decisive(c.Evidence); len(d) > 0 && v.shows(d[0]) {
			p.where(d[0])
		} else {
			p.evidence(d, room{1, 3})
		}
	}
}

// maxListed bounds lists of lesser things unless all is asked for.
const maxListed = 5

func candidate(c culprit.Cause) string {
	s := VerdictWords(c.Kind)
	if c.Entity != "" {
		s = c.Entity + ": " + s
	}
	return s
}

// decisive returns the decisive piece of evidence, else the first.
func decisive(list []culprit.Evidence) []culprit.Evidence {
	for i := range list {
		if list[i].Role == "decisive" {
			return list[i : i+1]
		}
	}
	return list[:min(1, len(list))]
}

// gaps writes what could not be seen and what would mend it.
func (p *screenPrinter) gaps(gaps []culprit.Gap, far int) {
	if len(gaps) == 0 {
		return
	}
	p.section("MISSING EVIDENCE")
	for i, g := range gaps {
		if i == maxListed && !p.o.All {
			p.para("  ", "and "+plural(len(gaps)-i, "more gap")+": --format json", phrase{}, terminal.Dim)
			break
		}
		p.para("  ", g.Source, phrase{}, terminal.Yellow)
		p.para("    ", gapText(g, p.clock, false), phrase{}, terminal.Plain)
		if g.Remedy != "" {
			p.command("    ", g.Remedy)
		}
	}
	if far > 0 {
		p.para("  ", plural(far, "gap")+" at other times: --format json", phrase{}, terminal.Dim)
	}
}

// gapText says when and why something is missing.
func gapText(g culprit.Gap, c clock, iso bool) string {
	write := func(t *time.Time) string { return c.day(*t) + " " + c.second(*t) }
	if iso {
		write = func(t *time.Time) string { return c.iso(*t) }
	}
	switch {
	case g.From != nil && g.To != nil && !iso:
		return c.span(*g.From, *g.To) + ": " + g.Reason
	case g.From != nil && g.To != nil:
		return write(g.From) + " to " + write(g.To) + ": " + g.Reason
	case g.From != nil:
		return "from " + write(g.From) + ": " + g.Reason
	case g.To != nil:
		return "until " + write(g.To) + ": " + g.Reason
	}
	return g.Reason
}

// command writes something to copy: broken only at spaces outside of quotes,
// with a backslash, so that the shell reads it as one line.
func (p *screenPrinter) command(indent, cmd string) {
	if len(cmd) > maxCommand {
		cmd = head(cmd, maxCommand) + " …"
	}
	cmd = one(cmd)
	room := p.cols - len(indent)
	for terminal.Width(cmd) > room {
		cut := 0
		var quote byte
		for i := 0; i < len(cmd) && (i <= room-2 || cut == 0); i++ {
			switch c := cmd[i]; {
			case c == '\\' && quote != '\'':
				i++
			case quote == 0 && (c == '\'' || c == '"' || c == '`'):
				quote = c
			case c == quote:
				quote = 0
			case c == ' ' && quote == 0 && i > 0:
				cut = i
			}
		}
		if cut == 0 {
			break // one long word: the terminal breaks it, a copy stays right
		}
		p.row(indent, cmd[:cut], " \\")
		cmd = strings.TrimLeft(cmd[cut:], " ")
	}
	p.row(indent, cmd)
}

// table writes names and what is said of them in two columns.
func (p *screenPrinter) table(n int, at func(int) (name, text string)) {
	width := 0
	for i := range n {
		name, _ := at(i)
		if w := terminal.Width(one(name)); w <= 28 {
			width = max(width, w)
		}
	}
	for i := range n {
		name, text := at(i)
		name = one(name)
		if terminal.Width(name) > width || p.cols < 60 {
			p.para("  ", name, phrase{}, terminal.Plain)
			p.para("      ", text, phrase{}, terminal.Plain)
			continue
		}
		p.para("  "+terminal.Pad(name, width)+"   ", text, phrase{}, terminal.Plain)
	}
}

func (p *screenPrinter) prevention(v *view) {
	if len(v.inc.Prevention) == 0 {
		return
	}
	title := "PREVENT IT"
	if v.calm {
		title = "NEXT TIME"
	}
	p.section(title)
	for i, pr := range v.inc.Prevention {
		n := fmt.Sprintf("  %d ", i+1)
		if pr.Text != "" {
			p.para(n, pr.Text, phrase{}, terminal.Plain)
			n = strings.Repeat(" ", len(n))
		}
		if pr.Command != "" {
			p.command(n, pr.Command)
		}
		if pr.Basis != "" {
			p.para("    ", pr.Basis, phrase{}, terminal.Dim)
		}
	}
}
