// Package eval compares what culprit says of captures with what is known to
// have happened in them.
//
// A capture is a folder with truth.json and logs/{nginx,apps,journal,syslog,
// config,forms}: what one machine wrote around a fault. A view is the part of
// logs/ that is handed to the analysis.
package eval

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"sort"
	"strings"
	"time"

	"culprit"
	"culprit/correlate"
)

// Tolerances of a comparison.
const (
	startTolerance = 2 * time.Second // of the first failure
	overlapSlack   = 5 * time.Second // between a true and a found incident
	maxLines       = 40              // lines of evidence that count: a dump of the log proves nothing
)

// A Truth is what is known about a capture.
type Truth struct {
	Zone      string         `json:"timezone"`
	Incidents []TrueIncident `json:"incidents"`
	Excused   []Stretch      `json:"excused"`
}

// A TrueIncident is one fault as its clients felt it. Optional ones may be told
// or not.
type TrueIncident struct {
	Start         *time.Time         `json:"start_utc"`
	End           *time.Time         `json:"end_utc"`
	First         *time.Time         `json:"failure_first_utc"`
	Upstream      string             `json:"affected_upstream"`
	Service       string             `json:"service"`
	Kind          string             `json:"root_cause_kind"`
	Line          string             `json:"root_cause_log_line"`
	Accept        []string           `json:"accept"`
	AcceptService []string           `json:"accept_service"`
	Optional      bool               `json:"optional"`
	Trigger       kinds              `json:"trigger"`
	Root          kinds              `json:"root"`
	AlsoFailing   map[string]Stretch `json:"also_failing"`
}

// A Stretch is a time in which failures are expected and not scored.
type Stretch struct {
	Start *time.Time `json:"start_utc"`
	End   *time.Time `json:"end_utc"`
}

// kinds are the accepted kinds of a link: a name, a list, or an object with one
// of them under "kind".
type kinds []string

// UnmarshalJSON reads the three shapes.
func (k *kinds) UnmarshalJSON(b []byte) error {
	var one string
	if json.Unmarshal(b, &one) == nil {
		if one != "" {
			*k = kinds{one}
		}
		return nil
	}
	var list []string
	if json.Unmarshal(b, &list) == nil {
		*k = list
		return nil
	}
	var o struct {
		Kind *kinds `json:"kind"`
	}
	if err := json.Unmarshal(b, &o); err != nil {
		return fmt.Errorf("read a link: %w", err)
	}
	if o.Kind != nil {
		*k = *o.Kind
	}
	return nil
}

// A Capture is a folder on disk.
type Capture struct {
	Name  string
	Dir   string
	Truth Truth
}

// A View is a name and the paths of a capture that belong to it.
type View struct {
	Name  string
	Paths []string
}

var views = []struct {
	name  string
	parts []string
}{
	{"full", []string{"nginx", "apps", "journal", "syslog", "config"}},
	{"journal", []string{"nginx", "apps", "journal", "config"}},
	{"logs-only", []string{"nginx", "apps", "journal"}},
	{"syslog", []string{"nginx", "apps", "syslog", "config"}},
	{"json", []string{"nginx", "apps", "forms/journal.json", "config"}},
	{"short", []string{"nginx", "apps", "forms/journal.short", "config"}},
}

// Load returns the captures in dir, by name.
func Load(dir string) ([]*Capture, error) {
	files, err := filepath.Glob(filepath.Join(dir, "*", "truth.json"))
	if err != nil {
		return nil, fmt.Errorf("look for captures in %s: %w", dir, err)
	}
	if len(files) == 0 {
		return nil, fmt.Errorf("%s holds no capture (a folder with truth.json and logs): %w", dir, culprit.ErrNoInput)
	}
	var out []*Capture
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil {
			return nil, fmt.Errorf("read a truth: %w", err)
		}
		c := &Capture{Dir: filepath.Dir(f)}
		c.Name = filepath.Base(c.Dir)
		if err := json.Unmarshal(b, &c.Truth); err != nil {
			return nil, fmt.Errorf("read %s: %w", f, err)
		}
		out = append(out, c)
	}
	return out, nil
}

// Views returns the views of which every part is there. A capture of a machine
// whose system logs were not to be had has one: its files.
func (c *Capture) Views() []View {
	var out []View
	for _, v := range views {
		w := c.view(v.name, v.parts)
		if len(w.Paths) >= len(v.parts)-1 && has(w.Paths, v.parts[2]) {
			out = append(out, w)
		}
	}
	if out == nil {
		if w := c.view("files", []string{"nginx", "apps", "config"}); w.Paths != nil {
			out = append(out, w)
		}
	}
	return out
}

