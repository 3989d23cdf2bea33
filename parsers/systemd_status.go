package parsers

import (
	"strings"

	"culprit"
)

// The output of systemctl status: what a unit has been since when. It is one
// record up to the unit's own log lines:
//
//	× shop-api.service - Shop API (NestJS)
//	     Loaded: loaded (/etc/systemd/system/shop-api.service; enabled; preset: enabled)
//	     Active: failed (Result: exit-code) since Sun 2026-11-22 10:00:05 CET; 3min ago
//	   Main PID: 1234 (code=exited, status=1/FAILURE)

var statusRule = &rule{
	name:  "systemctl_status",
	words: unitWords,
	head: func(e *Envelope, body []byte) bool {
		if e.Process != "" || len(body) < 8 {
			return false
		}
		unit, _ := statusUnit(text(body))
		return unit != ""
	},
	next: func(_ *Envelope, body []byte, _ *int) step {
		if len(body) > 0 && (body[0] == ' ' || body[0] == '\t') {
			return stepJoin
		}
		return stepEnd
	},
}

var statusMarks = [...]string{"● ", "○ ", "× ", "↻ ", "* ", "x "}

// statusUnit returns the unit and the description of the first line.
func statusUnit(s string) (unit, desc string) {
	for _, m := range statusMarks {
		if rest, ok := strings.CutPrefix(s, m); ok {
			s = rest
			break
		}
	}
	if len(s) > 512 {
		return "", ""
	}
	unit, desc, _ = strings.Cut(s, " - ")
	if !unitName(unit) {
		return "", ""
	}
	return unit, desc
}

// parseStatus reads the block.
func parseStatus(c *clock, e *Envelope, body []byte, r *culprit.Record) bool {
	if e.Process != "" {
		return false
	}
	first, rest, ok := strings.Cut(text(body), "\n")
	unit, desc := statusUnit(first)
	if !ok || unit == "" {
		return false
	}
	n := len(r.Attrs)
	known := false
	for rest != "" {
		line, after, _ := strings.Cut(rest, "\n")
		rest = after
		key, v, ok := strings.Cut(strings.TrimLeft(line, " \t"), ": ")
		if !ok {
			continue
		}
		switch key {
		case "Active":
			known = activeState(c, v, r)
		case "Main PID":
			pid, how, ok := number(v)
			if !ok {
				continue
			}
			r.Attrs.AddInt("main_pid", pid)
			if code := value(how, "(", ")"); strings.HasPrefix(code, "code=") {
				kind := r.Kind
				exitStatus(code, r)
				r.Kind = kind
			} else {
				r.Attrs.Add("comm", code)
			}
		case "Memory":
			r.Attrs.Add("memory", word(v))
			if limit := value(v, "max: ", ")"); limit != "" {
				r.Attrs.Add("memory_max", word(limit))
			}
		}
	}
	if !known {
		r.Attrs = r.Attrs[:n]
		r.Kind = ""
		return false
	}
	r.Unit, r.Process, r.Message = unit, "systemctl", first
	r.Attrs.Add("unit_description", desc)
	return true
}

// activeState reads "failed (Result: exit-code) since Sun 2026-11-22 10:00:05 CET; 3min ago".
func activeState(c *clock, s string, r *culprit.Record) bool {
	state, since, timed := strings.Cut(s, " since ")
	result := value(state, "(Result: ", ")")
	active, sub, _ := strings.Cut(state, " ")
	switch active {
	case "failed":
		r.Kind = culprit.KindFailedResult
	case "active":
		r.Kind = culprit.KindStarted
	case "inactive":
		r.Kind = culprit.KindDeactivated
	case "activating":
		r.Kind = culprit.KindStarting
		if strings.HasPrefix(sub, "(auto-restart)") {
			r.Kind = culprit.KindRestartScheduled
		}
	case "deactivating":
		r.Kind = culprit.KindStopping
	case "reloading":
		r.Kind = culprit.KindReloading
	default:
		return false
	}
	r.Attrs.Add("state", strings.TrimSpace(strings.TrimSuffix(state, "(Result: "+result+")")))
	r.Attrs.Add("result", result)
	if at, _, ok := strings.Cut(since, ";"); timed && ok {
		if st := c.scan([]byte(at)); st.n == len(at) && !st.t.IsZero() {
			r.Time, r.TimeText = st.t, at
		}
	}
	return true
}
