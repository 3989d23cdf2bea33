package report

import (
	"bytes"
	"fmt"
	"io"
	"strings"

	"culprit"
)

// Markdown writes the postmortem of an incident of rep as GitHub-flavoured
// Markdown (CommonMark with tables), redacted as the options say. What stands in
// log text is never markup: outside of fences every character with a meaning in
// Markdown or HTML is escaped, and a fence is longer than any run of backticks
// in it.
func Markdown(w io.Writer, rep *culprit.Report, inc *culprit.Incident, o Options) error {
	var m markdown
	m.document(newDocument(rep, inc, o))
	if _, err := w.Write(m.Bytes()); err != nil {
		return fmt.Errorf("write report: %w", err)
	}
	return nil
}

type markdown struct{ bytes.Buffer }

func (m *markdown) linef(format string, args ...any) {
	fmt.Fprintf(m, format, args...)
	m.WriteByte('\n')
}

func (m *markdown) section(title string) { m.linef("\n## %s\n", title) }

func (m *markdown) document(d *document) {
	m.linef("# %s\n", mdText(d.Title))
	m.linef("%s\n", mdText(d.Lead))
	var head, rule, row []string
	for _, f := range d.Facts {
		head, rule, row = append(head, f.Name), append(rule, "---"), append(row, mdText(f.Value))
	}
	if d.ID != "" {
		head, rule, row = append(head, "Incident"), append(rule, "---"), append(row, mdCode(d.ID))
	}
	m.row(head)
	m.row(rule)
	m.row(row)

	m.section("What users saw")
	for _, s := range d.Users {
		m.linef("- %s", mdText(s))
	}
	if len(d.Why) > 0 {
		title := "Why it happened"
		if d.Calm {
			title = "How it went"
		}
		m.section(title)
		m.steps(d.Why)
	}
	if len(d.Others) > 0 {
		title := "Also possible"
		if d.Open {
			title = "Candidates"
		}
		m.section(title)
		m.steps(d.Others)
	}
	if len(d.Timeline) > 0 {
		m.section("What happened, in order")
		m.row([]string{"Time", "Event", "Evidence"})
		m.row([]string{"---", "---", "---"})
		for _, t := range d.Timeline {
			at, where := "not known", ""
			if t.ISO != "" {
				at = mdText(t.ISO)
			}
			if t.Ref > 0 {
				where = fmt.Sprintf("%d, %s", t.Ref, mdCode(t.Place))
			}
			m.row([]string{at, mdText(t.Text), where})
		}
	}
	m.section("How sure this is")
	m.linef("%s", mdText(d.Confidence))
	if len(d.Argument) > 0 {
		m.linef("")
		m.row([]string{"Weight", "Because"})
		m.row([]string{"---:", "---"})
		for _, t := range d.Argument {
			m.row([]string{mdText(t.Weight), mdText(t.Why)})
		}
		m.row([]string{d.Sum, "the sum, which only orders candidates; it is no probability"})
	}
	m.section("Ruled out")
	if len(d.RuledOut) == 0 {
		m.linef("Nothing was ruled out explicitly.")
	}
	for _, p := range d.RuledOut {
		m.linef("- **%s**: %s", mdText(p.Name), mdText(p.Text))
	}
	m.section("What could not be seen")
	if len(d.Gaps) == 0 {
		m.linef("No gap in the logs bears on this incident.")
	}
	for _, g := range d.Gaps {
		s := fmt.Sprintf("- %s: %s", mdCode(g.Source), mdText(g.Text))
		if g.Remedy != "" {
			s += "; to mend it: " + mdCode(g.Remedy)
		}
		m.linef("%s", s)
	}
	m.actions(d)
	m.section("For people to fill in")
	for _, q := range d.Questions {
		m.linef("- **%s**: %s TODO(human)", q.Name, q.Text)
	}
	if len(d.Evidence) > 0 {
		m.section("Evidence")
		m.linef("Lines as they stand in the logs; bytes that a terminal would obey are written out.\n")
		for i := range d.Evidence {
			q := &d.Evidence[i]
			s := fmt.Sprintf("**%d**, %s", q.N, mdCode(q.Place))
			for _, part := range []string{q.Role, q.Time} {
				if part != "" {
					s += ", " + mdText(part)
				}
			}
			m.linef("%s\n", s)
			m.fence("text", q.Text())
			m.linef("")
		}
	}
	m.linef("\n---\n\n%s\n\n%s", mdText(d.Foot), mdText(d.Redacted))
}

