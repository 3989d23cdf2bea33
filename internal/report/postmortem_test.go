package report_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/html"

	"culprit"
	"culprit/internal/report"
	"culprit/internal/terminal"
)

type form struct {
	name  string
	write func(io.Writer, *culprit.Report, *culprit.Incident, report.Options) error
}

var forms = []form{{"md", report.Markdown}, {"html", report.HTML}, {"json", report.JSON}}

func (s sample) reportOptions(t *testing.T) report.Options {
	t.Helper()
	o := s.options(t, terminal.Screen{})
	return report.Options{Zone: o.Zone, Now: time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC), Host: "web-01"}
}

func render(t *testing.T, f form, rep *culprit.Report, inc *culprit.Incident, o report.Options) string {
	t.Helper()
	var b bytes.Buffer
	if err := f.write(&b, rep, inc, o); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestPostmortemGolden(t *testing.T) {
	for _, s := range samples {
		if s.all {
			continue
		}
		rep := load(t, s.name)
		tell, _ := report.Select(rep, false)
		if len(tell) == 0 {
			continue
		}
		for _, f := range forms {
			t.Run(s.name+"_"+f.name, func(t *testing.T) {
				golden(t, s.name+".report."+f.name, render(t, f, rep, tell[0], s.reportOptions(t)))
			})
		}
	}
}

// allowed are the elements of a report and their attributes.
var allowed = map[string]string{
	"html": "lang", "head": "", "meta": "charset http-equiv content name", "title": "id", "style": "", "body": "", "main": "", "header": "", "section": "class", "footer": "",
	"p": "class", "span": "class", "b": "class", "br": "", "h1": "", "h2": "", "dl": "class", "dt": "", "dd": "", "div": "class id", "ol": "class", "ul": "class", "li": "",
	"time": "datetime", "table": "class", "thead": "", "tbody": "", "tfoot": "", "tr": "", "th": "scope", "td": "class", "a": "href title", "pre": "class", "mark": "",
	"figure": "", "figcaption": "", "svg": "viewBox width height role aria-labelledby", "defs": "", "pattern": "id width height patternUnits patternTransform",
	"marker": "id viewBox refX refY markerWidth markerHeight orient", "path": "class d marker-end", "rect": "class x y width height fill",
	"text": "class x y dy text-anchor", "circle": "class cx cy r",
}

var reference = regexp.MustCompile(`^#e\d+$`)

// checkHTML fails if the page holds anything but the elements and attributes
// that the template has.
func checkHTML(t *testing.T, page string) (words string) {
	t.Helper()
	var b strings.Builder
	z := html.NewTokenizer(strings.NewReader(page))
	for {
		switch z.Next() {
		case html.ErrorToken:
			if !errors.Is(z.Err(), io.EOF) {
				t.Fatal(z.Err())
			}
			return b.String()
		case html.CommentToken:
			t.Fatalf("a comment: %q", z.Raw())
		case html.TextToken:
			b.WriteString(html.UnescapeString(string(z.Raw())))
		case html.StartTagToken, html.SelfClosingTagToken:
			raw := string(z.Raw())
			tok := z.Token()
			attrs, ok := allowed[tok.Data]
			if !ok {
				t.Fatalf("element %q", raw)
			}
			for _, a := range tok.Attr {
				if !slices.ContainsFunc(strings.Fields(attrs), func(s string) bool { return strings.EqualFold(s, a.Key) }) {
					t.Fatalf("attribute %q in %q", a.Key, raw)
				}
				if a.Key == "href" && !reference.MatchString(a.Val) {
					t.Fatalf("link to %q", a.Val)
				}
				if a.Key == "fill" && !strings.HasPrefix(a.Val, "url(#gap") {
					t.Fatalf("fill %q", a.Val)
				}
			}
		}
	}
}

func TestHTMLOfHostileLines(t *testing.T) {
	for name, line := range hostile {
		t.Run(name, func(t *testing.T) {
			for _, s := range []string{"oom_kill", "inconclusive", "module_not_found"} {
				rep := poison(t, s, line)
				o := report.Options{Secrets: true, ShowClients: true}
				page := render(t, forms[1], rep, rep.Incidents[0], o)
				words := checkHTML(t, page)
				checkText(t, strings.ReplaceAll(page, "\t", ""), false)
				if want := strings.SplitN(terminal.Escape(line), "\n", 2)[0]; len(line) < 1000 && !strings.Contains(words, want) {
					t.Errorf("%s: the line is not shown as %q", s, want)
				}
			}
		})
	}
}

func TestHTMLPolicyAllowsOnlyItsStyle(t *testing.T) {
	rep := load(t, "oom_kill")
	page := render(t, forms[1], rep, rep.Incidents[0], report.Options{})
	_, rest, _ := strings.Cut(page, "<style>")
	style, _, ok := strings.Cut(rest, "</style>")
	if !ok {
		t.Fatal("no style sheet")
	}
	sum := sha256.Sum256([]byte(style))
	want := "default-src 'none'; style-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'; base-uri 'none'; form-action 'none'"
	m := regexp.MustCompile(`http-equiv="Content-Security-Policy" content="([^"]*)"`).FindStringSubmatch(page)
	if m == nil || html.UnescapeString(m[1]) != want {
		t.Errorf("policy %q, want %q", m, want)
	}
	if strings.Contains(page, ` style="`) || regexp.MustCompile(`(?i)(?:src|href)="?(?:https?:)?//`).MatchString(page) {
		t.Error("a style attribute or an address of another host")
	}
}

// outside returns the lines of a Markdown document that lie outside of fences
// and the texts inside of them.
func outside(t *testing.T, doc string) (lines, fenced []string) {
	t.Helper()
	fence := ""
	var in []string
	for line := range strings.SplitSeq(doc, "\n") {
		ticks := line[:len(line)-len(strings.TrimLeft(line, "`"))]
		switch {
		case fence == "" && len(ticks) >= 3:
			fence, in = ticks, nil
		case fence != "" && len(ticks) >= len(fence) && strings.TrimSpace(line[len(ticks):]) == "":
			fence = ""
			fenced = append(fenced, strings.Join(in, "\n"))
		case fence != "":
			in = append(in, line)
		default:
			lines = append(lines, line)
		}
	}
	if fence != "" {
		t.Fatal("a fence is not closed")
	}
	return lines, fenced
}

// unescaped are the characters that begin markup wherever they stand.
var unescaped = regexp.MustCompile("(?:^|[^\\\\])(?:\\\\\\\\)*([<>\\[\\]`~$])")

func TestMarkdownOfHostileLines(t *testing.T) {
	code := regexp.MustCompile("(`+)[^`](?:.*?[^`])?(?:`+)")
	for name, line := range hostile {
		t.Run(name, func(t *testing.T) {
			for _, s := range []string{"oom_kill", "inconclusive"} {
				o := report.Options{Secrets: true, ShowClients: true}
				rep := poison(t, s, line)
				doc := render(t, forms[0], rep, rep.Incidents[0], o)
				checkText(t, strings.ReplaceAll(doc, "\t", ""), false)
				lines, fenced := outside(t, doc)
				same := poison(t, s, "plain")
				plain, _ := outside(t, render(t, forms[0], same, same.Incidents[0], o))
				if strings.TrimSpace(line) != "" && len(lines) != len(plain) {
					t.Fatalf("%s: %d lines outside of fences, a plain text gives %d", s, len(lines), len(plain))
				}
				for i, l := range lines {
					text := code.ReplaceAllString(l, "")
					if name != "fence" && name != "Markdown" {
						if m := unescaped.FindStringSubmatch(text); m != nil {
							t.Fatalf("%s: %q is not escaped in %q", s, m[1], l)
						}
					}
					if line != "" && len(lines) == len(plain) {
						if a, b := lead(l), lead(plain[i]); a != b {
							t.Fatalf("%s: a line begins with %q instead of %q: %q", s, a, b, l)
						}
						if a, b := cells(l), cells(plain[i]); strings.HasPrefix(l, "|") && a != b {
							t.Fatalf("%s: a row of %d cells instead of %d: %q", s, a, b, l)
						}
					}
				}
				if name == "fence" && !slices.ContainsFunc(fenced, func(f string) bool { return strings.Contains(f, "# Owned") }) {
					t.Error("the line with fences is not inside of one")
				}
			}
		})
	}
}

// lead returns what makes a line a heading, an item or a row.
func lead(line string) string {
	return line[:len(line)-len(strings.TrimLeft(line, "#-|>+=* "))]
}

// cells counts the bars that split a row.
func cells(line string) int {
	return strings.Count(line, "|") - strings.Count(line, `\|`)
}

func TestJSONOfHostileLines(t *testing.T) {
	for name, line := range hostile {
		t.Run(name, func(t *testing.T) {
			rep := poison(t, "oom_kill", line)
			doc := render(t, forms[2], rep, rep.Incidents[0], report.Options{Secrets: true, ShowClients: true})
			checkText(t, doc, false)
			var got report.Postmortem
			if err := json.Unmarshal([]byte(doc), &got); err != nil {
				t.Fatal(err)
			}
			if want := strings.ToValidUTF8(line, "\ufffd"); name != "not UTF-8" && got.Incident.Causes[0].Evidence[0].Text != want {
				t.Errorf("evidence came back as %.80q", got.Incident.Causes[0].Evidence[0].Text)
			}
		})
	}
}

func TestPostmortemRedacts(t *testing.T) {
	secrets := []string{"hunter2", "alice@shop.example", "s3cr3tcookie", "f00dcafe1234", "203.0.113.182"}
	line := `client: 203.0.113.182, password=hunter2 user alice@shop.example Authorization: Bearer f00dcafe1234` + "\n" + `Cookie: sid=s3cr3tcookie`
	for _, f := range forms {
		t.Run(f.name, func(t *testing.T) {
			rep := poison(t, "oom_kill", line)
			got := render(t, f, rep, rep.Incidents[0], report.Options{})
			for _, s := range secrets {
				if strings.Contains(got, s) {
					t.Errorf("%s is in the report", s)
				}
			}
			if f.name != "json" && !regexp.MustCompile(`Redacted in \d+ places: authorization \d+, client \d+, cookie \d+, email \d+, password \d+`).MatchString(got) {
				t.Error("the report does not say what was redacted")
			}
			if f.name == "json" {
				var p report.Postmortem
				if err := json.Unmarshal([]byte(got), &p); err != nil || p.Redacted["password"] == 0 || p.Redacted["password"] != p.Redacted["email"] {
					t.Errorf("counts %v, %v", p.Redacted, err)
				}
			}
			if rep.Incidents[0].Title != line {
				t.Error("redacting changed the report that was handed in")
			}
			got = render(t, f, rep, rep.Incidents[0], report.Options{Secrets: true, ShowClients: true})
			for _, s := range secrets {
				if !strings.Contains(got, s) {
					t.Errorf("%s is not in the report that was asked for as it is", s)
				}
			}
			got = render(t, f, rep, rep.Incidents[0], report.Options{ShowClients: true})
			if !strings.Contains(got, "203.0.113.182") || strings.Contains(got, "hunter2") {
				t.Error("clients were asked for, secrets were not")
			}
		})
	}
}

func TestPostmortemOfMegabyteLine(t *testing.T) {
	check := func(f form, unit string, o report.Options) {
		rep := poison(t, "oom_kill", strings.Repeat(unit, megabyte()/len(unit)))
		start := time.Now()
		got := render(t, f, rep, rep.Incidents[0], o)
		if len(got) > 64<<20 {
			t.Errorf("%s of %q: %d MB", f.name, unit, len(got)>>20)
		}
		if d := time.Since(start); d > time.Minute {
			t.Errorf("%s of %q took %v", f.name, unit, d)
		}
	}
	for _, f := range forms {
		for _, unit := range []string{"`", "<", "a\n"} {
			check(f, unit, report.Options{Secrets: true})
		}
	}
	if !testing.Short() { // the race detector makes patterns twenty times slower
		check(forms[0], "password='", report.Options{})
	}
}

func TestPostmortemHasPlacesForPeople(t *testing.T) {
	for _, f := range forms[:2] {
		rep := load(t, "oom_kill")
		got := render(t, f, rep, rep.Incidents[0], report.Options{})
		for _, want := range []string{"TODO(human)", "Detection", "Response", "What went well", "What could not be seen", "Ruled out", "Evidence", "+5", "MemoryMax=500M"} {
			if !strings.Contains(html.UnescapeString(got), want) {
				t.Errorf("%s: no %q", f.name, want)
			}
		}
	}
}

func TestFigure(t *testing.T) {
	at := func(s int) *time.Time {
		v := time.Date(2026, 11, 22, 8, 0, s, 0, time.UTC)
		return &v
	}
	rep := &culprit.Report{}
	inc := &culprit.Incident{Start: *at(0), End: *at(9), Title: "t", Verdict: culprit.VerdictExited,
		Failures: culprit.Failures{Failed: 30, PerSecond: []int{0, 30, 0, 0, 0, 0, 0, 0, 0, 0}, BinSeconds: 1, ByPhase: culprit.ByPhase{Reset: 10, Refused: 20},
			PhaseSeries: map[string][]int{"reset": {0, 10}, "refused": {0, 20}}},
		Chain: []culprit.ChainLink{{Time: at(-3600), Text: "deploy", Role: "root"}, {Time: at(1), Text: "exit", Role: "failure"}, {Text: "no time", Role: "keeps_down"}}}
	page := render(t, forms[1], rep, inc, report.Options{})
	wide := page[strings.Index(page, `<div class="wide">`):strings.Index(page, `<div class="narrow">`)]
	heights := map[string]string{}
	for _, m := range regexp.MustCompile(`class="bar (\w+)"[^>]* height="([\d.]+)"`).FindAllStringSubmatch(wide, -1) {
		heights[m[1]] = m[2]
	}
	if heights["reset"] != "32" || heights["refused"] != "64" { // a third and two thirds of 96 pixels
		t.Errorf("heights %v, want 32 and 64", heights)
	}
	for _, want := range []string{`class="break"`, "10 reset", "20 refused", "peak 30 a second", `class="mark keeps_down untimed"`, "08:00:04"} {
		if !strings.Contains(wide, want) {
			t.Errorf("no %q in the figure", want)
		}
	}
	if n := strings.Count(wide, `class="mark `); n != 3 {
		t.Errorf("%d marks, want 3", n)
	}
	if strings.Contains(page, "NaN") || strings.Contains(page, "Inf") {
		t.Error("a number that is none")
	}

	inc.Failures, inc.Chain = culprit.Failures{}, nil
	if page := render(t, forms[1], rep, inc, report.Options{}); strings.Contains(page, "<svg") {
		t.Error("a figure of nothing")
	}
}

func TestReportsFailedWrite(t *testing.T) {
	rep := load(t, "oom_kill")
	for _, f := range forms {
		if err := f.write(failingWriter{}, rep, rep.Incidents[0], report.Options{}); !errors.Is(err, culprit.ErrDiskFull) {
			t.Errorf("%s: %v", f.name, err)
		}
	}
}

func TestWrite(t *testing.T) {
	rep := load(t, "oom_kill")
	for _, f := range forms {
		var b bytes.Buffer
		if err := report.Write(&b, f.name, rep, rep.Incidents[0], report.Options{}); err != nil {
			t.Fatal(err)
		}
		if want := render(t, f, rep, rep.Incidents[0], report.Options{}); b.String() != want {
			t.Errorf("Write in %s gives another report", f.name)
		}
		b.Reset()
		if err := report.Write(&b, f.name, nil, rep.Incidents[0], report.Options{}); err != nil || !strings.Contains(b.String(), "shop-api was killed by the kernel") {
			t.Errorf("%s of an incident alone: %v", f.name, err)
		}
	}
	if err := report.Write(io.Discard, "pdf", rep, rep.Incidents[0], report.Options{}); err == nil || !strings.Contains(err.Error(), "pdf") {
		t.Errorf("a format that there is not: %v", err)
	}
}
