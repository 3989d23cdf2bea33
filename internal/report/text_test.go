package report_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"culprit"
	"culprit/internal/report"
	"culprit/internal/terminal"
)

var update = flag.Bool("update", false, "write the golden files")

// A sample is a report in testdata and how it is told.
type sample struct {
	name string
	zone string
	exit int
	all  bool
}

var samples = []sample{
	{name: "oom_kill", zone: "Europe/Berlin", exit: 1},
	{name: "module_not_found", zone: "Asia/Tokyo", exit: 1},
	{name: "planned_restart", zone: "America/New_York", exit: 1},
	{name: "inconclusive", zone: "UTC", exit: 1},
	{name: "no_incident", zone: "Asia/Tokyo"},
	{name: "cannot_tell", zone: "UTC", exit: 3},
	{name: "ongoing", zone: "UTC", exit: 1},
	{name: "ongoing", zone: "UTC", exit: 1, all: true},
}

func (s sample) title() string {
	if s.all {
		return s.name + "_all"
	}
	return s.name
}

func (s sample) options(t *testing.T, screen terminal.Screen) report.TextOptions {
	t.Helper()
	zone, err := time.LoadLocation(s.zone)
	if err != nil {
		t.Fatal(err)
	}
	return report.TextOptions{Screen: screen, Zone: zone, Now: time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC), All: s.all,
		Elapsed: 31 * time.Millisecond, Exit: s.exit}
}

func load(t *testing.T, name string) *culprit.Report {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", name+".json"))
	if err != nil {
		t.Fatal(err)
	}
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	rep := new(culprit.Report)
	if err := d.Decode(rep); err != nil {
		t.Fatal(err)
	}
	return rep
}