func (m *markdown) actions(d *document) {
	m.section("So that it does not happen again")
	if len(d.Actions) == 0 {
		m.linef("There is no proposal that the logs would support.")
		return
	}
	m.linef("Proposals, each with its basis. culprit only reads: it ran none of them.\n")
	m.row([]string{"", "Proposed action", "Basis", "Owner", "Date"})
	m.row([]string{"---", "---", "---", "---", "---"})
	for _, a := range d.Actions {
		text := mdText(a.Text)
		if a.Command != "" {
			if text != "" {
				text += ": "
			}
			text += mdCode(a.Command)
		}
		m.row([]string{a.N, text, mdText(a.Basis), "TODO(human)", "TODO(human)"})
	}
}

// row writes a row of a table; cells hold no newline. A bar splits cells even in
// code, and is written with a backslash in either.
func (m *markdown) row(cells []string) {
	m.WriteByte('|')
	for _, c := range cells {
		m.WriteString(" " + c + " |")
	}
	m.WriteByte('\n')
}

func (m *markdown) steps(steps []step) {
	for _, s := range steps {
		text := mdText(s.Text)
		if s.Label != "" {
			text = "**" + s.N + ". " + mdText(s.Label) + ":** " + text
		}
		if s.Time != "" {
			text += " (" + mdText(s.Time) + ")"
		}
		m.linef("%s\n", text)
		if s.Quote != nil {
			m.fence("text", s.Quote.Text())
			m.linef("\nEvidence %d, %s\n", s.Quote.N, mdCode(s.Quote.Place))
		}
	}
}

// fence writes text between rows of backticks, one more than any run in it has
// and at least three.
func (m *markdown) fence(info, text string) {
	ticks := strings.Repeat("`", max(3, backticks(text)+1))
	m.linef("%s%s\n%s\n%s", ticks, info, text, ticks)
}

// backticks returns the length of the longest run of backticks in s.
func backticks(s string) int {
	longest, run := 0, 0
	for i := range len(s) {
		if s[i] != '`' {
			run = 0
			continue
		}
		run++
		longest = max(longest, run)
	}
	return longest
}

// mdCode writes s, which is on one line, as a code span. The bar is escaped for
// tables; outside of one a path with a bar shows the backslash.
func mdCode(s string) string {
	if s == "" {
		return ""
	}
	ticks := strings.Repeat("`", backticks(s)+1)
	if strings.HasPrefix(s, "`") || strings.HasSuffix(s, "`") || strings.Trim(s, " ") != s {
		s = " " + s + " "
	}
	return ticks + strings.ReplaceAll(s, "|", `\|`) + ticks
}

// mdText escapes s, which is on one line, so that it stands for itself
// everywhere but in code: inline markup, HTML, links that GitHub makes of bare
// addresses, and at its beginning whatever would start a block.
func mdText(s string) string {
	s = strings.TrimSpace(s)
	var b strings.Builder
	b.Grow(len(s) + 16)
	for i := 0; i < len(s); i++ {
		c := s[i]
		switch {
		case c == '<':
			b.WriteString("&lt;")
		case c == '>':
			b.WriteString("&gt;")
		case c == '&':
			b.WriteString("&amp;")
		case strings.IndexByte("\\`*[]|~$", c) >= 0,
			c == '_' && !(i > 0 && i+1 < len(s) && wordByte(s[i-1]) && wordByte(s[i+1])),
			c == '/' && i > 0 && s[i-1] == ':',
			c == '.' && i >= 3 && strings.EqualFold(s[i-3:i], "www"),
			c == '!' && i+1 < len(s) && s[i+1] == '[',
			startsBlock(s, i):
			b.WriteByte('\\')
			b.WriteByte(c)
		default:
			b.WriteByte(c)
		}
	}
	return b.String()
}

func wordByte(c byte) bool {
	return c >= '0' && c <= '9' || c|0x20 >= 'a' && c|0x20 <= 'z'
}

// startsBlock says whether the character at i would begin a heading, a list, a
// rule or a definition if s began a line.
func startsBlock(s string, i int) bool {
	switch c := s[i]; c {
	case '#', '+', '-', '=', ':':
		return strings.TrimLeft(s[:i], " ") == ""
	case '.', ')':
		return i > 0 && i < 12 && strings.Trim(s[:i], " 0123456789") == ""
	}
	return false
}
