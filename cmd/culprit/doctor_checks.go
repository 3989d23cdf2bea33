package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"culprit"
	"culprit/ingest"
	"culprit/internal/store"
)

// askTime bounds one question to journalctl.
const askTime = 10 * time.Second

// checkNginxLogs looks for nginx's logs and tries to open them.
func checkNginxLogs(_ context.Context, m *machine) []check {
	readable, closed := nginxLogs(m)
	var out []check
	for _, g := range closed {
		out = append(out, check{"nginx_logs", checkFailed, fmt.Sprintf("%s: %s", g.Source, g.Reason), g.Remedy})
	}
	switch {
	case len(readable) > 0:
		out = append(out, check{"nginx_logs", checkOK, fmt.Sprintf("%s of nginx can be read, such as %s", plural(int64(len(readable)), "log"), readable[0]), ""})
	case len(closed) == 0:
		out = append(out, check{"nginx_logs", checkFailed, "no log of nginx was found", "name it in the configuration: sources: [{path: /path/to/*.log}]"})
	}
	return out
}

// nginxLogs returns the logs of nginx that can be read, and what cannot.
func nginxLogs(m *machine) (readable []string, closed []culprit.Gap) {
	topo, _ := m.topology()
	written := map[string]bool{}
	for _, s := range topo.Servers {
		for _, l := range slices.Concat(s.AccessLogs, s.ErrorLogs) {
			written[l.Path] = true
		}
	}
	seen := map[string]bool{}
	for _, p := range m.places() {
		p.Only = true
		files, dirs := p.Files()
		nginx := strings.HasPrefix(p.What, "nginx") || p.What == "OpenResty"
		if nginx {
			files = append(files, dirs...)
		}
		for _, path := range files {
			if seen[path] {
				continue
			}
			seen[path] = true
			if g, ok := ingest.Unreadable(path); ok {
				if nginx || written[path] {
					closed = append(closed, g)
				}
				continue
			}
			if nginx || written[path] || strings.HasPrefix(formatOfFile(path), "nginx_") {
				readable = append(readable, path)
			}
		}
	}
	return readable, closed
}

// logFormat is what an access log should say beside what nginx's own format does.
const logFormat = `in nginx.conf: log_format timed '$remote_addr - $remote_user [$time_local] "$request" $status $body_bytes_sent "$http_referer" "$http_user_agent" ` +
	`$host $upstream_addr $upstream_status $request_time $upstream_response_time'; access_log /var/log/nginx/access.log timed;`

// checkAccessFormat looks for what tells a retried request from a failed one, and
// a slow upstream from a slow client.
func checkAccessFormat(_ context.Context, m *machine) []check {
	topo, _ := m.topology()
	if len(topo.Servers) == 0 {
		return []check{{"nginx_log_format", checkSkipped, "the configuration of nginx was not found or not understood", ""}}
	}
	short := map[string][]string{} // missing variables by format
	off, passing := 0, 0
	for _, s := range topo.Servers {
		if len(s.Locations) == 0 {
			continue
		}
		passing++
		if len(s.AccessLogs) == 0 {
			off++
		}
		for _, l := range s.AccessLogs {
			text := topo.Formats[l.Format]
			if missing := slices.DeleteFunc([]string{"$upstream_status", "$request_time"}, func(v string) bool { return strings.Contains(text, v) }); len(missing) > 0 {
				short[l.Format] = missing
			}
		}
	}
	if passing == 0 {
		return []check{{"nginx_log_format", checkSkipped, "no server block of nginx passes requests on", ""}}
	}
	var out []check
	if off > 0 {
		out = append(out, check{"nginx_log_format", checkWarning, plural(int64(off), "server block") + " that passes requests on writes no access log", "remove access_log off; or name a file"})
	}
	for name, missing := range short {
		if name == "" {
			name = "combined"
		}
		out = append(out, check{"nginx_log_format", checkWarning, fmt.Sprintf("the access log format %s lacks %s: what was retried and what was slow cannot be told", name, strings.Join(missing, " and ")), logFormat})
	}
	slices.SortFunc(out, func(a, b check) int { return strings.Compare(a.Text, b.Text) })
	if len(out) == 0 {
		out = append(out, check{"nginx_log_format", checkOK, "access logs tell the upstream's status and the time of each request", ""})
	}
	return out
}

