package ingest

import (
	"maps"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"culprit"
	"culprit/parsers"
)

// Assign completes how each input is read, from what the topology and the inputs
// themselves tell: the log_format of an access log, the program that writes a
// log, the zone of times that state no offset, the year of times without one.
// It is called once, before [Read]; topo may be nil.
func (in *Inputs) Assign(topo *culprit.Topology) {
	if topo == nil {
		topo = &culprit.Topology{}
	}
	for _, i := range in.Logs {
		if i.Class != ClassLog {
			continue
		}
		if i.Options.LogFormat == nil {
			i.Options.LogFormat = logFormats(topo, i)
		}
		if i.Options.Service == "" {
			i.Options.Service = serviceOf(topo, i)
		}
	}
	in.assignZone(topo)
	in.assignRef()
	for _, i := range in.Logs {
		i.head = nil
	}
}

func (in *Inputs) assignZone(topo *culprit.Topology) {
	if in.opts.Zone != nil {
		for _, i := range in.Logs {
			i.Options.Zone = parsers.ZoneOf(in.opts.Zone)
		}
		return
	}
	sources := in.zoneSources()
	fallback := func() parsers.Zone {
		if topo.Zone != "" {
			if loc, err := time.LoadLocation(topo.Zone); err == nil {
				return parsers.ZoneOf(loc)
			}
		}
		if in.opts.Machine {
			return parsers.ZoneOf(time.Local)
		}
		return nil
	}
	assumed := false
	for _, i := range in.Logs {
		if i.Options.Zone != nil || i.Class != ClassLog {
			continue
		}
		z := zoneFor(sources, filepath.Dir(i.base))
		if z == nil {
			z = fallback()
		}
		if z == nil {
			assumed = assumed || needsZone(i)
			z = parsers.ZoneOf(time.UTC)
		}
		i.Options.Zone = z
	}
	if assumed {
		in.Notices = append(in.Notices, "No log states the machine's time zone; times without an offset are taken as UTC. Give it with --tz, such as --tz Europe/Berlin.")
	}
}

// statesOffset finds a time that needs no zone: an offset, Z, or seconds since 1970.
var statesOffset = regexp.MustCompile(`\d\d:\d\d:\d\d(?:[.,]\d+)?(?:Z|\s?[+-]\d\d:?\d\d)|"(?:time|ts|timestamp)":\s*\d{10}`)

// needsZone reports whether the zone matters to the times of an input.
func needsZone(i *Input) bool {
	line := i.head
	if k := strings.IndexByte(string(line[:min(len(line), 2048)]), '\n'); k >= 0 {
		line = line[:k]
	}
	return hasDate.Match(i.head[:min(len(i.head), 4096)]) && !statesOffset.Match(line)
}

// assignRef sets what tells the year of times without one: the newest time of
// the other inputs, which need no such help, else when the file was last written.
func (in *Inputs) assignRef() {
	for _, i := range in.Logs {
		// A stream without Ref leaves times without a year unknown.
		if _, last := i.Span(); last.After(in.Newest) {
			in.Newest = last
		}
	}
	for _, i := range in.Logs {
		if !i.Options.Ref.IsZero() {
			continue
		}
		switch {
		case !in.Newest.IsZero():
			i.Options.Ref = in.Newest
		case !i.ModTime.IsZero():
			i.Options.Ref = i.ModTime
		case in.opts.Machine || i.pipe != nil:
			i.Options.Ref = time.Now()
		}
	}
	// A rotated file on this machine ends when it was last written, and its
	// year may be the one before.
	if in.opts.Machine {
		for _, i := range in.Logs {
			if i.Class == ClassLog && !i.ModTime.IsZero() {
				i.Options.Ref = i.ModTime
			}
		}
	}
}

// logFormats returns the texts of the log_formats that an access log may use:
// the one that the configuration names for it first, then, if the lines were
// not understood or it is called an access log, all others.
func logFormats(topo *culprit.Topology, i *Input) []string {
	best, named := 0, ""
	for _, s := range topo.Servers {
		for _, l := range s.AccessLogs {
			if n := alike(l.Path, i.base); n > best {
				best, named = n, l.Format
			}
		}
	}
	var texts []string
	if text := topo.Formats[named]; text != "" {
		texts = append(texts, text)
	}
	if best == 0 && i.Format != "" && !isAccess(i.base) {
		return nil
	}
	for _, name := range slices.Sorted(maps.Keys(topo.Formats)) {
		if name != named && topo.Formats[name] != "" {
			texts = append(texts, topo.Formats[name])
		}
	}
	return texts
}

// isAccess reports whether a file is called an access log.
func isAccess(path string) bool {
	return strings.Contains(strings.ToLower(filepath.Base(path)), "access")
}

// serviceOf returns the program that writes a log: the service that is
// configured to, else the one that the path names.
func serviceOf(topo *culprit.Topology, i *Input) string {
	best, service := 0, ""
	for _, s := range topo.Services {
		for _, l := range s.Logs {
			if n := alike(l, i.base); n > best {
				best, service = n, s.Name
			}
		}
		if s.ID != "" && strings.Contains(i.base, s.ID) {
			return s.Name
		}
	}
	for _, s := range topo.Servers {
		for _, l := range append(s.AccessLogs, s.ErrorLogs...) {
			if alike(l.Path, i.base) > best {
				return "" // nginx writes it
			}
		}
	}
	if service != "" {
		return service
	}
	if service = serviceOfPath(i.base); service == "" && i.Format == "node" {
		service = stemOf(i.base)
	}
	return service
}