func text(t *testing.T, rep *culprit.Report, o report.TextOptions) string {
	t.Helper()
	var b bytes.Buffer
	if err := report.Text(&b, rep, o); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// golden compares got with a file in testdata, or writes it with -update.
func golden(t *testing.T, file, got string) {
	t.Helper()
	path := filepath.Join("testdata", file)
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got == string(want) {
		return
	}
	a, b := strings.Split(got, "\n"), strings.Split(string(want), "\n")
	for i := range a {
		if i >= len(b) || a[i] != b[i] {
			w := "(end)"
			if i < len(b) {
				w = b[i]
			}
			t.Fatalf("%s differs from line %d (go test -update writes it)\n got %q\nwant %q", path, i+1, a[i], w)
		}
	}
	t.Fatalf("%s: %d lines, want %d", path, len(a), len(b))
}

func TestTextGolden(t *testing.T) {
	for _, s := range samples {
		t.Run(s.title(), func(t *testing.T) {
			rep := load(t, s.name)
			golden(t, s.title()+".ansi", text(t, rep, s.options(t, terminal.Screen{Width: 80, Color: true})))
			golden(t, s.title()+".txt", text(t, rep, s.options(t, terminal.Screen{Width: 80})))
			golden(t, s.title()+".piped", text(t, rep, s.options(t, terminal.Screen{})))
		})
	}
}

var sgr = regexp.MustCompile("\x1b\\[[0-9;]*m")

func TestTextFitsTheScreen(t *testing.T) {
	for _, s := range samples {
		rep := load(t, s.name)
		for _, inc := range rep.Incidents { // a command to copy is never cut
			for i := range inc.Prevention {
				inc.Prevention[i].Command = ""
			}
		}
		for i := range rep.Gaps {
			rep.Gaps[i].Remedy = ""
		}
		step := 1
		if testing.Short() {
			step = 7
		}
		for cols := 24; cols <= 130; cols += step {
			got := text(t, rep, s.options(t, terminal.Screen{Width: cols, Color: true}))
			for i, l := range strings.Split(sgr.ReplaceAllString(got, ""), "\n") {
				if w := terminal.Width(l); w > min(cols, 80) {
					t.Fatalf("%s at %d columns: line %d takes %d: %q", s.title(), cols, i+1, w, l)
				}
				if strings.HasSuffix(l, " ") {
					t.Errorf("%s at %d columns: line %d ends with a blank: %q", s.title(), cols, i+1, l)
				}
			}
		}
	}
}

func TestAnswerInFirstScreen(t *testing.T) {
	for _, c := range []struct {
		name string
		want []string
	}{
		{"oom_kill", []string{"shop-api was killed by the kernel", "313 of 313", "proven", "filled its limit of 300 MiB", "killed node (pid 232)", "Killed process 232 (node)"}},
		{"module_not_found", []string{"Cannot find", "956 of 956", "proven", "a deploy to release-2.3.1", "memory-guard killed pid 1504", "could not find", "gave up after 4 starts", "955 x 111 refused"}},
		{"planned_restart", []string{"planned maintenance", "89 of 89", "Ordered by   deploy", "systemd stopped shop-api.service", "Stopping shop-api.service"}},
		{"inconclusive", []string{"not known by whom", "we do not know why", "the kernel log could not be", "pid 4242 died by SIGKILL", "status=9/KILL"}},
		{"no_incident", []string{"no request failed", "1 849 in nginx's access logs", "retried on"}},
		{"cannot_tell", []string{"cannot tell", "/var/log/nginx", "permission denied", "sudo usermod -aG adm deploy"}},
		{"ongoing", []string{"billing cannot start", "still failing", "start it by hand", "EADDRINUSE"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			for _, s := range samples {
				if s.title() != c.name {
					continue
				}
				for _, cols := range []int{80, 100} {
					lines := strings.Split(text(t, load(t, c.name), s.options(t, terminal.Screen{Width: cols})), "\n")
					first := strings.Join(lines[:min(23, len(lines))], "\n") // one line is the prompt's
					for _, w := range c.want {
						if !strings.Contains(first, w) {
							t.Errorf("%d columns: %q is not in the first 24 lines:\n%s", cols, w, first)
						}
					}
				}
			}
		})
	}
}

func TestPlainHasNoEscapesAndWholeLines(t *testing.T) {
	rep := load(t, "oom_kill")
	got := text(t, rep, samples[0].options(t, terminal.Screen{}))
	if strings.Contains(got, "\x1b") {
		t.Error("an escape in a pipe")
	}
	for _, e := range rep.Incidents[0].Causes[0].Evidence {
		if !strings.Contains(got, "> "+e.Source+":") || !strings.Contains(got, e.Text+"\n") {
			t.Errorf("not whole: %q", e.Text)
		}
	}
	for i, r := range got {
		if r > 0x7e {
			t.Fatalf("%q at %d is not ASCII", r, i)
		}
	}
}

func TestSelect(t *testing.T) {
	day := func(d, h int) time.Time { return time.Date(2026, 11, d, h, 0, 0, 0, time.UTC) }
	inc := func(id string, start time.Time, ongoing bool) *culprit.Incident {
		return &culprit.Incident{ID: id, Start: start, End: start.Add(time.Minute), Ongoing: ongoing}
	}
	end := day(22, 12)
	for _, c := range []struct {
		name         string
		incidents    []*culprit.Incident
		all          bool
		tell, others string
	}{
		{"none", nil, false, "", ""},
		{"newest of the last day", []*culprit.Incident{inc("a", day(22, 1), false), inc("b", day(22, 9), false), inc("c", day(20, 1), false)}, false, "b", "ac"},
		{"ongoing before newer", []*culprit.Incident{inc("a", day(21, 1), true), inc("b", day(22, 9), false)}, false, "a", "b"},
		{"two ongoing", []*culprit.Incident{inc("a", day(22, 1), true), inc("b", day(22, 9), true)}, false, "ba", ""},
		{"all are old", []*culprit.Incident{inc("a", day(20, 1), false), inc("b", day(19, 9), false)}, false, "", "ab"},
		{"all asked for", []*culprit.Incident{inc("a", day(20, 1), false), inc("b", day(22, 9), false)}, true, "ba", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			rep := &culprit.Report{Incidents: c.incidents, Sources: []culprit.SourceInfo{{Last: &end}}}
			tell, others := report.Select(rep, c.all)
			join := func(l []*culprit.Incident) (s string) {
				for _, i := range l {
					s += i.ID
				}
				return s
			}
			if join(tell) != c.tell || join(others) != c.others {
				t.Errorf("tell %q, others %q; want %q, %q", join(tell), join(others), c.tell, c.others)
			}
		})
	}
}

type failingWriter struct{}

func (failingWriter) Write([]byte) (int, error) { return 0, culprit.ErrDiskFull }

func TestTextReportsFailedWrite(t *testing.T) {
	if err := report.Text(failingWriter{}, load(t, "oom_kill"), report.TextOptions{}); err == nil || !strings.Contains(err.Error(), "write report") {
		t.Errorf("got %v", err)
	}
}