// view returns the parts of a view that are there.
func (c *Capture) view(name string, parts []string) View {
	w := View{Name: name}
	for _, p := range parts {
		path := filepath.Join(c.Dir, "logs", p)
		if _, err := os.Stat(path); err == nil {
			w.Paths = append(w.Paths, path)
		}
	}
	return w
}

func has(paths []string, part string) bool {
	return slices.ContainsFunc(paths, func(p string) bool { return strings.HasSuffix(filepath.ToSlash(p), part) })
}

// A Row is the score of one view of one capture.
type Row struct {
	Capture  string   `json:"capture"`
	View     string   `json:"view"`
	True     int      `json:"true"`
	Found    int      `json:"found"`
	Verdict  int      `json:"verdict"`
	Service  int      `json:"service"`
	Start    int      `json:"start"`
	Evidence int      `json:"evidence"`
	Links    int      `json:"links_wrong"` // trigger or root
	Invented int      `json:"invented"`
	Problems []string `json:"problems"`

	tiers map[culprit.Tier]Tally
}

// A Tally is how many of a number were right.
type Tally struct {
	Right int `json:"right"`
	Of    int `json:"of"`
}

// Compare scores a report against the truth of its capture.
func Compare(c *Capture, view string, rep *culprit.Report) *Row {
	row := &Row{Capture: c.Name, View: view, Problems: []string{}, tiers: map[culprit.Tier]Tally{}}
	problem := func(format string, args ...any) { row.Problems = append(row.Problems, fmt.Sprintf(format, args...)) }
	used := map[*culprit.Incident]bool{}
	for i := range c.Truth.Incidents {
		want := &c.Truth.Incidents[i]
		if want.Start == nil || want.Optional {
			continue
		}
		row.True++
		inc := want.find(rep.Incidents, used)
		if inc == nil {
			problem("missed: %s %s at %s", want.Service, want.Kind, want.Start.Format(time.RFC3339))
			continue
		}
		used[inc] = true
		row.Found++
		right := agrees(string(inc.Verdict), want.verdicts())
		if right {
			row.Verdict++
		} else {
			problem("verdict %s, truth %v", inc.Verdict, want.verdicts())
		}
		if inc.Verdict != culprit.VerdictInconclusive {
			t := row.tiers[inc.Tier]
			t.Of++
			if right {
				t.Right++
			}
			row.tiers[inc.Tier] = t
		}
		for _, l := range []struct {
			name string
			want kinds
			got  string
		}{{"trigger", want.Trigger, inc.Trigger.Kind}, {"root", want.Root, inc.Root.Kind}} {
			if len(l.want) > 0 && !agrees(l.got, l.want) {
				row.Links++
				problem("%s %q, truth %v", l.name, l.got, l.want)
			}
		}
		if want.serves(inc.Service) {
			row.Service++
		} else {
			problem("service %q, truth %q", inc.Service, want.Service)
		}
		if near(inc.Start, *want.Start) || want.First != nil && near(inc.Start, *want.First) {
			row.Start++
		} else {
			problem("start %s, truth %s", inc.Start.Format(time.RFC3339Nano), want.Start.Format(time.RFC3339Nano))
		}
		if want.Line == "" || proven(inc, message(want.Line)) {
			row.Evidence++
		} else {
			problem("the decisive line is not in the evidence: %.120q", message(want.Line))
		}
	}
	for _, inc := range rep.Incidents {
		if !used[inc] && !c.Truth.excuses(inc) {
			row.Invented++
			problem("invented: %s %s at %s", inc.Service, inc.Verdict, inc.Start.Format(time.RFC3339))
		}
	}
	return row
}

func near(a, b time.Time) bool { return a.Sub(b).Abs() <= startTolerance }

func (w *TrueIncident) verdicts() []string {
	if len(w.Accept) > 0 {
		return w.Accept
	}
	return []string{w.Kind}
}

func (w *TrueIncident) serves(service string) bool {
	names := w.AcceptService
	if len(names) == 0 {
		names = []string{w.Service}
	}
	return slices.ContainsFunc(names, func(n string) bool { return plain(n) == plain(service) })
}

func plain(s string) string {
	return strings.TrimSuffix(strings.ToLower(strings.TrimSpace(s)), ".service")
}

// find returns the incident that overlaps and fails at the same place.
func (w *TrueIncident) find(list []*culprit.Incident, used map[*culprit.Incident]bool) *culprit.Incident {
	end := *w.Start
	if w.End != nil {
		end = *w.End
	}
	for _, inc := range list {
		if used[inc] || inc.Start.After(end.Add(overlapSlack)) || inc.End.Before(w.Start.Add(-overlapSlack)) {
			continue
		}
		if w.serves(inc.Service) || slices.ContainsFunc(inc.Upstreams, func(u string) bool { return u != "" && strings.Contains(w.Upstream, u) }) {
			return inc
		}
	}
	return nil
}