// vague are names of logs that say nothing about who writes them.
var vague = map[string]bool{
	"app": true, "application": true, "server": true, "node": true, "nodejs": true, "main": true, "index": true, "out": true, "err": true, "error": true, "stdout": true, "stderr": true,
	"output": true, "console": true, "combined": true, "all": true, "nohup": true, "log": true, "logs": true, "debug": true, "info": true, "current": true, "stdin": true, "-": true, "": true,
	"apps": true, "var": true, "tmp": true, "srv": true, "opt": true, "www": true, "home": true, "dist": true, ".": true,
}

var logSuffix = regexp.MustCompile(`(?i)(?:[-_.](?:out|err|error|errors|stdout|stderr|app|output|console|combined|server|std))*(?:\.(?:log|txt|out))?$`)

var containerLog = regexp.MustCompile(`^([0-9a-f]{12})[0-9a-f]*-json\.log$`)

// stemOf names the program of a log that Node wrote by its file, or by the folder
// if the file's name says nothing.
func stemOf(path string) string {
	dir, base := filepath.Split(filepath.ToSlash(path))
	base = family(base)
	if m := containerLog.FindStringSubmatch(base); m != nil {
		return m[1] // as docker ps prints it
	}
	if s := strings.TrimSuffix(base, logSuffix.FindString(base)); !vague[strings.ToLower(s)] && !daemons[s] {
		return s
	}
	for dir = strings.TrimRight(dir, "/"); dir != ""; {
		var last string
		dir, last = filepath.Split(dir)
		dir = strings.TrimRight(dir, "/")
		if !vague[strings.ToLower(last)] && strings.Trim(last, "0123456789") != "" {
			if daemons[last] {
				return ""
			}
			return last
		}
	}
	return ""
}

// alike counts the trailing names that a configured path and the name of an
// input share, rotation aside; the folder that a log was copied to may be
// another one. 0 means that they differ.
func alike(configured, name string) int {
	x := strings.Split(strings.Trim(filepath.ToSlash(filepath.Clean(configured)), "/"), "/")
	y := strings.Split(strings.Trim(filepath.ToSlash(filepath.Clean(name)), "/"), "/")
	n := 0
	for n < len(x) && n < len(y) {
		a, b := x[len(x)-1-n], y[len(y)-1-n]
		if n == 0 {
			a, b = family(a), family(b)
		}
		if a != b {
			break
		}
		n++
	}
	// err.log is a name that many programs use: a folder that says more than
	// logs must agree as well, if both have one.
	if n > 0 && n < len(x) && n < len(y) && ambiguous[family(x[len(x)-1])] {
		for _, dir := range x[len(x)-n : len(x)-1] {
			if dir != "log" && dir != "logs" {
				return n
			}
		}
		return 0
	}
	return n
}

var ambiguous = map[string]bool{
	"err.log": true, "out.log": true, "error.log": true, "output.log": true, "stderr.log": true, "stdout.log": true, "app.log": true, "log": true,
	"combined.log": true, "server.log": true, "console.log": true, "access.log": true, "current": true,
}

// Paths that name the program that writes them.
var servicePaths = []*regexp.Regexp{
	regexp.MustCompile(`/nodejs/vhost/logs/([^/]+?)\.log$`),                                // aaPanel, older
	regexp.MustCompile(`wwwlogs/(?:nodejs|pm2)/([^/]+?)(?:[-_.](?:out|err|error))?\.log$`), // aaPanel
	regexp.MustCompile(`supervisor/log/([^/]+)\.(?:out|err)\.log$`),                        // aaPanel's supervisor plugin
	regexp.MustCompile(`([^/]+?)-std(?:out|err)---[^/]*\.log$`),                            // supervisor, AUTO
	regexp.MustCompile(`supervisor/([^/]+?)[-_.](?:stdout|stderr|out|err)\.log$`),
	regexp.MustCompile(`pm2/logs/([^/]+?)-(?:out|error|err)(?:-\d+)?\.log$`),
	regexp.MustCompile(`(?:^|/)apps/([^/]+)/[^/]*(?:out|err|error|log|stdout|stderr)[^/]*$`), // a capture
	regexp.MustCompile(`(?:^|/)apps/([^/]+?)[._-](?:stdout|stderr|out|err|error)(?:-\d+)?\.log$`),
	regexp.MustCompile(`/var/log/([^/]+)/(?:err|out|stderr|stdout|app|error|console)\.log$`),
}

// daemons have folders of logs as well and are no services behind nginx.
var daemons = map[string]bool{
	"nginx": true, "supervisor": true, "supervisord": true, "journal": true, "apache2": true, "httpd": true, "audit": true, "apt": true, "syslog": true, "installer": true,
	"postgresql": true, "mysql": true, "mariadb": true, "redis": true, "mongodb": true, "pm2": true,
}

func serviceOfPath(path string) string {
	dir, base := filepath.Split(filepath.ToSlash(path))
	path = dir + family(base)
	for _, re := range servicePaths {
		if m := re.FindStringSubmatch(path); m != nil && !daemons[m[1]] {
			return m[1]
		}
	}
	return ""
}