// checkErrorLevel looks for error logs that leave the upstream's failures out.
func checkErrorLevel(_ context.Context, m *machine) []check {
	topo, _ := m.topology()
	if !slices.ContainsFunc(topo.Servers, func(s culprit.Server) bool { return len(s.Locations) > 0 }) {
		return nil
	}
	seen := map[string]bool{}
	var out []check
	for _, s := range topo.Servers {
		if len(s.Locations) == 0 {
			continue
		}
		for _, l := range s.ErrorLogs {
			hidden := slices.Contains([]string{"crit", "alert", "emerg"}, l.Format) || l.Path == "/dev/null"
			if key := l.Path + l.Format; hidden && !seen[key] {
				seen[key] = true
				text := fmt.Sprintf("%s is written from level %s on: why an upstream failed is not in it", l.Path, l.Format)
				if l.Path == "/dev/null" {
					text = "an error log goes to /dev/null: why an upstream failed is nowhere"
				}
				out = append(out, check{"nginx_error_level", checkWarning, text, "in nginx.conf: error_log /var/log/nginx/error.log error;"})
			}
		}
	}
	if len(out) == 0 {
		out = append(out, check{"nginx_error_level", checkOK, "error logs tell why an upstream failed", ""})
	}
	return out
}

// journalProblem says why this machine's journal cannot be read, nil if it can.
func journalProblem(ctx context.Context) *culprit.Gap {
	if _, err := exec.LookPath("journalctl"); err != nil {
		return &culprit.Gap{Source: "journal", Reason: "there is no journalctl", Remedy: "sudo apt install systemd"}
	}
	if said := ask(ctx, "_PID=1"); said == "" {
		if os.Geteuid() == 0 {
			return &culprit.Gap{Source: "journal", Reason: "no entry of systemd's stands in it: is this a container?", Remedy: "leave it out: journals: []   # in the configuration"}
		}
		return &culprit.Gap{Source: "journal", Reason: "this user sees no entry of systemd's in it", Remedy: "sudo usermod -aG systemd-journal $USER"}
	}
	return nil
}

// ask returns the newest entry of the journal that matches.
func ask(ctx context.Context, match ...string) string {
	ctx, cancel := context.WithTimeout(ctx, askTime)
	defer cancel()
	b, err := exec.CommandContext(ctx, "journalctl", append([]string{"--quiet", "--no-pager", "--lines=1", "--output=short-unix"}, match...)...).Output()
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(b))
}

// checkJournal tries to read the journal, and whether it outlives a reboot.
func checkJournal(ctx context.Context, m *machine) []check {
	if !slices.ContainsFunc(m.journals(), func(j ingest.Journal) bool { return j.Name == "journal" }) {
		return []check{{"journal", checkWarning, "this machine has no systemd journal, or it is not to be read: exits and restarts are known only from logs of their own", ""}}
	}
	var out []check
	if g := journalProblem(ctx); g != nil {
		state := checkFailed
		if os.Geteuid() == 0 {
			state = checkWarning
		}
		out = append(out, check{"journal", state, "the journal tells nothing: " + g.Reason, g.Remedy})
	} else {
		out = append(out, check{"journal", checkOK, "the journal can be read", ""})
	}
	if files, err := filepath.Glob("/var/log/journal/*/*.journal"); err == nil && len(files) > 0 {
		return append(out, check{"journal_kept", checkOK, "the journal is kept over a reboot", ""})
	}
	return append(out, check{"journal_kept", checkWarning, "the journal is lost at a reboot: an outage that ends with one cannot be explained",
		"sudo mkdir -p /var/log/journal && sudo systemd-tmpfiles --create --prefix /var/log/journal && sudo systemctl restart systemd-journald"})
}

// checkKernel looks for the kernel's messages, which alone say that it killed
// something for memory.
func checkKernel(ctx context.Context, m *machine) []check {
	if len(m.journals()) > 0 && ask(ctx, "_TRANSPORT=kernel") != "" {
		return []check{{"kernel", checkOK, "the kernel's messages are in the journal", ""}}
	}
	for _, p := range m.places() {
		p.Only = true
		files, _ := p.Files()
		for _, path := range files {
			if _, closed := ingest.Unreadable(path); !closed && slices.Contains([]string{"kern.log", "messages", "syslog"}, filepath.Base(path)) {
				return []check{{"kernel", checkOK, "the kernel's messages are in " + path, ""}}
			}
		}
	}
	remedy := ""
	if os.Geteuid() != 0 {
		remedy = "sudo usermod -aG systemd-journal,adm $USER"
	}
	return []check{{"kernel", checkWarning, "the kernel's messages cannot be seen: a kill for memory will look like one that nobody accounts for", remedy}}
}

