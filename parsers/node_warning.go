package parsers

import (
	"strings"

	"culprit"
)

// warningRule: a warning of Node, with its stack or the advice how to get one.
var warningRule = &rule{
	name:  "node_warning",
	first: warningBytes,
	head: func(_ *Envelope, body []byte) bool {
		_, _, ok := warningHead(text(body))
		return ok
	},
	start: func(body []byte) int {
		if strings.Contains(text(begin(body)), "RejectionWarning: ") {
			return phaseText
		}
		return phaseText | plainBit
	},
	next: func(_ *Envelope, body []byte, state *int) step {
		s := text(body)
		if strings.HasPrefix(s, " (node:") {
			return stepEnd
		}
		if strings.HasPrefix(s, "Timeout duration was set to ") { // the second line of a TimeoutOverflowWarning
			return stepJoin
		}
		if *state&(phaseMask|plainBit) == phaseText|plainBit && !isFrame(s) {
			if _, ok := findErrorHead(s); ok {
				return stepEnd
			}
		}
		if strings.HasPrefix(s, "(Use `node --trace-") || strings.HasPrefix(s, "(Use `electron --trace-") {
			return stepLast
		}
		if s == "Trace" { // Node 0.10 and 0.12
			return stepMaybe
		}
		return traceNext(s, state)
	},
}

// warningBytes begin a warning, which may be indented.
const warningBytes = " ("

// warningHead reads "(node:232) " and the "(node) " of old versions.
func warningHead(s string) (pid int, rest string, ok bool) {
	for range 8 { // pasted with an indentation
		if s == "" || s[0] != ' ' {
			break
		}
		s = s[1:]
	}
	if len(s) < 8 || s[0] != '(' || s[1] != 'n' || !strings.HasPrefix(s, "(node") {
		return 0, "", false
	}
	if strings.HasPrefix(s, "(node) ") {
		return 0, s[7:], true
	}
	if s[5] != ':' {
		return 0, "", false
	}
	i := 6
	for i < len(s) && digit(s[i]) && i < 18 {
		pid = pid*10 + int(s[i]-'0')
		i++
	}
	if i == 6 || i+2 > len(s) || s[i] != ')' || s[i+1] != ' ' {
		return 0, "", false
	}
	return pid, s[i+2:], true
}

// parseWarning reads the warnings of process.emitWarning.
//
//	(node:232) [DEP0040] DeprecationWarning: The `punycode` module is deprecated.
//	(node:232) UnhandledPromiseRejectionWarning: Error: settlement failed
func parseWarning(c *clock, _ *Envelope, body []byte, r *culprit.Record) bool {
	pid, s, ok := warningHead(text(body))
	if !ok {
		return false
	}
	code := ""
	if strings.HasPrefix(s, "[") {
		if i := strings.Index(s, "] "); i > 1 && i < maxTypeName {
			code, s = s[1:i], s[i+2:]
		}
	}
	name := before(firstLine(s), ":")
	if len(name) == len(firstLine(s)) || strings.IndexByte(name, ' ') >= 0 || name == "warning" {
		name = "Warning"
	} else {
		s = strings.TrimLeft(s[len(name)+1:], " ")
	}
	if pid > 0 {
		r.PID = pid
	}
	var x nodeFailure
	readTrace(&x.trace, s)
	if name == "UnhandledPromiseRejectionWarning" {
		x.plainHead()
		x.judge(s)
		if x.kind == culprit.KindException || x.kind == culprit.KindUncaughtException {
			x.kind = culprit.KindUnhandledRejection
		}
		r.Message = x.text()
		r.Severity = warningSeverity(r.Severity)
		x.apply(c, r)
		return true
	}
	m := s
	if i := strings.Index(m, "\n(Use `"); i >= 0 {
		m = m[:i]
	}
	if i := strings.Index(m, "\n    at "); i >= 0 {
		m = m[:i]
	}
	r.Message = strings.TrimRight(m, "\n ")
	r.Kind = culprit.KindNodeWarning
	if name == "DeprecationWarning" {
		r.Kind = culprit.KindDeprecationWarning
	}
	r.Severity = warningSeverity(r.Severity)
	r.Attrs.Add("error_type", name)
	r.Attrs.Add("error_code", code)
	if x.frames > 0 {
		r.Attrs.AddInt("frames", int64(x.frames))
		c.top, c.app = x.top, x.app
		r.Attrs.AddValue("top_frame", culprit.FrameOf(&c.top))
		if x.hasApp {
			r.Attrs.AddValue("first_app_frame", culprit.FrameOf(&c.app))
		}
	}
	return true
}

// warningSeverity is that of a warning unless the transport states one.
func warningSeverity(s culprit.Severity) culprit.Severity {
	if s == culprit.SeverityNone {
		return culprit.SeverityWarning
	}
	return s
}
