package parsers

import (
	"strings"

	"culprit"
)

// PM2's own log, ~/.pm2/pm2.log (lib/God.js, lib/God/*.js, lib/Worker.js of
// versions 0.7 to 6): "2026-11-22T10:00:01: PM2 log: App [admin:0] online". The
// time is a transport's; an app is named by name and id.

// parsePM2 knows the messages of PM2's daemon. r.Process becomes the app that a
// message is about.
func parsePM2(_ *clock, e *Envelope, body []byte, r *culprit.Record) bool {
	s := strings.TrimLeft(firstLine(text(body)), " ")
	own := e.pm2
	for _, p := range [...]string{"PM2 log: ", "PM2 error: ", "PM2 info: ", "PM2        | ", "PM2 | "} {
		if rest, ok := strings.CutPrefix(s, p); ok {
			s, own = rest, true
		}
	}
	s = strings.TrimRight(s, " ")
	if len(s) < 6 {
		return false
	}
	if strings.HasPrefix(e.Prefix, "PM2") || e.Process == "PM2" || e.Process == "pm2" {
		own = true
	}
	n := len(r.Attrs)
	if !pm2Message(own, s, r) {
		r.Attrs = r.Attrs[:n]
		return false
	}
	r.Message = s
	return true
}

func pm2Message(own bool, s string, r *culprit.Record) bool {
	switch s[0] {
	case 'A':
		return pm2App(s, r)
	case 'S':
		switch {
		case strings.HasPrefix(s, "Starting execution sequence in -"):
			// Starting execution sequence in -fork mode- for app name:server id:0
			_, app, ok := strings.Cut(s, " for app ")
			if !ok || !pm2Name(app, r) {
				return false
			}
			r.Kind = culprit.KindSpawned
			return true
		case strings.HasPrefix(s, "Stopping app:"):
			// Stopping app:server id:0
			if !pm2Name(s[len("Stopping app:"):], r) {
				return false
			}
			r.Kind = culprit.KindStopping
			return true
		case strings.HasPrefix(s, "Script "):
			// Script /srv/server.js had too many unstable restarts (16). Stopped. "errored"
			script, rest, ok := strings.Cut(s[len("Script "):], " had too many unstable restarts (")
			if !ok {
				return false
			}
			r.Kind = culprit.KindFatal
			r.Attrs.Add("script", script)
			if n, _, ok := number(rest); ok {
				r.Attrs.AddInt("restarts", n)
			}
			return true
		case own && strings.HasPrefix(s, "Stopping PM2"):
			r.Kind = culprit.KindStopping
			r.Process = "PM2"
			return true
		}
	case '[':
		return pm2Worker(own, s, r)
	case 'P':
		switch {
		case strings.HasPrefix(s, "Process with pid "):
			pid, rest, ok := number(s[len("Process with pid "):])
			if !ok {
				return false
			}
			switch {
			case strings.HasPrefix(rest, " still alive after "): // ... 1600ms, sending it SIGKILL now...
				r.Kind = culprit.KindKilling
				r.Attrs.Add("signal", "SIGKILL")
			case strings.HasPrefix(rest, " could not be killed"):
				r.Kind = culprit.KindKilling
			case rest == " killed", rest == " closed": // before 1.0
				r.Kind = culprit.KindKilled
			default:
				return false
			}
			r.PID = int(pid)
			return true
		case own && strings.HasPrefix(s, "PM2 successfully stopped"):
			r.Kind, r.Process = culprit.KindStopped, "PM2"
			return true
		}
	case 'L':
		if own && s == "Launching in no daemon mode" { // pm2-runtime
			return daemonStarted(r)
		}
	case 'p':
		// pid=1504 msg=process killed
		rest, ok := strings.CutPrefix(s, "pid=")
		if !ok {
			return false
		}
		pid, rest, ok := number(rest)
		if !ok {
			return false
		}
		switch {
		case rest == " msg=process killed", strings.HasPrefix(rest, " msg=process tree killed"):
			r.Kind = culprit.KindKilled
		case strings.HasPrefix(rest, " msg=failed to kill"):
			r.Kind = culprit.KindStopping
		default:
			return false
		}
		r.PID = int(pid)
		return true
	case '-':
		if strings.HasPrefix(s, "--- New PM2 Daemon started ---") {
			r.Kind, r.Process = culprit.KindDaemonStarted, "PM2"
			return true
		}
	case '=':
		if own && strings.Contains(s, " PM2 daemon started") {
			r.Kind, r.Process = culprit.KindDaemonStarted, "PM2"
			return true
		}
	case 'C':
		// Change detected on path dist/main.js for app admin - restarting
		if rest, ok := strings.CutPrefix(s, "Change detected on path "); ok {
			path, app, ok := strings.Cut(rest, " for app ")
			name, found := strings.CutSuffix(app, " - restarting")
			if !ok || !found {
				return false
			}
			r.Kind = culprit.KindStopping
			r.Process = name
			r.Attrs.Add("program", name)
			r.Attrs.Add("path", path)
			return true
		}
	}
	return false
}

