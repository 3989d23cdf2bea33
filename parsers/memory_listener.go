package parsers

import (
	"strings"

	"culprit"
)

// Programs that watch the memory of others and end them: superlance's memmon,
// and listeners that people write for supervisor, monit and the like.

// memoryWords are those of memmon, limitExceeded and httpok.
var memoryWords = phrases("RSS of ", "Restarting ", "Failed to stop process ", " restarted the process named ", "emory", "MEMORY", "rss limit", "RSS limit", " is in RUNNING state, restarting")

// limitWords are those of a limit of memory that limitExceeded knows.
var limitWords = stems("limit", "threshold", "quota", "max memory")

// parseMemoryListener knows their lines.
func parseMemoryListener(c *clock, e *Envelope, body []byte, r *culprit.Record) bool {
	s := strings.TrimRight(firstLine(text(body)), " ")
	if len(s) < 12 {
		return false
	}
	n := len(r.Attrs)
	if !memmon(c, s, r) && !limitExceeded(e, s, r) && !httpok(e, s, r) {
		r.Attrs = r.Attrs[:n]
		return false
	}
	return true
}

// memmon reads superlance's memmon.py:
//
//	RSS of orders:orders is 51613696
//	Restarting orders:orders
//	memmon.py restarted the process named orders:orders at Sun Nov 22 19:51:06 2026 because it was consuming too much memory (180576256 bytes RSS)
func memmon(c *clock, s string, r *culprit.Record) bool {
	switch s[0] {
	case 'R':
		if rest, ok := strings.CutPrefix(s, "RSS of "); ok {
			name, rss, ok := strings.Cut(rest, " is ")
			n, end, isNum := number(rss)
			if !ok || !isNum || end != "" || strings.Contains(name, " ") && !strings.HasSuffix(name, " and its children") {
				return false
			}
			watched(name, r)
			r.Kind = culprit.KindMemoryReport
			r.Attrs.AddInt("rss", n)
			return true
		}
		if name, ok := strings.CutPrefix(s, "Restarting "); ok {
			// Only group:program is surely memmon's.
			if strings.ContainsAny(name, " .") || strings.Count(name, ":") != 1 || r.Process != "" && !listenerName(r.Process) {
				return false
			}
			watched(name, r)
			r.Kind = culprit.KindMemoryRestart
			return true
		}
	case 'F':
		// Failed to stop process orders:orders (RSS 180576256), exiting: <Fault ...>
		if rest, ok := strings.CutPrefix(s, "Failed to stop process "); ok && strings.Contains(rest, "(RSS ") {
			watched(word(rest), r)
			r.Kind = culprit.KindMemoryLimitExceeded
			if n, _, ok := number(value(rest, "(RSS ", ")")); ok {
				r.Attrs.AddInt("rss", n)
			}
			return true
		}
	}
	_, rest, ok := strings.Cut(s, " restarted the process named ")
	if !ok {
		return false
	}
	name, rest, ok := strings.Cut(rest, " at ")
	if !ok {
		return false
	}
	when, why, ok := strings.Cut(rest, " because it was consuming too much memory")
	if !ok {
		return false
	}
	watched(name, r)
	r.Kind = culprit.KindMemoryRestart
	if n, _, ok := number(value(why, "(", " ")); ok {
		r.Attrs.AddInt("rss", n)
	}
	// time.asctime(): local time. The report is written when the program is up again.
	if st := c.scan([]byte(when)); r.Time.IsZero() && st.n == len(when) && !st.t.IsZero() {
		r.Time, r.TimeText = st.t, when
	}
	return true
}

// watched says which program a listener's line is about: "group:program", where
// the group of a single program has its name.
func watched(name string, r *culprit.Record) {
	name = strings.TrimSuffix(name, " and its children")
	if g, p, ok := strings.Cut(name, ":"); ok {
		if g != p {
			r.Attrs.Add("group", g)
		}
		name = p
	}
	r.Process, r.PID = name, 0
	r.Attrs.Add("program", name)
}

// limitExceeded knows the sentence that a watcher of memory writes in its own
// words: it names a memory limit, that it was exceeded, and what is done about
// it, or the writer is a watcher by its name.
func limitExceeded(e *Envelope, s string, r *culprit.Record) bool {
	if e.Facility == "kernel" || e.Process == "kernel" || len(s) > 512 {
		return false
	}
	if !e.holds(s, limitWords) || !strings.Contains(s, "emory") && !strings.Contains(s, "MEMORY") && !strings.Contains(s, "rss limit") && !strings.Contains(s, "RSS limit") {
		return false
	}
	limit := containsFold(s, "memory limit") || containsFold(s, "memory usage limit") || containsFold(s, "memory threshold") || containsFold(s, "memory quota") ||
		containsFold(s, "max memory") || containsFold(s, "rss limit")
	if !limit || !containsFold(s, "exceed") && !containsFold(s, "over ") && !containsFold(s, "reached") && !containsFold(s, "above ") {
		return false
	}
	process := containsFold(s, "process") || containsFold(s, "worker") || containsFold(s, "program") || containsFold(s, "service")
	acts := containsFold(s, "terminat") || containsFold(s, "kill") || containsFold(s, "restart") || containsFold(s, "stopping")
	if !listenerName(e.Process) && (!process || !acts || e.Format == "" && r.Service != "") {
		return false
	}
	r.Kind = culprit.KindMemoryLimitExceeded
	if i := strings.IndexAny(s, `'"`); i >= 0 {
		if q := s[i+1:]; strings.IndexByte(q, s[i]) > 0 {
			if name := q[:strings.IndexByte(q, s[i])]; !strings.Contains(name, " ") {
				r.Attrs.Add("program", name)
			}
		}
	}
	return true
}

// listenerName reports whether a program is by its name one that watches
// others.
func listenerName(s string) bool {
	switch s {
	case "supervisor", "supervisord", "memmon", "memmon.py", "superlance", "monit", "god", "bluepill", "pm2", "PM2", "watchdog":
		return true
	}
	return containsFold(s, "memory") || containsFold(s, "memmon") || containsFold(s, "memwatch") || containsFold(s, "guard")
}

// httpok reads superlance's httpok.py, which restarts programs that do not
// answer: "Restarting selected processes ['orders']", "orders is in RUNNING
// state, restarting".
func httpok(e *Envelope, s string, r *culprit.Record) bool {
	if e.Process != "" && !strings.HasPrefix(e.Process, "httpok") {
		return false
	}
	name, ok := strings.CutSuffix(s, " is in RUNNING state, restarting")
	if !ok || strings.Contains(name, " ") {
		return false
	}
	watched(name, r)
	r.Kind = culprit.KindKilling
	r.Attrs.Add("reason", "no answer to HTTP")
	return true
}