// checkConfiguration tells what of the configuration could not be read.
func checkConfiguration(_ context.Context, m *machine) []check {
	topo, gaps := m.topology()
	var out []check
	for _, g := range gaps {
		out = append(out, check{"configuration", checkWarning, fmt.Sprintf("%s: %s", g.Source, g.Reason), g.Remedy})
	}
	if len(out) == 0 {
		out = append(out, check{"configuration", checkOK, fmt.Sprintf("%s of nginx and %s are known", plural(int64(len(topo.Servers)), "server block"), plural(int64(len(topo.Services)), "service")), ""})
	}
	return out
}

// checkZone tells in which zone times without an offset are read.
func checkZone(_ context.Context, m *machine) []check {
	topo, _ := m.topology()
	switch {
	case m.cfg.Zone != nil:
		return []check{{"zone", checkOK, fmt.Sprintf("times without an offset are taken as %s, as configured", m.cfg.Zone), ""}}
	case topo.Zone != "":
		return []check{{"zone", checkOK, "the machine's zone is " + topo.Zone, ""}}
	case zoneName(nil) != "":
		return []check{{"zone", checkOK, "the machine's zone is " + zoneName(nil), ""}}
	}
	return []check{{"zone", checkWarning, fmt.Sprintf("the machine's zone is not known by name; times without an offset are taken as UTC%s", time.Now().Format("-07:00")), "zone: Europe/Berlin   # in the configuration"}}
}

const (
	roomFailed  = 64 << 20 // bytes that must be free
	roomWarning = 1 << 30  // bytes that should be free, or what the store may take
)

// checkDisk looks for room where the store is or will be.
func checkDisk(_ context.Context, m *machine) []check {
	dir := m.cfg.DataDir
	for {
		if _, err := os.Stat(dir); err == nil || filepath.Dir(dir) == dir {
			break
		}
		dir = filepath.Dir(dir)
	}
	var st unix.Statfs_t
	if err := unix.Statfs(dir, &st); err != nil {
		return []check{{"disk", checkFailed, fmt.Sprintf("the disk of %s cannot be looked at: %v", m.cfg.DataDir, err), "ls -ld " + dir}}
	}
	free := int64(st.Bavail) * st.Bsize
	text := fmt.Sprintf("%s free for the data folder %s", bytesOf(free), m.cfg.DataDir)
	switch {
	case unix.Access(dir, unix.W_OK) != nil:
		return []check{{"disk", checkFailed, fmt.Sprintf("this user may not write to %s", dir), "name another folder: --data-dir, or data_dir in the configuration"}}
	case free < roomFailed:
		return []check{{"disk", checkFailed, "only " + text, "free space on that disk, or name another folder with --data-dir"}}
	case free < roomWarning:
		return []check{{"disk", checkWarning, "only " + text, "lower retention.size in the configuration"}}
	}
	return []check{{"disk", checkOK, text, ""}}
}

// checkStore asks the service that has the store open, else looks through it.
func checkStore(ctx context.Context, m *machine) []check {
	dir := m.cfg.DataDir
	if a := dialService(ctx, socketIn(dir)); a != nil {
		defer a.Close()
		var ready struct{ Ready bool }
		if err := a.get(ctx, "/api/readyz", nil, &ready); err != nil {
			return []check{{"store", checkFailed, sentence(err), "journalctl -u culprit"}}
		}
		return []check{{"store", checkOK, "the service runs and stores what it reads", ""}}
	}
	if _, err := os.Stat(filepath.Join(dir, "culprit.db")); errors.Is(err, os.ErrNotExist) {
		return []check{{"store", checkSkipped, "there is no store in " + dir + " yet, and no service runs", ""}}
	}
	s, err := store.Open(ctx, dir, store.Options{})
	if err != nil {
		return []check{{"store", checkFailed, sentence(err), ""}}
	}
	defer s.Close()
	if err := s.Check(ctx); err != nil {
		return []check{{"store", checkFailed, sentence(err), "move " + dir + " away and start again; what is still in the logs is read anew"}}
	}
	t, err := s.Stats(ctx)
	if err != nil {
		return []check{{"store", checkFailed, sentence(err), ""}}
	}
	return []check{{"store", checkOK, fmt.Sprintf("the store is sound: %s, %s", plural(t.Records, "record"), bytesOf(t.DatabaseBytes+t.IndexBytes)), ""}}
}
