package parsers

import (
	"strings"

	"culprit"
)

// supervisord's own log (supervisor/process.py, supervisord.py, options.py of
// versions 2 to 4): "2026-11-22 17:46:01,135 INFO spawned: 'ledger' with pid
// 1504". Its syslog and journal output repeat that line, time included.

// supervisorFormat takes the time and the level off a line of supervisord.
var supervisorFormat = &format{
	name:  "supervisor",
	first: "0123456789",
	peel: func(c *clock, line []byte, e *Envelope) bool {
		// 2026-11-22 17:46:01,135 INFO text
		if len(line) < 29 || line[4] != '-' || line[10] != ' ' || line[19] != ',' || line[23] != ' ' || line[28] != ' ' {
			return false
		}
		sev, ok := supervisorLevel(text(line[24:28]))
		if !ok {
			return false
		}
		s := c.scan(line)
		if s.n != 23 {
			return false
		}
		e.Time, e.TimeText, e.Zoned, e.Severity, e.Body = s.t, text(line[:23]), false, sev, line[29:]
		return true
	},
}

// supervisorLevel returns the severity of supervisor/loggers.py's level names.
func supervisorLevel(s string) (culprit.Severity, bool) {
	switch s {
	case "CRIT":
		return culprit.SeverityCritical, true
	case "ERRO":
		return culprit.SeverityError, true
	case "WARN":
		return culprit.SeverityWarning, true
	case "INFO":
		return culprit.SeverityInfo, true
	case "DEBG", "TRAC", "BLAT":
		return culprit.SeverityDebug, true
	}
	return culprit.SeverityNone, false
}

// parseSupervisor knows the messages of supervisord. r.Process becomes the
// program that a message is about.
func parseSupervisor(_ *clock, e *Envelope, body []byte, r *culprit.Record) bool {
	if e.Process != "" && e.Process != "supervisord" && e.Process != "supervisor" {
		return false
	}
	s := firstLine(text(body))
	if len(s) < 6 {
		return false
	}
	sev := culprit.SeverityNone
	if s[4] == ' ' { // a line whose time was cut off
		if level, ok := supervisorLevel(s[:4]); ok {
			s, sev = s[5:], level
		}
	}
	n := len(r.Attrs)
	if s == "" || !supervisorMessage(e, s, r) {
		r.Attrs = r.Attrs[:n]
		return false
	}
	if sev != culprit.SeverityNone {
		r.Severity = sev
	}
	r.Message = s
	return true
}

