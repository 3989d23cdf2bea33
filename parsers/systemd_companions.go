package parsers

import (
	"strings"

	"culprit"
)

// The messages of systemd's companions (systemd-oomd, systemd-coredump,
// journald, logind, timesyncd) and of others who do the same work: rsyslog
// drops messages, chrony and ntpd set the clock.

// oomdRule joins what systemd-oomd considered with what it killed.
var oomdRule = &rule{
	name:  "oomd",
	first: "C",
	head: func(e *Envelope, body []byte) bool {
		return e.Process == "systemd-oomd" && strings.HasPrefix(text(body), "Considered ")
	},
	next: func(_ *Envelope, body []byte, _ *int) step {
		s := text(body)
		switch {
		case strings.HasPrefix(s, "Killed "), strings.HasPrefix(s, "Marked "):
			return stepLast
		case len(s) > 0 && (s[0] == ' ' || s[0] == '\t'):
			return stepJoin
		}
		return stepEnd
	},
}

// coredumpRule joins the stack traces of systemd-coredump where each of their
// lines has an envelope.
var coredumpRule = &rule{
	name:  "coredump",
	first: "P" + helpMark[:1],
	head: func(e *Envelope, body []byte) bool {
		return e.Process == "systemd-coredump" && strings.HasPrefix(strings.TrimPrefix(text(body), helpMark), "Process ")
	},
	next: func(_ *Envelope, body []byte, _ *int) step {
		s := strings.TrimLeft(text(body), " \t")
		switch {
		case s == "":
			return stepMaybe
		case s[0] == '#', strings.HasPrefix(s, "Stack trace of thread "), strings.HasPrefix(s, "ELF object binary architecture"),
			strings.HasPrefix(s, "Module "), strings.HasPrefix(s, "Found module "), strings.HasPrefix(s, "Metadata for module "):
			return stepJoin
		}
		return stepEnd
	},
}

// parseCompanion knows the messages of systemd's companions.
func parseCompanion(c *clock, e *Envelope, body []byte, r *culprit.Record) bool {
	s := text(body)
	switch e.Process {
	case "":
		if strings.HasPrefix(s, "systemd-oomd[") { // someone cut time and host
			if tag, id, k := tagOf(body); k > 0 && string(tag) == "systemd-oomd" && oomd(s[k:], r) {
				r.Process, r.PID = "systemd-oomd", id
				return true
			}
		}
	case "systemd-oomd":
		return oomd(s, r)
	case "systemd-coredump":
		return coredump(s, r)
	case "systemd-journald", "systemd-journal", "journal", "journald":
		return journald(s, r)
	case "systemd-logind":
		return logind(s, r)
	case "systemd-shutdown":
		if strings.HasPrefix(s, "Syncing filesystems") || strings.HasPrefix(s, "Sending SIGTERM to remaining processes") {
			r.Kind = culprit.KindHostShutdown
			return true
		}
	case "rsyslogd", "rsyslogd-2177", "rsyslog":
		return rsyslog(s, r)
	case "systemd-timesyncd", "chronyd", "ntpd", "systemd-timedated", "VBoxService", "vmtoolsd":
		return clockSet(s, r)
	}
	if strings.HasPrefix(e.Process, "rsyslogd-") {
		return rsyslog(s, r)
	}
	return false
}

// oomd reads "Killed /system.slice/a.service due to memory pressure for
// /system.slice being 91.73% > 50.00% for > 20s with reclaim activity".
func oomd(s string, r *culprit.Record) bool {
	if strings.HasPrefix(s, "Considered ") {
		i := max(strings.LastIndex(s, "\nKilled "), strings.LastIndex(s, "\nMarked "))
		if i < 0 {
			return false
		}
		s = s[i+1:]
	}
	s = firstLine(s)
	rest, ok := strings.CutPrefix(s, "Killed ")
	if !ok { // from 259 on: Marked /system.slice/a.service for killing due to ...
		rest, ok = strings.CutPrefix(s, "Marked ")
	}
	if !ok || rest == "" || rest[0] != '/' {
		return false
	}
	group, why, _ := strings.Cut(rest, " due to ")
	group = strings.TrimSuffix(group, " for killing")
	r.Kind = culprit.KindOOMDKill
	r.Message = s
	r.Attrs.Add("cgroup", group)
	if u := unitOfCgroup(group); u != "" {
		r.Unit = u
	}
	switch {
	case strings.HasPrefix(why, "memory pressure for "):
		r.Attrs.Add("reason", "memory pressure")
		if on, pct, ok := strings.Cut(why[len("memory pressure for "):], " being "); ok {
			r.Attrs.Add("pressured_cgroup", on)
			if is, limit, ok := strings.Cut(pct, " > "); ok {
				r.Attrs.Add("pressure_percent", is)
				r.Attrs.Add("limit_percent", word(limit))
			}
		}
	case strings.HasPrefix(why, "memory used ("):
		// memory used (1.9G) / total (2.0G) and swap used (1.9G) / total (2.0G) being more than 90.00%
		r.Attrs.Add("reason", "memory and swap")
		r.Attrs.Add("limit_percent", word(value(why, "more than ", " ")))
	case strings.HasPrefix(why, "swap used"):
		r.Attrs.Add("reason", "swap")
		r.Attrs.Add("limit_percent", word(value(why, "more than ", " ")))
	}
	return true
}

