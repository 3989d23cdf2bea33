package topology

import (
	"bytes"
	"io/fs"
	"path"
	"slices"
	"strings"
)

// nginxMainPlaces are where packages and panels put nginx.conf.
var nginxMainPlaces = []string{
	"etc/nginx/nginx.conf",
	"www/server/nginx/conf/nginx.conf", // aaPanel
	"usr/local/openresty/nginx/conf/nginx.conf",
	"etc/openresty/nginx.conf",
	"usr/local/nginx/conf/nginx.conf",
	"opt/nginx/conf/nginx.conf",
	"usr/local/etc/nginx/nginx.conf",
}

// unitFolders are systemd's, the first that has a unit wins
// (systemd.unit(5), "System Unit Search Path").
var unitFolders = []string{"etc/systemd/system", "run/systemd/system", "usr/local/lib/systemd/system", "usr/lib/systemd/system", "lib/systemd/system"}

// places lists the usual files of a running machine.
func (r *reader) places() {
	t := r.tree
	r.dropIns = map[string][]string{}
	for _, name := range nginxMainPlaces {
		r.nginxMain = append(r.nginxMain, t.match(name)...)
	}
	taken := map[string]bool{}
	for _, dir := range unitFolders {
		for _, pattern := range []string{"/*.service", "/*.socket"} {
			for _, name := range t.match(dir + pattern) {
				if base := path.Base(name); !taken[base] {
					taken[base] = true
					r.units = append(r.units, name)
				}
			}
		}
		for _, name := range t.match(dir + "/*.service.d/*.conf") {
			r.addDropIn(name)
		}
		for _, pattern := range []string{"/*.wants/*@*.service", "/*.requires/*@*.service"} {
			r.wanted = append(r.wanted, t.match(dir+pattern)...)
		}
	}
	for _, name := range []string{"etc/supervisor/supervisord.conf", "etc/supervisord.conf", "etc/supervisord/supervisord.conf", "usr/local/etc/supervisord.conf"} {
		r.supervisord = append(r.supervisord, t.match(name)...)
	}
	r.programs = t.match("www/server/panel/plugin/supervisor/profile/*.ini")
	for _, home := range []string{"root", "home/*", "var/lib/*", "home/*/apps", "opt/*"} {
		r.pm2 = append(r.pm2, t.match(home+"/.pm2/dump.pm2")...)
	}
	r.pm2 = append(r.pm2, t.match("www/server/nodejs/vhost/pm2_configs/*/ecosystem.config.*js")...)
	r.containers = t.match("var/lib/docker/containers/*/config.v2.json")
	r.scripts = t.match("www/server/nodejs/vhost/scripts/*.sh")
	r.zones = []string{"etc/timezone", "etc/localtime"}
}

func (r *reader) addDropIn(name string) {
	unit := strings.TrimSuffix(path.Base(path.Dir(name)), ".d")
	base := path.Base(name)
	// A drop-in of the same name in a folder of higher rank replaces this one.
	if !slices.ContainsFunc(r.dropIns[unit], func(have string) bool { return path.Base(have) == base }) {
		r.dropIns[unit] = append(r.dropIns[unit], name)
	}
}

// search looks through a folder that someone sent. What a file is shows in its
// name, else in what it begins with.
func (r *reader) search() {
	r.dropIns = map[string][]string{}
	unitRank := map[string]int{}
	r.tree.walk(func(name string, entry fs.DirEntry) {
		base, dir := path.Base(name), path.Dir(name)
		lower := strings.ToLower(base)
		parent := path.Base(dir)
		switch {
		case ignored(lower):
		case strings.HasSuffix(base, ".service") || strings.HasSuffix(base, ".socket"):
			if strings.HasSuffix(parent, ".wants") || strings.HasSuffix(parent, ".requires") {
				r.wanted = append(r.wanted, name)
				return
			}
			rank := slices.IndexFunc(unitFolders, func(f string) bool { return strings.HasSuffix("/"+dir, "/"+f) })
			if have, twice := unitRank[base]; twice {
				if rank >= 0 && (have < 0 || rank < have) {
					r.units = slices.DeleteFunc(r.units, func(u string) bool { return path.Base(u) == base })
				} else {
					return
				}
			}
			unitRank[base] = rank
			r.units = append(r.units, name)
		case strings.HasSuffix(parent, ".service.d") && strings.HasSuffix(base, ".conf"):
			r.addDropIn(name)
		case lower == "supervisord.conf":
			r.supervisord = append(r.supervisord, name)
		case lower == "dump.pm2" || strings.HasPrefix(lower, "ecosystem.") || strings.Contains(lower, "pm2") && isOneOf(path.Ext(lower), ".json", ".js", ".cjs", ".mjs"):
			r.pm2 = append(r.pm2, name)
		case lower == "config.v2.json" || strings.Contains(lower, "docker") && strings.Contains(lower, "inspect"):
			r.containers = append(r.containers, name)
		case strings.Contains(dir, "nodejs/vhost/scripts") && strings.HasSuffix(lower, ".sh"):
			r.scripts = append(r.scripts, name)
		case strings.HasPrefix(lower, "systemctl-show"):
			r.shows = append(r.shows, name)
		case strings.HasPrefix(lower, "supervisorctl-status"):
			r.statuses = append(r.statuses, name)
		case strings.HasPrefix(lower, "ss-") || strings.HasPrefix(lower, "ss.") || strings.HasPrefix(lower, "netstat"):
			r.sockets = append(r.sockets, name)
		case lower == "timezone" || lower == "localtime" || strings.HasPrefix(lower, "timedatectl"):
			r.zones = append(r.zones, name)
		default:
			r.byContent(name, lower, entry)
		}
	})
	// The file closest to the root is the one meant; a copy deeper down
	// ("at-end/") comes after it.
	for _, list := range [][]string{r.nginxMain, r.nginxPart, r.supervisord} {
		slices.SortStableFunc(list, func(a, b string) int {
			return boolInt(strings.Contains(a, "-available/")) - boolInt(strings.Contains(b, "-available/")) +
				2*(placeRank(a)-placeRank(b))
		})
	}
}