func supervisorMessage(e *Envelope, s string, r *culprit.Record) bool {
	switch s[0] {
	case 's':
		switch {
		case strings.HasPrefix(s, "spawned: "):
			// spawned: 'ledger' with pid 1504
			name := s[len("spawned: "):]
			i := strings.LastIndex(name, " with pid ")
			if i < 0 {
				return false
			}
			pid, _, ok := number(name[i+len(" with pid "):])
			if !ok {
				return false
			}
			program(name[:i], r)
			r.Kind, r.PID = culprit.KindSpawned, int(pid)
			return true
		case strings.HasPrefix(s, "success: "):
			name, _, ok := strings.Cut(s[len("success: "):], " entered RUNNING state")
			if !ok {
				return false
			}
			program(name, r)
			r.Kind = culprit.KindRunning
			if n, _, ok := number(value(s, "for > than ", " ")); ok {
				r.Attrs.AddInt("startsecs", n)
			}
			return true
		case strings.HasPrefix(s, "stopped: "):
			r.Kind = culprit.KindStopped
			return waitStatus(s[len("stopped: "):], r)
		case strings.HasPrefix(s, "spawnerr: "):
			r.Kind = culprit.KindSpawnError
			return spawnError(s[len("spawnerr: "):], r)
		case strings.HasPrefix(s, "supervisord started with pid "):
			pid, _, ok := number(s[len("supervisord started with pid "):])
			if !ok {
				return false
			}
			r.Kind, r.Process, r.PID = culprit.KindSupervisorStarted, "supervisord", int(pid)
			return true
		case strings.HasPrefix(s, "supervisord "):
			return supervisorInfo(r)
		}
	case 'e':
		if strings.HasPrefix(s, "exited: ") {
			r.Kind = culprit.KindExited
			return waitStatus(s[len("exited: "):], r)
		}
	case 'g':
		// gave up: ledger entered FATAL state, too many start retries too quickly
		if name, ok := strings.CutPrefix(s, "gave up: "); ok {
			if name, _, ok = strings.Cut(name, " entered FATAL state"); !ok {
				return false
			}
			program(name, r)
			r.Kind = culprit.KindFatal
			return true
		}
	case 'w':
		if who, ok := strings.CutPrefix(s, "waiting for "); ok {
			one, ok := strings.CutSuffix(who, " to stop")
			if !ok {
				if one, ok = strings.CutSuffix(who, " to die"); !ok {
					return false
				}
			}
			if !strings.Contains(one, ",") {
				program(one, r)
			} else {
				manager(r)
				r.Attrs.AddValue("programs", culprit.Strings(strings.Split(one, ", ")))
			}
			r.Kind = culprit.KindWaiting
			return true
		}
	case 'k':
		return supervisorKill(s, r)
	case 'r':
		switch {
		case strings.HasPrefix(s, "received SIG"):
			// received SIGTERM indicating exit request
			sig, what, ok := strings.Cut(s[len("received "):], " indicating ")
			if !ok {
				return false
			}
			manager(r)
			r.Kind = culprit.KindSupervisorSignal
			r.Attrs.Add("signal", sig)
			r.Attrs.Add("meaning", what)
			return true
		case strings.HasPrefix(s, "reaped unknown pid "):
			return supervisorInfo(r)
		}
	case 'c':
		// In the program's own stderr: what the child wrote before it could become the program.
		if strings.HasPrefix(s, "couldn't exec ") || strings.HasPrefix(s, "couldn't chdir to ") || strings.HasPrefix(s, "couldn't setuid to ") {
			return childError(s, r)
		}
		if s == "child process was not spawned" {
			r.Kind = culprit.KindSpawnError
			return true
		}
		return strings.HasPrefix(s, "captured ") && e.Format == supervisorFormat.name && supervisorInfo(r)
	}
	if s, ok := strings.CutPrefix(s, "supervisor: "); ok && e.Process == "" && s != "" && s[0] == 'c' {
		return supervisorMessage(e, s, r)
	}
	for _, p := range supervisorPhrases {
		if strings.HasPrefix(s, p) {
			return supervisorInfo(r)
		}
	}
	return false
}

// supervisorPhrases begin other messages of supervisord.
var supervisorPhrases = []string{
	"Supervisor running as root", "Supervisor is running as root", "Server '", "Set uid to user ", "Included extra file ", "Included from file ", "RPC interface '",
	"Increased ", "Unlinking stale socket ", "Creating socket ", "Closing socket ", "daemonizing the supervisord process", "No file matches via include",
	"cElementTree not installed", "process '", "Clearing ", "uncaptured python exception", "Can't drop privilege", "Bad log level", "Dropped privileges",
	"Cannot open an HTTP server", "killing the eventlistener",
}

// supervisorWords are of all messages that supervisorMessage knows.
var supervisorWords = phrases(append([]string{
	"spawned: ", "success: ", "stopped: ", "spawnerr: ", "supervisord ", "exited: ", "gave up: ", "waiting for ", "killing ", "received SIG", "reaped unknown pid ",
	"couldn't ", "child process was not spawned", "captured ",
}, supervisorPhrases...)...)

func supervisorInfo(r *culprit.Record) bool {
	manager(r)
	r.Kind = culprit.KindSupervisorInfo
	return true
}

