package main

import (
	"cmp"
	"context"
	"fmt"
	"hash/fnv"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"sync"
	"time"

	"culprit"
	"culprit/ingest"
	"culprit/internal/config"
	"culprit/internal/topology"
	"culprit/parsers"
)

// A machine is what is read, as configuration says: this machine's, found where
// logs usually lie, and what the settings name.
type machine struct {
	cfg *config.Config

	mu   sync.Mutex
	topo culprit.Topology
	gaps []culprit.Gap // of configuration that could not be read
	sum  uint64        // of the files that the topology was read from
	last parsed
}

// load reads the topology for the first time.
func (m *machine) load() {
	topo, gaps := m.read()
	m.mu.Lock()
	defer m.mu.Unlock()
	m.topo, m.gaps, m.sum = topo, gaps, m.fingerprint(&topo)
}

// read reads the topology.
func (m *machine) read() (culprit.Topology, []culprit.Gap) {
	if m.cfg.Topology != "" {
		return topology.ReadFolder(m.cfg.Topology)
	}
	return topology.ReadMachine()
}

// topology returns what is known of the machine.
func (m *machine) topology() (culprit.Topology, []culprit.Gap) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.topo, m.gaps
}

const (
	watchEvery  = time.Minute
	rereadEvery = 10 // times watchEvery, whatever the files say: sockets change without them
)

// watch reads the topology again when its files have changed, and hands it on if
// it says something else.
func (m *machine) watch(ctx context.Context, log *slog.Logger, after func(time.Duration) <-chan time.Time, changed func(culprit.Topology, []culprit.Gap) error) error {
	for n := 1; ; n++ {
		select {
		case <-ctx.Done():
			return nil
		case <-after(watchEvery):
		}
		m.mu.Lock()
		was, sum := m.topo, m.sum
		m.mu.Unlock()
		if m.fingerprint(&was) == sum && n%rereadEvery != 0 {
			continue
		}
		topo, gaps := m.read()
		m.mu.Lock()
		m.topo, m.gaps, m.sum = topo, gaps, m.fingerprint(&topo)
		m.mu.Unlock()
		was.Listeners, topo.Listeners = nil, nil
		if reflect.DeepEqual(was, topo) {
			continue
		}
		log.Info("configuration of nginx or of a service has changed")
		now, gaps := m.topology()
		if err := changed(now, gaps); err != nil && ctx.Err() == nil {
			log.Error("use changed configuration", "error", err)
		}
	}
}

// fingerprint sums up the files that a topology was read from and their folders,
// by size and time.
func (m *machine) fingerprint(t *culprit.Topology) uint64 {
	paths := map[string]bool{}
	add := func(p string) {
		if p != "" {
			paths[p], paths[filepath.Dir(p)] = true, true
		}
	}
	for _, s := range t.Servers {
		add(s.File)
		for _, l := range s.Locations {
			add(l.File)
		}
	}
	for _, g := range t.Groups {
		add(g.File)
	}
	for _, s := range t.Services {
		add(s.File)
	}
	h := fnv.New64a()
	for _, p := range slices.Sorted(func(yield func(string) bool) {
		for p := range paths {
			if !yield(p) {
				return
			}
		}
	}) {
		if fi, err := os.Stat(filepath.Join("/", m.cfg.Topology, p)); err == nil {
			fmt.Fprintf(h, "%s %d %d\n", p, fi.Size(), fi.ModTime().UnixNano())
		}
	}
	return h.Sum64()
}

// configured is what a place of the configuration is called.
const configured = "configured"

// places returns where logs lie, those of the settings first: what they say of a
// file goes before what is found.
func (m *machine) places() []ingest.Place {
	var out []ingest.Place
	for _, s := range m.cfg.Sources {
		out = append(out, ingest.Place{Pattern: s.Path, What: configured, Service: s.Service})
	}
	if m.cfg.Discover {
		topo, _ := m.topology()
		out = append(out, ingest.Places(&topo, "")...)
	}
	return out
}

// parse says how to read a file.
func (m *machine) parse(p ingest.Place, path string, _ []byte) parsers.Options {
	if p.What == "journal" {
		return parsers.Options{}
	}
	// A file is asked for twice when it is first seen.
	m.mu.Lock()
	if l := m.last; l.path == path && l.place == p && time.Since(l.at) < time.Second {
		m.mu.Unlock()
		return l.options
	}
	m.mu.Unlock()
	o := m.look(p, path)
	m.mu.Lock()
	m.last = parsed{path, p, time.Now(), o}
	m.mu.Unlock()
	return o
}