func boolInt(b bool) int {
	if b {
		return 1
	}
	return 0
}

// placeRank prefers a file in a folder of its program's own name.
func placeRank(name string) int {
	switch path.Base(path.Dir(name)) {
	case "nginx", "conf", "supervisor", "etc", "openresty", "sites-enabled", "conf.d":
		return 0
	}
	return 1
}

func isOneOf(s string, list ...string) bool { return slices.Contains(list, s) }

// ignored says whether a name is that of a backup, a log or an archive.
func ignored(lower string) bool {
	if strings.HasSuffix(lower, "~") || strings.Contains(lower, ".dpkg-") || strings.Contains(lower, ".rpm") || strings.Contains(lower, ".log") {
		return true
	}
	return isOneOf(path.Ext(lower), ".bak", ".old", ".orig", ".save", ".swp", ".disabled", ".gz", ".zst", ".xz", ".bz2", ".zip", ".tar", ".tgz", ".journal",
		".crt", ".key", ".pem", ".html", ".map", ".png", ".svg", ".db")
}

// byContent sorts files whose name does not tell: nginx's and supervisor's
// parts. Only small files with a telling suffix or folder are opened.
func (r *reader) byContent(name, lower string, entry fs.DirEntry) {
	info, err := entry.Info()
	if err != nil {
		return
	}
	dir := "/" + strings.ToLower(path.Dir(name)) + "/"
	nginxDir := strings.Contains(dir, "/sites-") || strings.Contains(dir, "sites-enabled") || strings.Contains(dir, "/vhost") || strings.Contains(dir, "/nginx/") || strings.Contains(dir, "/conf.d/") || strings.Contains(dir, "/http.d/")
	config := isOneOf(path.Ext(lower), ".conf", ".ini", ".vhost", ".nginx")
	dump := strings.Contains(lower, "nginx") && isOneOf(path.Ext(lower), ".txt", ".conf", "")
	if !config && info.Mode()&fs.ModeSymlink == 0 && info.Size() > maxFile {
		return
	}
	if !config && !dump && !(nginxDir && (path.Ext(lower) == "" || strings.Contains(dir, "/sites-") || strings.Contains(dir, "sites-enabled"))) {
		return
	}
	data, ok := r.tree.read(name)
	if !ok {
		return
	}
	switch {
	case bytes.Contains(data, []byte(dumpMark)) && dump:
		r.nginxDump = append(r.nginxDump, name)
	case hasSection(data, "[program:") || hasSection(data, "[eventlistener:"):
		r.programs = append(r.programs, name)
	case hasBlock(data, "http") || lower == "nginx.conf" && (bytes.Contains(data, []byte("http")) || !hasBlock(data, "server")):
		r.nginxMain = append(r.nginxMain, name)
	case hasBlock(data, "server") || hasBlock(data, "upstream"):
		r.nginxPart = append(r.nginxPart, name)
	}
}

// hasSection says whether a line of an INI file begins so.
func hasSection(data []byte, section string) bool {
	return bytes.HasPrefix(data, []byte(section)) || bytes.Contains(data, []byte("\n"+section))
}

// hasBlock says whether a line begins an nginx block of that name.
func hasBlock(data []byte, name string) bool {
	for line := range bytes.Lines(data) {
		rest, ok := bytes.CutPrefix(bytes.TrimLeft(line, " \t"), []byte(name))
		if !ok || len(rest) == 0 || rest[0] != ' ' && rest[0] != '\t' && rest[0] != '{' && rest[0] != '\r' && rest[0] != '\n' {
			continue
		}
		rest = bytes.TrimSpace(rest)
		if len(rest) == 0 || rest[0] == '{' || name == "upstream" && bytes.Contains(rest, []byte("{")) {
			return true
		}
	}
	return false
}
