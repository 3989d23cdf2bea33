package parsers

import (
	"strconv"
	"strings"

	"culprit"
)

// v8Rule joins the report that V8 prints before it aborts: the last garbage
// collections, the JavaScript stack, the reason, the native stack. Through a
// journal its lines come one by one, and the blank ones are gone. Node's own
// assertions end in a native stack too.
var v8Rule = &rule{
	name:  "v8_report",
	first: v8Bytes,
	head:  v8Head,
	start: v8Start,
	next:  v8Next,
}

// assertionRule is v8Rule for an assertion, before which anything may stand.
var assertionRule = &rule{
	name:  "v8_report",
	words: assertionWords,
	head:  v8Head,
	start: v8Start,
	next:  v8Next,
}

// What v8Lead looks for: all but an assertion by its first byte.
const v8Bytes = spaceBytes + "<F=#"

var assertionWords = phrases(": Assertion `")

func v8Head(e *Envelope, body []byte) bool {
	return len(body) > 0 && e.Facility != "kernel" && v8Lead(text(body))
}

func v8Start(body []byte) int {
	_, rest := indentOf(text(body))
	switch {
	case strings.HasPrefix(rest, "FATAL ERROR: "), assertion(rest):
		return v8Fatal
	case strings.HasPrefix(rest, "# Fatal error in "):
		return v8Hash
	case strings.HasPrefix(rest, "==== "), strings.HasPrefix(rest, "<--- JS"):
		return v8Stack
	}
	return v8Collections
}

// v8Lead reports whether a line begins a report.
func v8Lead(s string) bool {
	_, rest := indentOf(s)
	if rest == "" {
		return false
	}
	switch rest[0] {
	case '<':
		return strings.HasPrefix(rest, "<--- ")
	case 'F':
		return strings.HasPrefix(rest, "FATAL ERROR: ")
	case '=':
		return strings.HasPrefix(rest, "==== JS stack trace")
	case '#':
		return rest == "#" || strings.HasPrefix(rest, "# Fatal error in ")
	}
	return assertion(rest)
}

// assertion reports whether a line is a CHECK of Node's that failed:
//
//	node[812]: ../src/node_http_parser.cc:591:static void node::Parser::Consume(): Assertion `x' failed.
func assertion(s string) bool {
	return strings.HasSuffix(s, "' failed.") && strings.Contains(s, ": Assertion `") && strings.Contains(s, "../src/")
}

// The phases of a report: what may still come.
const (
	v8Collections = iota // before the reason
	v8Stack
	v8Hash  // behind "# Fatal error in": the reason
	v8Fatal // behind the reason: the native stack
	v8Native
)

func v8Next(_ *Envelope, body []byte, state *int) step {
	_, rest := indentOf(text(body))
	if rest == "" {
		return stepMaybe
	}
	switch {
	case strings.HasPrefix(rest, "<--- Last few GCs"), assertion(rest):
		return stepEnd
	case strings.HasPrefix(rest, "<--- JS stacktrace"), strings.HasPrefix(rest, "==== JS stack trace"):
		if *state >= v8Hash {
			return stepEnd
		}
		*state = v8Stack
		return stepJoin
	case strings.HasPrefix(rest, "# Fatal error in "):
		if *state >= v8Hash {
			return stepEnd
		}
		*state = v8Hash
		return stepJoin
	case strings.HasPrefix(rest, "FATAL ERROR: "), strings.HasPrefix(rest, "# Fatal "):
		if *state >= v8Fatal {
			return stepEnd
		}
		*state = v8Fatal
		return stepJoin
	case strings.HasPrefix(rest, "----- Native stack trace"), strings.HasPrefix(rest, "----- JavaScript stack trace"), strings.HasPrefix(rest, "==== C stack trace"):
		*state = v8Native
		return stepJoin
	case numberedLine(rest):
		return stepJoin
	case *state >= v8Hash && rest[0] == '#' && (len(rest) == 1 || rest[1] == '#' || rest[1] == ' ' || strings.HasPrefix(rest, "#FailureMessage")):
		return stepJoin
	}
	switch *state {
	case v8Collections:
		if strings.Contains(rest, " ms: ") && (strings.Contains(rest, "Mark-") || strings.Contains(rest, "Scavenge") || strings.Contains(rest, "Minor")) {
			return stepJoin
		}
	case v8Stack:
		if strings.HasPrefix(rest, "Security context:") {
			return stepJoin
		}
		if strings.HasPrefix(rest, "Cannot get stack trace in GC") {
			return stepJoin
		}
		if entryLine(rest) {
			return stepEnd
		}
		return stepMaybe // arguments with line breaks
	}
	return stepEnd
}