// parsed is the last answer of parse.
type parsed struct {
	path    string
	place   ingest.Place
	at      time.Time
	options parsers.Options
}

func (m *machine) look(p ingest.Place, path string) parsers.Options {
	var set config.Source
	for _, s := range m.cfg.Sources {
		if s.Path == p.Pattern {
			set = s
			break
		}
	}
	zone := cmp.Or(set.Zone, m.cfg.Zone)
	topo, _ := m.topology()
	o := parsers.Options{Zone: parsers.ZoneOf(time.Local)}
	paths := []string{path}
	if zone != nil {
		o.Zone = parsers.ZoneOf(zone)
	} else if beside := accessLogBeside(path); beside != "" {
		paths = append(paths, beside)
	}
	// The same look as `why` takes; files are never waited for.
	in, err := ingest.Collect(context.Background(), paths, ingest.Options{Format: set.Format, Zone: zone, Machine: m.cfg.Topology == ""})
	if in != nil {
		defer in.Close()
	}
	if err == nil {
		in.Assign(&topo)
		for _, i := range in.Logs {
			if i.Name == path && i.Class == ingest.ClassLog {
				o = i.Options
			}
		}
	}
	o.Format = cmp.Or(set.Format, o.Format)
	o.Service = cmp.Or(p.Service, o.Service)
	return o
}

// accessLogBeside returns the newest log beside an error log of nginx, which
// states the offset of its times as the error log does not.
func accessLogBeside(path string) string {
	dir, base := filepath.Split(path)
	if !strings.Contains(base, "error") {
		return ""
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return ""
	}
	var newest string
	var at time.Time
	for _, e := range entries {
		if !e.Type().IsRegular() || !strings.HasSuffix(e.Name(), "log") || strings.Contains(e.Name(), "error") {
			continue
		}
		if fi, err := e.Info(); err == nil && fi.Size() > 0 && fi.ModTime().After(at) {
			newest, at = filepath.Join(dir, e.Name()), fi.ModTime()
		}
	}
	return newest
}

// journals returns the journals to follow. This machine's is left out where there
// is none: a container has no journald.
func (m *machine) journals() []ingest.Journal {
	var out []ingest.Journal
	for _, j := range m.cfg.Journals {
		if j.Dir != "" {
			out = append(out, ingest.Journal{Name: j.Dir, Args: []string{"--directory=" + j.Dir}})
			continue
		}
		if _, err := exec.LookPath("journalctl"); err != nil {
			continue
		}
		for _, d := range []string{"/var/log/journal", "/run/log/journal"} {
			if fi, err := os.Stat(d); err == nil && fi.IsDir() {
				out = append(out, ingest.Journal{Name: "journal"})
				break
			}
		}
	}
	return out
}

// misnamed tells of a place that the configuration names and where no file is: a
// slip of the pen looks like a log without errors.
func misnamed(p ingest.Place, files []string) *culprit.Gap {
	if p.What != configured {
		return nil
	}
	g := &culprit.Gap{Source: p.Pattern, Reason: "no file is there; it is read as soon as one is", Remedy: "ls -l " + filepath.Dir(p.Pattern)}
	for _, path := range files {
		fi, err := os.Stat(path)
		switch {
		case err != nil || fi.Mode().IsRegular():
			return nil // or it tells for itself
		case fi.IsDir():
			g.Reason, g.Remedy = "it is a folder", "name the files in it, such as "+filepath.Join(p.Pattern, "*.log")
		default:
			g.Reason = "it is no regular file"
		}
	}
	return g
}

// unreadable returns what exists at the places and may not be read.
func (m *machine) unreadable() []culprit.Gap {
	var out []culprit.Gap
	seen := map[string]bool{}
	for _, p := range m.places() {
		files, closed := p.Files()
		if g := misnamed(p, files); g != nil && len(closed) == 0 && !seen[g.Source] {
			seen[g.Source] = true
			out = append(out, *g)
		}
		for _, path := range slices.Concat(closed, files) {
			if seen[path] {
				continue
			}
			seen[path] = true
			if g, ok := ingest.Unreadable(path); ok {
				out = append(out, g)
			}
		}
	}
	return out
}
