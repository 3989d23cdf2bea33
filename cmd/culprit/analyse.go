package main

import (
	"cmp"
	"context"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"
	"time"

	"culprit"
	"culprit/correlate"
	"culprit/ingest"
	"culprit/internal/topology"
)

// A question is what `why` is asked.
type question struct {
	paths  []string
	zone   *time.Location
	window *flags    // --since, --until and --at; nil is no bound
	now    time.Time // the present, for a machine that still runs
}

// An answer is what the logs say to it.
type answer struct {
	report  *culprit.Report
	zone    *time.Location // to show times in
	newest  time.Time      // of the last record
	covered bool           // nginx's logs were read
	notices []string
	lines   int // records that were read
}

// analyse reads everything once and correlates it.
func analyse(ctx context.Context, q question) (*answer, error) {
	// What is wrong with the window is told before anything is read.
	if _, _, err := q.bounds(q.now, time.UTC); err != nil {
		return nil, err
	}
	opts := ingest.Options{Zone: q.zone, Machine: len(q.paths) == 0}
	var (
		topo culprit.Topology
		gaps []culprit.Gap
		in   *ingest.Inputs
		err  error
	)
	if opts.Machine {
		topo, gaps = topology.ReadMachine()
		in, err = ingest.Discover(&topo, "", opts)
	} else {
		in, err = ingest.Collect(ctx, q.paths, opts)
	}
	if in != nil {
		defer in.Close()
	}
	if err != nil {
		return nil, err
	}
	if !opts.Machine {
		topo, gaps = topology.Read(newConfigFS(in.Config), topology.Options{})
	}
	in.Assign(&topo)
	// The window is told in the times that the answer is told in. The logs that
	// someone sent end when they were taken, so that is their present.
	ref := q.now
	if q.window.bounded() && !opts.Machine {
		ref = endOf(in, q.now)
	}
	since, until, err := q.bounds(ref, zoneToShow(q, opts.Machine, topo.Zone, in.Logs, ref))
	if err != nil {
		return nil, err
	}
	if opts.Machine && since.IsZero() {
		since = q.now.Add(-24 * time.Hour)
	}
	in.Window(since, until)

	c := correlate.New(topo)
	a := &answer{notices: in.Notices}
	slices.SortStableFunc(in.Logs, func(x, y *ingest.Input) int { return cmp.Compare(readOrder(x), readOrder(y)) })
	infos := []culprit.SourceInfo{}
	for _, i := range in.Logs {
		info, g, err := ingest.Read(ctx, i, func(r *culprit.Record) error {
			c.Add(r)
			return nil
		})
		gaps = append(gaps, g...)
		if err != nil {
			return nil, err
		}
		if info.Kernel {
			c.HasKernel(info.Path)
		}
		infos = append(infos, info)
		a.covered = a.covered || info.Records > 0 && strings.HasPrefix(info.Format, "nginx_")
		a.lines += info.Records
	}
	for _, k := range in.Skipped {
		if k.Why == "empty" {
			c.Silent(k.Name)
		}
	}
	a.newest = c.Newest()
	a.zone = zoneToShow(q, opts.Machine, topo.Zone, in.Logs, a.newest)
	all := slices.Concat(in.Gaps, gaps)
	if !a.covered {
		all = append(all, withoutNginx(q, in, since, until, a.zone))
	}
	told := map[string]bool{}
	for _, g := range all {
		if key := g.Source + "\x00" + g.Reason; !told[key] || g.From != nil || g.To != nil {
			told[key] = true
			c.AddGap(g)
		}
	}
	now := a.newest
	if opts.Machine && until.IsZero() {
		now = q.now
	}
	a.report = c.Report(now)
	a.report.Sources = infos
	return a, nil
}

// endOf is the time of the newest record of nginx's, whose clock is right in logs
// in which another one may not be, else of all, else now.
func endOf(in *ingest.Inputs, now time.Time) (end time.Time) {
	for _, i := range in.Logs {
		if isNginx(i) {
			if _, last := i.Span(); last.After(end) {
				end = last
			}
		}
	}
	switch {
	case !end.IsZero():
		return end
	case !in.Newest.IsZero():
		return in.Newest
	}
	return now
}

// withoutNginx says why nothing of nginx was read, without which nobody can tell
// whether requests failed.
func withoutNginx(q question, in *ingest.Inputs, since, until time.Time, zone *time.Location) culprit.Gap {
	g := culprit.Gap{Source: "nginx"}
	isEmpty := func(s ingest.Skipped) bool {
		return s.Why == "empty" && (strings.Contains(s.Name, "nginx") || strings.HasPrefix(path.Base(s.Name), "access"))
	}
	switch k := slices.IndexFunc(in.Skipped, isEmpty); {
	case slices.ContainsFunc(in.Logs, isNginx) && since.IsZero() && until.IsZero():
		g.Reason, g.Remedy = "its logs hold no record that could be read", "culprit parse "+in.Logs[slices.IndexFunc(in.Logs, isNginx)].Name
	case slices.ContainsFunc(in.Logs, isNginx):
		g.Reason = "its logs hold nothing " + windowWords(since, until, zone) + "; they end at " + endOf(in, q.now).In(zone).Format(time.DateTime)
		g.Remedy = "name another window with --since and --until"
	case k >= 0:
		g.Reason = "its log " + in.Skipped[k].Name + " is empty"
		g.Remedy = "ls -l " + path.Dir(in.Skipped[k].Name)
	default:
		g.Reason = "none of its logs was found"
		g.Remedy = strings.Join(append(append([]string{"culprit", "why"}, q.paths...), "/var/log/nginx"), " ")
	}
	return g
}

