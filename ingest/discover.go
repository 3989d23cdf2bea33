package ingest

import (
	"bufio"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"culprit"
)

// A Place is where logs lie on a machine.
type Place struct {
	Pattern string // of [filepath.Match]
	What    string // what lies there: "nginx", "Node.js project (aaPanel)"
	Service string // the program that writes it, "" to take it from the path
	Only    bool   // just the file itself; else its rotated predecessors as well
}

// places are the packages' defaults and those of the panels that people use to
// manage a server. A pattern names the current file; its rotated predecessors,
// which begin with its name, belong to it.
var places = []Place{
	{Pattern: "/var/log/nginx/*.log", What: "nginx"},
	{Pattern: "/var/log/nginx/*/*.log", What: "nginx"}, // HestiaCP: domains/
	{Pattern: "/www/wwwlogs/*.log", What: "nginx (aaPanel)"},
	{Pattern: "/www/server/nginx/logs/*.log", What: "nginx (aaPanel)"},
	{Pattern: "/var/www/vhosts/system/*/logs/*_log", What: "nginx (Plesk)"},
	{Pattern: "/home/*/logs/nginx/*.log", What: "nginx (CloudPanel)"},
	{Pattern: "/usr/local/openresty/nginx/logs/*.log", What: "OpenResty"},
	{Pattern: "/usr/local/nginx/logs/*.log", What: "nginx"},

	{Pattern: "/var/log/syslog", What: "syslog"},
	{Pattern: "/var/log/kern.log", What: "kernel"},
	{Pattern: "/var/log/messages", What: "syslog"},
	{Pattern: "/var/log/daemon.log", What: "syslog"},
	{Pattern: "/var/log/user.log", What: "syslog"},
	{Pattern: "/var/log/auth.log", What: "syslog"},
	{Pattern: "/var/log/cron", What: "syslog"},
	{Pattern: "/var/log/cron.log", What: "syslog"},
	{Pattern: "/var/log/dpkg.log", What: "package changes"},
	{Pattern: "/var/log/apt/history.log", What: "package changes"},
	{Pattern: "/var/log/dnf.rpm.log", What: "package changes"},

	{Pattern: "/var/log/supervisor/*.log", What: "supervisor"},
	{Pattern: "/var/log/supervisord.log", What: "supervisor"},
	{Pattern: "/www/server/panel/plugin/supervisor/log/*.log", What: "supervisor (aaPanel)"},
	{Pattern: "/www/wwwlogs/nodejs/*.log", What: "Node.js project (aaPanel)"},
	{Pattern: "/www/wwwlogs/pm2/*.log", What: "PM2 (aaPanel)"},
	{Pattern: "/var/lib/docker/containers/*/*-json.log", What: "Docker"},
	{Pattern: "/var/log/postgresql/*.log", What: "PostgreSQL"},
	{Pattern: "/var/log/mysql/error.log", What: "MySQL"},
	{Pattern: "/var/log/redis/*.log", What: "Redis"},
	{Pattern: "/var/log/mongodb/*.log", What: "MongoDB"},
}

// Places returns where logs lie on this machine: the defaults, what the topology
// names, and the PM2 folders of every user. root stands in front of every path,
// "" or "/" for the machine itself.
func Places(topo *culprit.Topology, root string) []Place {
	out := slices.Clone(places)
	add := func(path, what, service string) {
		if !strings.HasPrefix(path, "/") || strings.HasPrefix(path, "/dev/") || strings.HasPrefix(path, "/proc/") {
			return
		}
		// A variable in an access_log (per host) is any text.
		if k := strings.IndexByte(path, '$'); k >= 0 {
			path = path[:k] + "*"
		}
		for k := range out {
			if out[k].Pattern == path {
				return
			}
		}
		out = append(out, Place{Pattern: path, What: what, Service: service})
	}
	for _, home := range pm2Homes(root) {
		add(filepath.Join(home, "pm2.log"), "PM2", "")
		add(filepath.Join(home, "logs/*.log"), "PM2", "")
	}
	if topo != nil {
		for _, s := range topo.Servers {
			for _, l := range append(slices.Clone(s.ErrorLogs), s.AccessLogs...) {
				add(l.Path, "nginx", "")
			}
		}
		for _, s := range topo.Services {
			for _, l := range s.Logs {
				add(l, "service", s.Name)
			}
		}
	}
	if root != "" && root != "/" {
		for k := range out {
			out[k].Pattern = filepath.Join(root, out[k].Pattern)
		}
	}
	return out
}

// pm2Homes returns the PM2 folders of the users in /etc/passwd.
func pm2Homes(root string) []string {
	var out []string
	add := func(dir string) {
		if !slices.Contains(out, dir) {
			if _, err := os.Lstat(filepath.Join(root, dir)); err == nil || errors.Is(err, fs.ErrPermission) {
				out = append(out, dir)
			}
		}
	}
	if h := os.Getenv("PM2_HOME"); h != "" && (root == "" || root == "/") {
		add(h)
	}
	add("/root/.pm2")
	f, err := os.Open(filepath.Join(root, "/etc/passwd"))
	if err != nil {
		return out
	}
	defer f.Close()
	for s := bufio.NewScanner(f); s.Scan(); {
		if p := strings.Split(s.Text(), ":"); len(p) >= 7 && len(p[5]) > 1 && strings.HasPrefix(p[5], "/") {
			add(filepath.Join(p[5], ".pm2"))
		}
	}
	return out
}

