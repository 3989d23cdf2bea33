package report

import (
	"bytes"
	"fmt"
	"slices"
	"strings"

	"culprit"
	"culprit/internal/terminal"
)

// answerRoles are the links that are part of the answer: they must be seen
// without scrolling.
var answerRoles = []string{"root", "trigger", "failure", "keeps_down"}

// A room says how much of the evidence of a link is shown.
type room struct{ records, rows int }

// rooms are tried in this order until the answer fits the first screen with its
// proof between the links.
var rooms = []room{{2, 6}, {2, 4}, {2, 3}, {1, 4}, {1, 3}, {1, 2}}

func (p *screenPrinter) chain(v *view) {
	if len(v.links) == 0 {
		return
	}
	p.section("WHAT HAPPENED")
	answer := 0
	for i, l := range v.links {
		if slices.Contains(answerRoles, l.role) {
			answer = i + 1
		}
	}
	whole, used := p.b, p.lines()
	for _, r := range rooms {
		p.b = new(bytes.Buffer)
		if end := p.answer(v, v.links[:answer], r); used+end <= screenLines {
			for i := range v.links[answer:] {
				p.link(v, &v.links[answer+i], rooms[0])
			}
			whole.Write(trimBlank(p.b.Bytes()))
			p.b = whole
			return
		}
	}
	// Too much for one screen: first the whole story, then its proof.
	p.b = whole
	for i := range v.links {
		p.linkHead(&v.links[i])
		if v.links[i].role == "impact" {
			p.phases(v)
		}
	}
	p.section("PROOF")
	for i := range v.links {
		if l := &v.links[i]; len(l.evidence) > 0 && l.n > 0 {
			p.row("  ", p.paint(terminal.Bold, fmt.Sprint(l.n)), " ", p.paint(terminal.Bold, l.label))
			p.evidence(l.evidence, rooms[0])
			p.blank()
		}
	}
	p.b.Truncate(len(trimBlank(p.b.Bytes())))
}

// trimBlank leaves one newline at the end of b.
func trimBlank(b []byte) []byte { return append(bytes.TrimRight(b, "\n"), '\n') }

// answer writes the links of the answer with their evidence between them, and
// returns the line on which the first record of the last one ends.
func (p *screenPrinter) answer(v *view, links []link, r room) int {
	end := 0
	for i := range links {
		l := &links[i]
		if i < len(links)-1 {
			p.link(v, l, r)
			continue
		}
		p.linkHead(l)
		if end = p.lines(); len(l.evidence) > 0 {
			p.verbatim(l.evidence[0].Text, r.rows)
			end = p.lines()
			p.where(l.evidence[0])
			p.evidence(l.evidence[1:], room{1, r.rows})
		}
		p.blank()
	}
	return end
}

func (p *screenPrinter) link(v *view, l *link, r room) {
	p.linkHead(l)
	switch l.role {
	case "impact":
		p.phases(v)
		p.evidence(l.evidence, r)
	case "recovery":
	default:
		p.evidence(l.evidence, r)
	}
	p.blank()
}

func (p *screenPrinter) linkHead(l *link) {
	n := " "
	if l.n > 0 {
		n = fmt.Sprint(l.n)
	}
	at := ""
	if l.time != nil {
		at = p.clock.at(l.time, *l.time)
	}
	head := terminal.Pad("  "+n+" "+at, linkCols)
	text, st := l.label+": "+l.text, terminal.Bold
	if l.role == "recovery" {
		text, st = l.text, terminal.Plain
	}
	if p.color && l.n > 0 {
		head = "  " + p.paint(terminal.Bold, n) + head[2+len(n):]
	}
	if p.cols < 60 {
		p.row(strings.TrimRight(head, " "))
		p.para("    ", text, phrase{}, st)
		return
	}
	p.paraAfter(head, linkCols, text, phrase{}, st)
}

