package main

import (
	"bufio"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"culprit/ingest"
	"culprit/internal/terminal"
	"culprit/parsers"
	"culprit/web"
)

func newSourcesCommand(f *flags) *cobra.Command {
	return &cobra.Command{
		Use:   "sources",
		Short: "List what is read on this machine, and what cannot be",
		Long: `Sources lists the logs and journals that the service reads, how far it is with
each, and what it cannot read, with the command that mends it. If no service has
the data folder open, it lists what one would read.`,
		Args: takes(0, 0),
		RunE: func(cmd *cobra.Command, _ []string) error { return listSources(cmd, f) },
	}
}

// sourcesResult is the JSON of `culprit sources`.
type sourcesResult struct {
	Version int            `json:"version"` // 1
	Running bool           `json:"running"` // the service was asked; else it is what one would read
	Sources []listedSource `json:"sources"`
}

// A listedSource is one source with who writes it.
type listedSource struct {
	web.SourceState
	Writer string `json:"written_by"`
	Size   int64  `json:"size_bytes"`
}

func listSources(cmd *cobra.Command, f *flags) error {
	asJSON, err := f.json()
	if err != nil {
		return err
	}
	cfg, err := f.settings()
	if err != nil {
		return err
	}
	m := &machine{cfg: cfg}
	m.load()
	r := &sourcesResult{Version: 1, Sources: []listedSource{}}
	var states []web.SourceState
	if a := dialService(cmd.Context(), socketIn(cfg.DataDir)); a != nil {
		defer a.Close()
		var body struct{ Sources []web.SourceState }
		if err := a.get(cmd.Context(), "/api/sources", nil, &body); err != nil {
			return err
		}
		r.Running, states = true, body.Sources
	} else {
		states = discover(cmd.Context(), m)
	}
	for _, s := range states {
		l := listedSource{SourceState: s, Writer: m.writerOf(s.Path)}
		if fi, err := os.Stat(s.Path); err == nil && fi.Mode().IsRegular() {
			l.Size = fi.Size()
		}
		r.Sources = append(r.Sources, l)
	}
	out := cmd.OutOrStdout()
	if asJSON {
		return json.NewEncoder(out).Encode(r)
	}
	return printSources(out, r, time.Now())
}

// discover lists what a service would read.
func discover(ctx context.Context, m *machine) []web.SourceState {
	var out []web.SourceState
	seen := map[string]bool{}
	for _, g := range m.unreadable() {
		seen[g.Source] = true
		out = append(out, web.SourceState{Path: g.Source, Health: web.HealthUnreadable, Reason: g.Reason, Remedy: g.Remedy})
	}
	for _, j := range m.journals() {
		s := web.SourceState{Path: j.Name, Format: "journal", Health: web.HealthOK}
		if j.Name == "journal" {
			if g := journalProblem(ctx); g != nil {
				s.Health, s.Reason, s.Remedy = web.HealthUnreadable, g.Reason, g.Remedy
			}
		}
		out = append(out, s)
	}
	for _, p := range m.places() {
		p.Only = true
		files, _ := p.Files()
		for _, path := range files {
			fi, err := os.Stat(path)
			if seen[path] || err != nil || !fi.Mode().IsRegular() {
				continue
			}
			seen[path] = true
			mod := fi.ModTime()
			out = append(out, web.SourceState{Path: path, Format: formatOfFile(path), Health: web.HealthOK, Last: &mod})
		}
	}
	slices.SortStableFunc(out, func(a, b web.SourceState) int {
		return cmp.Or(cmp.Compare(rankOf(a.Health), rankOf(b.Health)), cmp.Compare(a.Path, b.Path))
	})
	return out
}

// formatOfFile tells a file's format by its beginning, "" if it is not known.
func formatOfFile(path string) string {
	f, err := os.Open(path)
	if err != nil {
		return ""
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, 16<<10))
	if err != nil {
		return ""
	}
	format, _ := parsers.Detect(b)
	return format
}

// writerOf tells who writes a source: the service, or what lies at its place.
func (m *machine) writerOf(path string) string {
	if path == "journal" {
		return "systemd"
	}
	topo, _ := m.topology()
	for _, s := range topo.Services {
		if slices.Contains(s.Logs, path) {
			return s.Name
		}
	}
	for _, p := range m.places() {
		if ok, _ := filepath.Match(p.Pattern, path); ok {
			if p.Service != "" || p.What != configured {
				return cmp.Or(p.Service, p.What)
			}
		}
	}
	if o := m.parse(ingest.Place{Pattern: path}, path, nil); o.Service != "" {
		return o.Service
	}
	if strings.HasPrefix(formatOfFile(path), "nginx_") {
		return "nginx"
	}
	return ""
}

func printSources(w io.Writer, r *sourcesResult, now time.Time) error {
	out := bufio.NewWriter(w)
	if r.Running {
		fmt.Fprintln(out, "the service reads:")
	} else {
		fmt.Fprintln(out, "no service runs; it would read:")
	}
	rows := [][]string{}
	var broken []listedSource
	for _, s := range r.Sources {
		if s.Health == web.HealthUnreadable {
			broken = append(broken, s)
			continue
		}
		state := "ok"
		switch {
		case s.Health == web.HealthLag:
			state = fmt.Sprintf("%d s behind, %s", int(s.Lag), bytesOf(s.Behind))
		case r.Running:
			state = plural(s.Records, "record")
		case s.Size > 0 || s.Format != "journal":
			state = bytesOf(s.Size)
		}
		if s.Last != nil {
			state += ", " + age(now.Sub(*s.Last))
		}
		rows = append(rows, []string{s.Path, cmp.Or(s.Format, "-"), cmp.Or(s.Writer, "-"), state})
	}
	if len(rows) == 0 {
		fmt.Fprintln(out, "  nothing")
	}
	widths := make([]int, 3)
	for _, row := range rows {
		for i := range row {
			row[i] = terminal.EscapeLine(row[i])
		}
		for i := range widths {
			widths[i] = min(max(widths[i], terminal.Width(row[i])), 60)
		}
	}
	for _, row := range rows {
		fmt.Fprintf(out, "  %s  %s  %s  %s\n", terminal.Pad(row[0], widths[0]), terminal.Pad(row[1], widths[1]), terminal.Pad(row[2], widths[2]), row[3])
	}
	if len(broken) > 0 {
		fmt.Fprintln(out, "\ncannot be read:")
	}
	for _, s := range broken {
		fmt.Fprintf(out, "  %s: %s\n", terminal.EscapeLine(s.Path), terminal.EscapeLine(s.Reason))
		if s.Remedy != "" {
			fmt.Fprintf(out, "    %s\n", terminal.EscapeLine(s.Remedy))
		}
	}
	return out.Flush()
}

// bytesOf is a size for people.
func bytesOf(n int64) string {
	f, unit := float64(n), 0
	for f >= 1000 && unit < 4 {
		f, unit = f/1000, unit+1
	}
	if unit == 0 {
		return fmt.Sprintf("%d B", n)
	}
	return fmt.Sprintf("%.1f %cB", f, " kMGT"[unit])
}

// age is how long ago something was, for people.
func age(d time.Duration) string {
	switch {
	case d < 2*time.Second:
		return "now"
	case d < 2*time.Minute:
		return fmt.Sprintf("%d s ago", int(d.Seconds()))
	case d < 2*time.Hour:
		return fmt.Sprintf("%d min ago", int(d.Minutes()))
	case d < 48*time.Hour:
		return fmt.Sprintf("%d h ago", int(d.Hours()))
	}
	return fmt.Sprintf("%d days ago", int(d.Hours()/24))
}