func (t *Truth) excuses(inc *culprit.Incident) bool {
	overlaps := func(s Stretch) bool {
		return s.Start != nil && s.End != nil && !s.Start.Add(-overlapSlack).After(inc.End) && !inc.Start.After(s.End.Add(overlapSlack))
	}
	if slices.ContainsFunc(t.Excused, overlaps) {
		return true
	}
	for i := range t.Incidents {
		w := &t.Incidents[i]
		if (w.Optional || w.Start == nil) && w.serves(inc.Service) {
			return true
		}
		for _, s := range w.AlsoFailing {
			if overlaps(s) {
				return true
			}
		}
	}
	return false
}

// agrees reports whether a verdict is one of the accepted or refines it.
func agrees(got string, accepted []string) bool {
	return slices.ContainsFunc(accepted, func(a string) bool { return got == a || strings.HasPrefix(got, a+"_") })
}

var (
	colours  = regexp.MustCompile("\x1b\\[[0-9;]*m|#033\\[[0-9;]*m")
	envelope = regexp.MustCompile(`(?:kernel|systemd|[\w@.-]+)(?:\[\d+\])?: (?:\[\s*\d+\.\d+\] )?(.*)$`)
	blanks   = regexp.MustCompile(`\s+`)
)

// message is the part of a log line that every form of the entry shares.
func message(line string) string {
	line = colours.ReplaceAllString(line, "")
	if m := envelope.FindStringSubmatch(line); m != nil && !strings.HasPrefix(line, "20") {
		line = m[1]
	}
	return strings.TrimSpace(blanks.ReplaceAllString(line, " "))
}

// proven reports whether the key stands in the evidence that an incident cites.
func proven(inc *culprit.Incident, key string) bool {
	n := 0
	for _, c := range inc.Causes {
		for _, e := range c.Evidence {
			if n++; n > maxLines {
				return false
			}
			if strings.Contains(blanks.ReplaceAllString(colours.ReplaceAllString(e.Text, ""), " "), key) {
				return true
			}
		}
	}
	return false
}

// WriteText prints a row.
func (r *Row) WriteText(w io.Writer) {
	fmt.Fprintf(w, "%-28s %-10s found %d/%d verdict %d service %d start %d evidence %d invented %d\n",
		r.Capture, r.View, r.Found, r.True, r.Verdict, r.Service, r.Start, r.Evidence, r.Invented)
	for _, p := range r.Problems {
		fmt.Fprintln(w, "    "+p)
	}
}

// A Score sums rows.
type Score struct {
	Rows  []*Row                 `json:"rows"`
	Total Row                    `json:"total"`
	Tiers map[culprit.Tier]Tally `json:"tiers"` // each incident once, in the first view of its capture
}

// Add takes a row into the sum.
func (s *Score) Add(r *Row) {
	s.Rows = append(s.Rows, r)
	t := &s.Total
	t.True += r.True
	t.Found += r.Found
	t.Verdict += r.Verdict
	t.Service += r.Service
	t.Start += r.Start
	t.Evidence += r.Evidence
	t.Links += r.Links
	t.Invented += r.Invented
	if s.Tiers == nil {
		s.Tiers = map[culprit.Tier]Tally{}
	}
	if slices.ContainsFunc(s.Rows[:len(s.Rows)-1], func(o *Row) bool { return o.Capture == r.Capture }) {
		return // another view of the same incidents is no further proof
	}
	for k, v := range r.tiers {
		x := s.Tiers[k]
		x.Right += v.Right
		x.Of += v.Of
		s.Tiers[k] = x
	}
}

// Perfect reports whether nothing was missed, wrong or invented.
func (s *Score) Perfect() bool {
	t := &s.Total
	return len(s.Rows) > 0 && t.Found == t.True && t.Verdict == t.True && t.Service == t.True && t.Start == t.True &&
		t.Evidence == t.True && t.Links == 0 && t.Invented == 0
}

// WriteText prints the sum.
func (s *Score) WriteText(w io.Writer) error {
	t := &s.Total
	_, err := fmt.Fprintf(w, "incidents %d: found %d, verdict %d, service %d, start %d, decisive line %d, trigger or root wrong %d, invented %d\n",
		t.True, t.Found, t.Verdict, t.Service, t.Start, t.Evidence, t.Links, t.Invented)
	if err != nil {
		return err
	}
	names := make([]string, 0, len(s.Tiers))
	for k := range s.Tiers {
		names = append(names, string(k))
	}
	sort.Strings(names)
	for _, k := range names {
		v := s.Tiers[culprit.Tier(k)]
		if _, err := fmt.Fprintf(w, "%-9s %d of %d right, at least %.2f (Wilson, 95 %%)\n", k, v.Right, v.Of, correlate.Wilson(v.Right, v.Of)); err != nil {
			return err
		}
	}
	return nil
}