// manager says that a record is about supervisord itself.
func manager(r *culprit.Record) {
	if r.Process == "" {
		r.Process = "supervisord"
	}
}

// program says which program a record is about; the id in the envelope is the
// manager's, not the program's.
func program(name string, r *culprit.Record) {
	if n := len(name); n >= 2 && name[0] == '\'' && name[n-1] == '\'' {
		name = name[1 : n-1]
	}
	r.Process, r.PID = name, 0
	r.Attrs.Add("program", name)
}

// waitStatus reads what decode_wait_status of options.py writes:
//
//	ledger (exit status 1; not expected)
//	ledger (terminated by SIGKILL; not expected)
//	ledger (terminated by SIGSEGV (core dumped); not expected)
//	ledger (exit status 0)
func waitStatus(s string, r *culprit.Record) bool {
	name, why, ok := strings.Cut(s, " (")
	if !ok || !strings.HasSuffix(why, ")") {
		r.Kind = ""
		return false
	}
	program(name, r)
	why = why[:len(why)-1]
	if how, exp, ok := strings.Cut(why, "; "); ok {
		why = how
		r.Attrs.AddBool("expected", exp == "expected")
	}
	if st, ok := strings.CutPrefix(why, "exit status "); ok {
		neg := strings.HasPrefix(st, "-")
		if n, _, ok := number(strings.TrimPrefix(st, "-")); ok {
			if neg {
				n = -n
			}
			r.Attrs.AddInt("exit_status", n)
		}
	} else if sig, ok := strings.CutPrefix(why, "terminated by "); ok {
		if sig, ok = strings.CutSuffix(sig, " (core dumped)"); ok {
			r.Attrs.AddBool("core_dumped", true)
		}
		if n, ok := strings.CutPrefix(sig, "signal "); ok { // a signal without a name
			sig = n
		}
		r.Attrs.Add("signal", sig)
	}
	return true
}

// supervisorKill reads "killing 'ledger' (1504) with SIGKILL" and its debug
// form "killing ledger (pid 1504) with signal SIGTERM".
func supervisorKill(s string, r *culprit.Record) bool {
	rest, ok := strings.CutPrefix(s, "killing ")
	if !ok {
		return false
	}
	i := strings.LastIndex(rest, " with ")
	open := strings.LastIndex(rest, " (")
	if i < 0 || open < 0 || open > i {
		return false
	}
	pid, _, ok := number(strings.TrimPrefix(rest[open+2:], "pid "))
	if !ok {
		return false
	}
	program(rest[:open], r)
	r.Kind, r.PID = culprit.KindKilling, int(pid)
	r.Attrs.Add("signal", strings.TrimPrefix(rest[i+len(" with "):], "signal "))
	return true
}

// spawnError reads what stands behind "spawnerr: ".
func spawnError(s string, r *culprit.Record) bool {
	manager(r)
	switch {
	case strings.HasPrefix(s, "can't find command "), strings.HasPrefix(s, "command at "), strings.HasPrefix(s, "no permission to run command "):
		if open := strings.IndexByte(s[6:], '\''); open >= 0 { // behind the apostrophe of "can't"
			r.Attrs.Add("command", value(s[6+open:], "'", "'"))
		}
	case strings.Contains(s, " for '"):
		program(value(s, " for '", "'"), r)
	case strings.Contains(s, "to spawn '"):
		program(value(s, "to spawn '", "'"), r)
	}
	if i := strings.LastIndex(s, ": "); i >= 0 {
		r.Attrs.Add("errno_name", s[i+2:])
	}
	return true
}

// childError reads "couldn't exec node: ENOENT".
func childError(s string, r *culprit.Record) bool {
	r.Kind = culprit.KindSpawnError
	what, errno, ok := strings.Cut(s, ": ")
	if ok {
		r.Attrs.Add("errno_name", errno)
	}
	if c, ok := strings.CutPrefix(what, "couldn't exec "); ok {
		r.Attrs.Add("command", c)
	}
	return true
}