// bounds returns the window that is asked for.
func (q *question) bounds(now time.Time, zone *time.Location) (since, until time.Time, err error) {
	if q.window == nil {
		return since, until, nil
	}
	return q.window.window(now, zone)
}

func isNginx(i *ingest.Input) bool { return strings.HasPrefix(i.Format, "nginx_") }

// windowWords says a window: from 8:00 to 9:00.
func windowWords(since, until time.Time, zone *time.Location) string {
	var said []string
	if !since.IsZero() {
		said = append(said, "from "+since.In(zone).Format(time.DateTime))
	}
	if !until.IsZero() {
		said = append(said, "until "+until.In(zone).Format(time.DateTime))
	}
	return strings.Join(said, " ")
}

// zoneToShow picks the zone of the times that people read: the one asked for,
// the machine's, the one that configuration names, or the offset that the logs
// themselves state.
func zoneToShow(q question, machine bool, name string, logs []*ingest.Input, newest time.Time) *time.Location {
	switch {
	case q.zone != nil:
		return q.zone
	case machine:
		return time.Local
	}
	if name != "" {
		if loc, err := time.LoadLocation(name); err == nil {
			return loc
		}
	}
	for _, i := range logs {
		if i.Options.Zone != nil {
			return time.FixedZone("", i.Options.Zone(newest.Unix()))
		}
	}
	return time.UTC
}

// readOrder puts nginx's error logs first: the correlator then knows which
// requests of the access logs it has to keep.
func readOrder(i *ingest.Input) int {
	switch {
	case i.Format == "nginx_error":
		return 0
	case i.Format == "nginx_access":
		return 1
	}
	return 2
}

// configFS shows the configuration files that were found as one file system,
// whatever folders and archives they came from.
type configFS struct {
	files map[string]string // name to path
	dirs  map[string][]string
}

func newConfigFS(list []ingest.ConfigFile) *configFS {
	c := &configFS{files: map[string]string{}, dirs: map[string][]string{".": nil}}
	for _, f := range list {
		name := strings.TrimLeft(path.Clean("/"+f.Name), "/")
		if name == "" || c.files[name] != "" {
			continue
		}
		c.files[name] = f.Path
		for child := name; child != "."; {
			dir := path.Dir(child)
			_, known := c.dirs[dir]
			c.dirs[dir] = append(c.dirs[dir], path.Base(child))
			if known && dir != "." {
				break
			}
			child = dir
		}
	}
	for d, list := range c.dirs {
		slices.Sort(list)
		c.dirs[d] = slices.Compact(list)
	}
	return c
}

// Open implements fs.FS.
func (c *configFS) Open(name string) (fs.File, error) {
	if p, ok := c.files[name]; ok {
		return os.Open(p)
	}
	if _, ok := c.dirs[name]; ok {
		return &configDir{c: c, name: name}, nil
	}
	return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
}

// configDir is an open folder of a configFS; it is its own description too.
type configDir struct {
	c    *configFS
	name string
	read int
}

func (d *configDir) Stat() (fs.FileInfo, error) { return d, nil }
func (d *configDir) Read([]byte) (int, error) {
	return 0, &fs.PathError{Op: "read", Path: d.name, Err: fs.ErrInvalid}
}
func (d *configDir) Close() error               { return nil }
func (d *configDir) Name() string               { return path.Base(d.name) }
func (d *configDir) Size() int64                { return 0 }
func (d *configDir) Mode() fs.FileMode          { return fs.ModeDir | 0o555 }
func (d *configDir) Type() fs.FileMode          { return fs.ModeDir }
func (d *configDir) Info() (fs.FileInfo, error) { return d, nil }
func (d *configDir) ModTime() time.Time         { return time.Time{} }
func (d *configDir) IsDir() bool                { return true }
func (d *configDir) Sys() any                   { return nil }

// ReadDir implements fs.ReadDirFile.
func (d *configDir) ReadDir(n int) ([]fs.DirEntry, error) {
	var out []fs.DirEntry
	names := d.c.dirs[d.name]
	for d.read < len(names) && (n <= 0 || len(out) < n) {
		child := path.Join(d.name, names[d.read])
		d.read++
		if p, ok := d.c.files[child]; ok {
			info, err := os.Stat(p)
			if err != nil {
				continue
			}
			out = append(out, fs.FileInfoToDirEntry(renamed{info, path.Base(child)}))
			continue
		}
		out = append(out, &configDir{c: d.c, name: child})
	}
	return out, nil
}

// renamed is a file under the name that people know it by.
type renamed struct {
	fs.FileInfo
	name string
}

func (r renamed) Name() string { return r.name }