// Discover collects the logs and the journal of this machine. What exists and
// may not be read is a gap that says what to run; root stands in front of every
// path, "" for the machine itself. The error is that of [Collect].
func Discover(topo *culprit.Topology, root string, o Options) (*Inputs, error) {
	o.Machine = root == "" || root == "/"
	c := &collector{in: &Inputs{opts: o}, opts: o, seen: map[string]bool{}, placed: true}
	for _, p := range Places(topo, root) {
		c.place(p)
	}
	if err := c.journalOf(root); err != nil {
		return c.in, err
	}
	c.dropTwins()
	if len(c.in.Logs) == 0 {
		if len(c.in.Gaps) > 0 {
			g := c.in.Gaps[0]
			return c.in, fmt.Errorf("%w: the logs of this machine may not be read by this user (%s: %s); run it with sudo, or: %s", culprit.ErrNoInput, g.Source, g.Reason, g.Remedy)
		}
		return c.in, fmt.Errorf("%w: neither logs of nginx nor a journal were found on this machine; give the folder that holds them", culprit.ErrNoInput)
	}
	return c.in, nil
}

// place collects the files of one place and their rotated predecessors.
func (c *collector) place(p Place) {
	names, closed := p.Files()
	for _, dir := range closed {
		c.unreadable(dir, dir, fs.ErrPermission)
	}
	for _, name := range names {
		fi, err := os.Stat(name) // a current log may be a symbolic link
		if err != nil {
			if errors.Is(err, fs.ErrPermission) {
				c.unreadable(name, name, err)
			}
			continue
		}
		if !fi.Mode().IsRegular() {
			continue
		}
		n := len(c.in.Logs)
		if err := c.file(tree{root: name, name: name}, name, fi, false); err != nil {
			c.gap(name, "could not be read: "+err.Error(), "ls -l "+quote(name))
		}
		for _, i := range c.in.Logs[n:] {
			i.Options.Service = p.Service
		}
	}
}

// Files returns the files that are at a place now, the current ones before their
// predecessors, and the folders on the way that may not be listed.
func (p Place) Files() (files, closed []string) {
	files, closed = glob(p.Pattern)
	return append(files, p.older(files)...), closed
}

// older returns the rotated predecessors of the files at a place.
func (p Place) older(current []string) []string {
	if p.Only {
		return nil
	}
	found, _ := glob(p.Pattern + `[.\-]*`)
	// error.log-20261122, error-20261122.log
	if stem, ok := strings.CutSuffix(p.Pattern, ".log"); ok && !strings.HasSuffix(stem, "*") {
		more, _ := glob(stem + `[._\-]20[0-9][0-9]*.log*`)
		found = append(found, more...)
	}
	return slices.DeleteFunc(found, func(f string) bool { return slices.Contains(current, f) })
}

// glob is filepath.Glob that tells which folders could not be listed.
func glob(pattern string) (files, closed []string) {
	if !strings.ContainsAny(pattern, "*?[") {
		_, err := os.Lstat(pattern)
		switch {
		case err == nil:
			return []string{pattern}, nil
		case errors.Is(err, fs.ErrPermission):
			return nil, []string{filepath.Dir(pattern)}
		}
		return nil, nil
	}
	dir, last := filepath.Split(pattern)
	dirs, closed := glob(filepath.Clean(dir))
	for _, d := range dirs {
		if !strings.ContainsAny(last, "*?[") {
			if _, err := os.Lstat(filepath.Join(d, last)); err == nil {
				files = append(files, filepath.Join(d, last))
			}
			continue
		}
		entries, err := os.ReadDir(d)
		if errors.Is(err, fs.ErrPermission) {
			closed = append(closed, d)
		}
		for _, e := range entries {
			if ok, _ := filepath.Match(last, e.Name()); ok {
				files = append(files, filepath.Join(d, e.Name()))
			}
		}
	}
	return files, closed
}

// journalOf adds the machine's journal.
func (c *collector) journalOf(root string) error {
	var files, dirs []string
	for _, d := range []string{"/var/log/journal", "/run/log/journal"} {
		d = filepath.Join(root, d)
		f, closed := glob(filepath.Join(d, "*", "*.journal"))
		files = append(files, f...)
		if len(f) > 0 || len(closed) > 0 {
			dirs = append(dirs, d)
		}
	}
	if len(dirs) == 0 {
		return nil
	}
	if _, err := exec.LookPath(journalctl); err != nil {
		c.gap("journal", "there is a journal and no journalctl to read it", "install systemd's journalctl, or copy "+dirs[0]+" to a machine that has it")
		return nil
	}
	readable := false
	for _, f := range files {
		if fd, err := os.Open(f); err == nil {
			fd.Close()
			readable = readable || !strings.HasPrefix(filepath.Base(f), "user-")
		}
	}
	if !readable {
		c.gap("journal", "this user may not read the system's journal", "sudo usermod -aG systemd-journal $USER")
	}
	i := &Input{Name: "journal", Class: ClassJournal, base: "journal", Paths: dirs, live: c.opts.Machine}
	i.Options.Source = "journal"
	c.looked++
	for _, f := range files {
		if fi, err := os.Stat(f); err == nil {
			i.Size += fi.Size()
			if fi.ModTime().After(i.ModTime) {
				i.ModTime = fi.ModTime()
			}
		}
	}
	if !i.live {
		i.Paths = files
	}
	if len(i.Paths) > 0 {
		c.in.Logs = append(c.in.Logs, i)
	}
	return nil
}