// helpMark stands before messages that journalctl -x explains, from 254 on.
const helpMark = "[🡕] "

// coredump reads "Process 1478 (node) of user 999 dumped core.".
func coredump(s string, r *culprit.Record) bool {
	s = strings.TrimPrefix(firstLine(s), helpMark)
	rest, ok := strings.CutPrefix(s, "Process ")
	if !ok {
		return false
	}
	pid, rest, ok := number(rest)
	comm, of, found := strings.Cut(rest, ") of user ")
	if !ok || !found || !strings.HasPrefix(comm, " (") {
		return false
	}
	uid, end, ok := number(of)
	// From 253 on "terminated abnormally with signal 6/ABRT, processing..." comes first, and this once it is done.
	if !ok || !strings.HasPrefix(end, " dumped core") && !strings.HasPrefix(end, " terminated abnormally without generating a coredump") {
		return false
	}
	r.Kind = culprit.KindCoredump
	r.Message = s
	r.Attrs.AddInt("victim_pid", pid)
	r.Attrs.Add("comm", comm[2:])
	r.Attrs.AddInt("uid", uid)
	return true
}

// journald knows where journald dropped messages, and jumps of the clock.
func journald(s string, r *culprit.Record) bool {
	switch {
	case strings.HasPrefix(s, "Suppressed "):
		// Suppressed 1234 messages from shop-api.service; before 240: from /system.slice/shop-api.service
		n, rest, ok := number(s[len("Suppressed "):])
		_, from, found := strings.Cut(rest, " from ")
		if !ok || !found {
			return false
		}
		r.Kind = culprit.KindJournalSuppressed
		r.Attrs.AddInt("count", n)
		from = word(from)
		if from != "" && from[0] == '/' {
			if u := unitOfCgroup(from); u != "" {
				from = u
			}
		}
		r.Unit = from
	case strings.HasPrefix(s, "Missed ") && strings.HasSuffix(strings.TrimSuffix(s, "."), " kernel messages"):
		r.Kind = culprit.KindJournalSuppressed
		if n, _, ok := number(s[len("Missed "):]); ok {
			r.Attrs.AddInt("count", n)
		}
		r.Unit = ""
		r.Attrs.Add("from", "kernel")
	case strings.HasPrefix(s, "Time jumped backwards"), strings.HasPrefix(s, "Realtime clock jumped backwards"), strings.HasPrefix(s, "Time spent backwards"):
		r.Kind = culprit.KindTimeJump
	default:
		return false
	}
	if r.Kind == culprit.KindJournalSuppressed {
		r.Mark |= culprit.MarkSuppressed
	}
	r.Message = s
	return true
}

// rsyslog knows where rsyslog dropped messages: "imuxsock lost 419 messages
// from pid 3287 due to rate-limiting", "imjournal: 1234 messages lost due to
// rate-limiting", "imuxsock[pid 7]: begin to drop messages due to rate-limiting".
func rsyslog(s string, r *culprit.Record) bool {
	if !strings.Contains(s, "rate-limiting") {
		return false
	}
	r.Kind = culprit.KindJournalSuppressed
	r.Mark |= culprit.MarkSuppressed
	for _, f := range [...]string{" lost ", "imjournal: ", ": "} {
		if i := strings.Index(s, f); i >= 0 {
			if n, _, ok := number(s[i+len(f):]); ok {
				r.Attrs.AddInt("count", n)
				break
			}
		}
	}
	if n, _, ok := number(value(s, "pid ", " ")); ok {
		r.Attrs.AddInt("from_pid", n)
	}
	return true
}

// logind knows logins and orders to go down.
func logind(s string, r *culprit.Record) bool {
	switch {
	case strings.HasPrefix(s, "New session "):
		// New session 5 of user deploy.  From 256 on: New session '5' of user 'deploy' with class 'user' and type 'tty'.
		_, user, ok := strings.Cut(s, " of user ")
		if !ok {
			return false
		}
		r.Kind = culprit.KindLogin
		r.Attrs.Add("user", strings.Trim(word(user), "'."))
	case strings.HasPrefix(s, "System is powering down"), strings.HasPrefix(s, "System is rebooting"), strings.HasPrefix(s, "System is halting"),
		strings.HasPrefix(s, "The system will reboot now"), strings.HasPrefix(s, "The system will power off now"), strings.HasPrefix(s, "The system will halt now"),
		s == "Powering off...", s == "Rebooting...", s == "Halting...":
		r.Kind = culprit.KindHostShutdown
	default:
		return false
	}
	return true
}

// clockSet knows steps of the clock.
func clockSet(s string, r *culprit.Record) bool {
	switch {
	case strings.HasPrefix(s, "System clock was stepped by "): // chronyd
		r.Attrs.Add("step_seconds", word(s[len("System clock was stepped by "):]))
	case strings.HasPrefix(s, "time reset "), strings.HasPrefix(s, "time stepped by "), strings.HasPrefix(s, "step time server "): // ntpd
	case strings.Contains(s, "ward time jump detected"): // chronyd
	case strings.HasPrefix(s, "System clock time unset or jumped backwards"), strings.HasPrefix(s, "Changed local time to "): // timesyncd, timedated
	default:
		return false
	}
	r.Kind = culprit.KindTimeJump
	return true
}