func (p *screenPrinter) phases(v *view) {
	width := 0
	for _, ph := range v.phases {
		width = max(width, len(ph.words))
	}
	for _, ph := range v.phases {
		head := fmt.Sprintf("%7s x ", number(ph.n))
		text := ph.words
		if s := ph.span(p.clock); s != "" && p.cols >= 60 {
			text = terminal.Pad(text, width) + "   " + s
		}
		p.para(head, text, phrase{}, terminal.Plain)
	}
}

// evidence writes verbatim lines, wrapped behind a bar, and where they stand.
func (p *screenPrinter) evidence(list []culprit.Evidence, r room) {
	if r.records == 0 {
		return
	}
	for _, e := range list[:min(r.records, len(list))] {
		p.verbatim(e.Text, r.rows)
		p.where(e)
	}
	if more := len(list) - r.records; more > 0 {
		p.row("    ", p.paint(terminal.Dim, "  and "+plural(more, "more record")))
	}
}

// where writes where a record stands.
func (p *screenPrinter) where(e culprit.Evidence) {
	p.row("    ", p.paint(terminal.Dim, "  "+clipLeft(one(place(e)), p.cols-6)))
}

// verbatim writes a record in at most rows rows. Of a long one the part is shown
// that begins with the first telling line.
func (p *screenPrinter) verbatim(text string, rows int) {
	bar := "    " + p.paint(terminal.Dim, "│") + " "
	dots := "    " + p.paint(terminal.Dim, "│ …")
	cols := p.cols - 6
	lines := strings.Split(head(text, maxRecord), "\n")
	at := 0
	if len(lines) > rows {
		for i, l := range lines {
			if len(Marks(l)) > 0 {
				at = i
				break
			}
		}
	}
	// An omission takes a row of its own unless it is all that there is.
	if at > 0 && rows > 1 {
		p.row(dots)
		rows--
	}
	for i := at; i < len(lines); i++ {
		line := terminal.ExpandTabs(terminal.Escape(terminal.WithoutColours(head(lines[i], maxLine))))
		marks := Marks(line)
		wrapped, n := terminal.Wrap(line, cols, max(rows, 1))
		if len(wrapped) == 0 {
			wrapped = []string{""}
		}
		off := 0
		for k, row := range wrapped {
			from := off
			off += len(row)
			for off < len(line) && line[off] == ' ' {
				off++
			}
			last := rows == 1 && (n < len(line) || len(lines[i]) > maxLine || i < len(lines)-1)
			if last && k == len(wrapped)-1 {
				row = terminal.Clip(row, cols-2)
				p.row(bar, p.marked(strings.TrimSuffix(row, "…"), from, marks), " ", p.paint(terminal.Dim, "…"))
				return
			}
			p.row(strings.TrimRight(bar+p.marked(row, from, marks), " "))
			rows--
		}
	}
}

// Bounds on how much of a line, a record and a command is looked at; far more
// than any screen shows.
const (
	maxLine    = 8 << 10
	maxRecord  = 64 << 10
	maxCommand = 1 << 10
)

// head returns at most n bytes of s, cut between two characters.
func head(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for n > 0 && s[n]&0xc0 == 0x80 {
		n--
	}
	return s[:n]
}

// marked sets the marks of a line in bold within a row of it that begins at
// from.
func (p *screenPrinter) marked(row string, from int, marks [][2]int) string {
	if !p.color {
		return row
	}
	var b strings.Builder
	at := 0
	for _, m := range marks {
		a, z := max(m[0]-from, at), min(m[1]-from, len(row))
		if a >= z {
			continue
		}
		b.WriteString(row[at:a])
		b.WriteString(p.paint(terminal.BoldYellow, row[a:z]))
		at = z
	}
	b.WriteString(row[at:])
	return b.String()
}

// clipLeft cuts a path at its beginning: its end says more.
func clipLeft(s string, cols int) string {
	if terminal.Width(s) <= cols {
		return s
	}
	left := terminal.Width(s)
	for i, r := range s {
		if left < cols {
			return "…" + s[i:]
		}
		left -= terminal.RuneWidth(r)
	}
	return "…"
}
