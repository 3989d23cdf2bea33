package parsers

import (
	"bytes"
	"strings"
	"time"

	"culprit"
)

func epochTime(sec int64) time.Time { return time.Unix(sec, 0).UTC() }

// dpkgFormat is dpkg's log: "2026-11-22 06:12:01 upgrade nodejs:amd64 20.19.0-1 20.20.2-1".
var dpkgFormat = &format{
	name:  "dpkg",
	first: "0123456789",
	exact: true,
	peel: func(c *clock, line []byte, e *Envelope) bool {
		if len(line) < 28 || line[4] != '-' || line[10] != ' ' || line[13] != ':' || line[19] != ' ' || !dpkgAction(line[20:]) {
			return false
		}
		s := c.scan(line)
		if s.n != 19 {
			return false
		}
		e.Time, e.TimeText, e.Zoned, e.Body = s.t, text(line[:19]), false, line[20:]
		return true
	},
	parse: parseDpkg,
}

var dpkgActions = [...]string{"install ", "upgrade ", "remove ", "purge ", "configure ", "trigproc ", "status ", "startup ", "conffile ", "disappear "}

func dpkgAction(b []byte) bool {
	for _, a := range dpkgActions {
		if bytes.HasPrefix(b, []byte(a)) {
			return true
		}
	}
	return false
}

// parseDpkg gives the lines that change a package their meaning.
func parseDpkg(_ *clock, _ *Envelope, body []byte, r *culprit.Record) bool {
	f := strings.Fields(text(body))
	if len(f) < 3 {
		return false
	}
	switch f[0] {
	case "install", "upgrade", "remove", "purge":
	default:
		return false
	}
	r.Kind, r.Process = culprit.KindPackageChange, "dpkg"
	r.Attrs.Add("action", f[0])
	name, _, _ := strings.Cut(f[1], ":")
	r.Attrs.Add("package", name)
	if len(f) > 3 && f[2] != "<none>" {
		r.Attrs.Add("from_version", f[2])
	}
	if v := f[len(f)-1]; v != "<none>" && len(f) > 3 {
		r.Attrs.Add("version", v)
	}
	return true
}

// aptFormat is apt's history.log: a block for each run, which begins with its
// time and ends with End-Date.
var aptFormat = &format{
	name:   "apt_history",
	first:  "S",
	signs:  signColon,
	sticky: true,
	peel: func(c *clock, line []byte, e *Envelope) bool {
		at, ok := bytes.CutPrefix(line, []byte("Start-Date: "))
		if !ok {
			return false
		}
		// Two spaces stand between day and time.
		wall := make([]byte, 0, 20)
		for i, b := range at {
			if b != ' ' || i == 0 || at[i-1] != ' ' {
				wall = append(wall, b)
			}
		}
		s := c.scan(wall)
		if s.n < 19 || !s.clock {
			return false
		}
		e.Time, e.TimeText, e.Zoned, e.Body = s.t, text(at), false, line
		return true
	},
	parse: parseApt,
}

// parseApt reads a block of history.log.
func parseApt(_ *clock, _ *Envelope, body []byte, r *culprit.Record) bool {
	r.Kind, r.Process = culprit.KindPackageChange, "apt"
	var all []string
	for s := text(body); s != ""; {
		line, rest, _ := strings.Cut(s, "\n")
		s = rest
		key, v, ok := strings.Cut(line, ": ")
		if !ok {
			continue
		}
		switch key {
		case "Commandline":
			r.Attrs.Add("command", v)
		case "Requested-By":
			r.Attrs.Add("user", word(v))
		case "Install", "Upgrade", "Remove", "Purge", "Downgrade", "Reinstall":
			r.Attrs.Add("action", strings.ToLower(key))
			all = appendPackages(all, v)
		case "Error":
			r.Attrs.Add("error", v)
		}
	}
	if len(all) > 0 {
		r.Attrs.Add("package", all[0])
		r.Attrs.AddValue("packages", culprit.Strings(all))
	}
	return true
}

// maxPackages bounds the packages that are named.
const maxPackages = 64

// appendPackages reads "nodejs:amd64 (20.19.0-1, 20.20.2-1), libc6:amd64 (...)".
func appendPackages(all []string, s string) []string {
	for s != "" && len(all) < maxPackages {
		one, rest, _ := strings.Cut(s, "), ")
		s = rest
		name, _, _ := strings.Cut(word(one), ":")
		all = append(all, name)
	}
	return all
}

// parsePackage knows what package managers say elsewhere: yum, dnf,
// unattended-upgrades, snapd.
func parsePackage(_ *clock, e *Envelope, body []byte, r *culprit.Record) bool {
	s := firstLine(text(body))
	if len(s) < 10 || len(s) > 4096 || strings.IndexByte(packageBytes, s[0]) < 0 {
		return false
	}
	if list, ok := strings.CutPrefix(s, "Packages that will be upgraded: "); ok {
		names := strings.Fields(list)
		if len(names) == 0 {
			return false
		}
		r.Kind, r.Process = culprit.KindPackageChange, "unattended-upgrades"
		r.Attrs.Add("action", "upgrade")
		r.Attrs.Add("package", names[0])
		r.Attrs.AddValue("packages", culprit.Strings(names[:min(len(names), maxPackages)]))
		return true
	}
	switch e.Process {
	case "", "yum", "dnf", "dnf5", "packagekitd", "dnf-automatic":
	default:
		return false
	}
	for _, w := range yumWords {
		if name, ok := strings.CutPrefix(s, w.word); ok && strings.ContainsAny(name, ".-") && !strings.Contains(name, " ") {
			r.Kind = culprit.KindPackageChange
			r.Attrs.Add("action", w.action)
			r.Attrs.Add("package", name)
			return true
		}
	}
	return false
}

// packageBytes begin yumWords and "Packages that will be upgraded".
const packageBytes = "PIUERD"

var yumWords = []struct{ word, action string }{
	{"Installed: ", "install"}, {"Updated: ", "upgrade"}, {"Upgraded: ", "upgrade"}, {"Upgrade: ", "upgrade"}, {"Erased: ", "remove"}, {"Removed: ", "remove"}, {"Downgraded: ", "downgrade"},
}