// pm2App reads what begins with "App":
//
//	App [server] with id [0] and pid [60487], exited with code [1] via signal [SIGINT]
//	App [catalog:_old_2] exited with code [0] via signal [SIGKILL]
//	App name:server id:0 exited with code 1
//	App [server:0] starting in -fork mode-
//	App name:server id:0 online
func pm2App(s string, r *culprit.Record) bool {
	rest, ok := strings.CutPrefix(s, "App ")
	if !ok {
		return false
	}
	var what string
	if name, isNew := strings.CutPrefix(rest, "["); isNew {
		name, after, ok := strings.Cut(name, "]")
		if !ok {
			return false
		}
		if id, with, ok := strings.Cut(after, " with id ["); ok && id == "" {
			ref, tail, ok := strings.Cut(with, "]")
			if !ok {
				return false
			}
			pid, _, _ := number(value(tail, "and pid [", "]"))
			_, after, _ = strings.Cut(tail, "], ")
			after = " " + after
			pm2Ref(name, ref, r)
			r.PID = int(pid)
		} else {
			ref := ""
			if i := strings.LastIndexByte(name, ':'); i > 0 {
				name, ref = name[:i], name[i+1:]
			}
			pm2Ref(name, ref, r)
		}
		what = strings.TrimLeft(after, " ")
	} else {
		i := strings.LastIndex(rest, " id:")
		if i < 0 || !pm2Name(rest, r) {
			return false
		}
		_, what, _ = strings.Cut(rest[i+len(" id:"):], " ")
	}
	switch {
	case strings.HasPrefix(what, "exited with code "):
		r.Kind = culprit.KindExited
		if n, _, ok := number(strings.TrimPrefix(what[len("exited with code "):], "[")); ok {
			r.Attrs.AddInt("exit_status", n)
		}
		r.Attrs.Add("signal", value(what, " via signal [", "]"))
	case what == "exited": // before 1.0
		r.Kind = culprit.KindExited
	case what == "online", strings.HasPrefix(what, "launched"):
		r.Kind = culprit.KindRunning
	case strings.HasPrefix(what, "starting in -"):
		r.Kind = culprit.KindSpawned
	case strings.HasPrefix(what, "will restart in "):
		r.Kind = culprit.KindWaiting
		if n, _, ok := number(what[len("will restart in "):]); ok {
			r.Attrs.AddInt("delay_ms", n)
		}
	case strings.HasPrefix(what, "disconnected"):
		r.Kind = culprit.KindStopping
	case strings.HasPrefix(what, "with id ["), strings.HasPrefix(what, "stopped"):
		r.Kind = culprit.KindStopped
	default:
		return false
	}
	return true
}

// pm2Name reads "name:server id:0" or, without the word, "server id:0".
func pm2Name(s string, r *culprit.Record) bool {
	s = strings.TrimPrefix(s, "name:")
	i := strings.LastIndex(s, " id:")
	if i <= 0 {
		return false
	}
	pm2Ref(s[:i], word(s[i+len(" id:"):]), r)
	return true
}

// pm2Ref says which app a record is about. The id of an app that is being
// replaced is "_old_2".
func pm2Ref(name, ref string, r *culprit.Record) {
	r.Process, r.PID = name, 0
	r.Attrs.Add("program", name)
	if n, rest, ok := number(ref); ok && rest == "" {
		r.Attrs.AddInt("app_id", n)
	} else {
		r.Attrs.Add("app_ref", ref)
	}
}

// pm2Worker reads
//
//	[PM2][WORKER] Process 2 restarted because it exceeds --max-memory-restart value (current_memory=325292032 max_memory_limit=262144000 [octets])
func pm2Worker(own bool, s string, r *culprit.Record) bool {
	if s == "[[[[ PM2/God daemon launched ]]]]" { // before 1.0
		return daemonStarted(r)
	}
	if strings.HasPrefix(s, "[HandleExit] PM2 is being killed") {
		r.Kind, r.Process = culprit.KindStopping, "PM2"
		return true
	}
	rest, ok := strings.CutPrefix(s, "[PM2]")
	if !ok {
		return false
	}
	rest = strings.TrimLeft(strings.TrimPrefix(rest, "[WORKER]"), " ")
	if p, ok := strings.CutPrefix(rest, "Process "); ok {
		ref, why, ok := strings.Cut(p, " restarted because it ")
		if !ok {
			return false
		}
		if n, end, ok := number(ref); ok && end == "" {
			r.Attrs.AddInt("app_id", n)
		} else {
			pm2Ref(ref, "", r)
		}
		r.Kind = culprit.KindStopping
		if strings.HasPrefix(why, "exceeds --max-memory-restart") {
			r.Kind = culprit.KindMemoryRestart
		}
		if n, _, ok := number(value(why, "current_memory=", " ")); ok {
			r.Attrs.AddInt("current_memory", n)
		}
		if n, _, ok := number(value(why, "max_memory_limit=", " ")); ok {
			r.Attrs.AddInt("max_memory_limit", n)
		}
		return true
	}
	return own && strings.HasPrefix(rest, "PM2 Successfully daemonized") && daemonStarted(r)
}

func daemonStarted(r *culprit.Record) bool {
	r.Kind, r.Process = culprit.KindDaemonStarted, "PM2"
	return true
}