// numberedLine reports whether a line is a frame of a native stack or of V8's
// own JavaScript stack: " 1: 0xb78db3 node::Abort() [node]", "0: ExitFrame [pc: 0x1]".
func numberedLine(rest string) bool {
	i := 0
	for i < len(rest) && digit(rest[i]) && i < 4 {
		i++
	}
	return i > 0 && i+1 < len(rest) && rest[i] == ':' && rest[i+1] == ' '
}

// parseV8 reads the report of an abort.
func parseV8(_ *clock, _ *Envelope, body []byte, r *culprit.Record) bool {
	s := text(body)
	_, lead := indentOf(firstLine(s))
	if !v8Lead(lead) {
		return false
	}
	reason := ""
	var gc string
	frames := 0
	native := false
	for rest := s; rest != ""; {
		line := rest
		if i := strings.IndexByte(rest, '\n'); i >= 0 {
			line, rest = rest[:i], rest[i+1:]
		} else {
			rest = ""
		}
		_, line = indentOf(strings.TrimSuffix(line, "\r"))
		switch {
		case reason == "" && strings.HasPrefix(line, "FATAL ERROR: "):
			reason, native = line[len("FATAL ERROR: "):], true
		case reason == "" && strings.HasPrefix(line, "# ") && !strings.HasPrefix(line, "# Fatal error in"):
			reason, native = strings.TrimPrefix(line, "# "), true
		case reason == "" && assertion(line):
			reason, native = line[strings.Index(line, "Assertion `"):], true
		case native && numberedLine(line):
			frames++
		case strings.Contains(line, " ms: ") && strings.Contains(line, " -> "):
			gc = line
		}
	}
	memory := reason == "" || strings.Contains(reason, "out of memory") || strings.Contains(reason, "Allocation failed") || strings.Contains(reason, "heap limit")
	switch {
	case lead[0] == '#' && reason == "":
		return false
	case reason == "" && gc == "" && !strings.HasPrefix(lead, "<--- Last few GCs") && !strings.HasPrefix(lead, "<--- JS stacktrace"):
		return false
	case !memory && lead[0] != '#' && frames == 0 && !strings.Contains(reason, "::") && !strings.Contains(reason, "v8") && !strings.Contains(reason, "node"):
		return false // another program's last words
	case memory:
		r.Kind = culprit.KindHeapOOM
	default:
		r.Kind = culprit.KindUncaughtException
	}
	if reason != "" {
		r.Message = reason
	} else {
		r.Message = "JavaScript heap: last few GCs"
	}
	if r.Severity == culprit.SeverityNone && reason != "" {
		r.Severity = culprit.SeverityCritical // "FATAL"
	}
	if pid := collectorPID(gc); pid > 0 {
		r.PID = pid
	}
	r.Attrs.AddBool("fatal", true)
	if used, total, ok := collectorSizes(gc); ok {
		r.Attrs.AddInt("heap_used_mb", used)
		r.Attrs.AddInt("heap_total_mb", total)
	}
	if frames > 0 {
		r.Attrs.AddInt("native_frames", int64(frames))
	}
	r.Attrs.Add("fingerprint", text(appendID(nil, appendNormal(append([]byte(r.Kind), 0), reason))))
	return true
}

// collectorPID reads the pid of "[61:0x74533040]   229060 ms: Mark-sweep ...";
// on Windows the address has no 0x. The first line of a report may have lost
// its begin or follow other text.
func collectorPID(gc string) int {
	i := strings.IndexByte(gc, '[')
	if i < 0 {
		return 0
	}
	n, rest, ok := number(gc[i+1:])
	end := strings.IndexByte(rest, ']')
	if !ok || end < 2 || rest[0] != ':' || n > 1<<31 || strings.Trim(strings.TrimPrefix(rest[1:end], "0x"), "0123456789abcdefABCDEF") != "" {
		return 0
	}
	return int(n)
}

// collectorSizes reads the heap after the last collection, in MB: what is used
// and what is committed, of "127.1 (236.9) -> 126.8 (137.4) MB".
func collectorSizes(gc string) (used, total int64, ok bool) {
	s := after(gc, " -> ")
	i := strings.Index(s, " (")
	j := strings.Index(s, ") MB")
	if i <= 0 || j <= i {
		return 0, 0, false
	}
	u, err1 := strconv.ParseFloat(s[:i], 64)
	t, err2 := strconv.ParseFloat(s[i+2:j], 64)
	if err1 != nil || err2 != nil || u < 0 || t < 0 || u > 1e7 || t > 1e7 {
		return 0, 0, false
	}
	return int64(u + 0.5), int64(t + 0.5), true
}
