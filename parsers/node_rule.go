package parsers

import (
	"bytes"
	"strings"

	"culprit"
)

// nodeRules join what Node and programs in it write over several lines. The
// order matters: the first head that matches decides.
var nodeRules = []*rule{v8Rule, assertionRule, npmRule, warningRule, sourceRule, nestRule, prettyRule, loggerRule, innerRule, errorRule, blockRule, frameRule}

// The phases of a trace, in the lowest bits of a rule's state.
const (
	phaseStart  = iota
	phaseSource // the excerpt of the source, up to its caret
	phaseCaret  // behind the caret: the next line is the error, whatever it looks like
	phaseText   // the message
	phaseStack  // the list below "Require stack:"
	phaseFrames
	phaseBlock // the properties of the error, up to the brace that closes them
	phaseDone
	phaseMask = 15
)

// Further bits of the state.
const (
	loggedBit  = 1 << 4 // a logger's line came first: the error may follow with its type
	braceBit   = 1 << 5 // the braces of the error's properties opened before it: propShift counts what is open
	plainBit   = 1 << 6 // a warning that is about no error: one that follows is another's
	prismaBit  = 1 << 7 // the message quotes a query with its arguments: it is long
	countShift = 8      // lines of the phase
	countMask  = 0xff
	baseShift  = 16 // 1 + indentation of the error
	propShift  = 26 // 1 + indentation of the first property
	wideMask   = 0x3ff
)

// maxText bounds the lines of a message before its first frame, maxExcerpt the
// lines of the source that Node quotes.
const (
	maxText       = 16
	maxPrismaText = maxMaybe
	maxExcerpt    = 8
)

func setPhase(state *int, phase int) { *state = *state&^(phaseMask|countMask<<countShift) | phase }

func setWide(state *int, shift, v int) {
	*state = *state&^(wideMask<<shift) | min(v+1, wideMask)<<shift
}

func wide(state, shift int) int { return state>>shift&wideMask - 1 }

// counted adds a line to the count of the phase and reports whether it is within the
// bound.
func counted(state *int, bound int) bool {
	n := *state >> countShift & countMask
	if n >= bound || n >= countMask {
		return false
	}
	*state += 1 << countShift
	return true
}

// traceNext decides about the next line of a trace. It joins what can be
// nothing else, and holds what belongs to the trace only if more of it follows.
func traceNext(line string, state *int) step {
	indent, rest := indentOf(line)
	phase := *state & phaseMask
	if rest == "" {
		return stepMaybe
	}
	if *state&braceBit != 0 {
		if st, ok := braceNext(indent, rest, state); ok {
			return st
		}
	}
	if phase != phaseBlock && strings.HasPrefix(rest, "at ") {
		if opens, ok := frameLine(indent, rest); ok {
			frameNext(indent, opens, state)
			return stepJoin
		}
		if _, props, ok := frameProps(rest); ok && props[0] == '{' { // winston's metadata behind the stack
			setPhase(state, phaseDone)
			return stepLast
		}
	}
	if phase != phaseSource && phase != phaseBlock && nodeTrailer(rest) {
		return stepLast
	}
	switch phase {
	case phaseSource:
		switch {
		case caretLine(line):
			setPhase(state, phaseCaret)
			return stepJoin
		case line[0] != '{' && entryLine(line) || sourceLine(line) || !counted(state, maxExcerpt):
			return stepEnd // the source may be JSON
		}
		if h, ok := findErrorHead(line); ok && h.at == 0 {
			return stepEnd
		}
		return stepMaybe

	case phaseCaret:
		if foreignLine(line) {
			return stepEnd
		}
		setPhase(state, phaseText)
		openBlock(indent, rest, state)
		return stepJoin

	case phaseText, phaseStack:
		switch {
		case strings.HasPrefix(rest, "Require stack:"):
			setPhase(state, phaseStack)
			return stepJoin
		case phase == phaseStack && strings.HasPrefix(rest, "- "):
			return stepJoin
		case strings.HasPrefix(rest, "Emitted '"), stackWord(rest), strings.HasPrefix(rest, "Thrown at:"), strings.HasPrefix(rest, "(Use `node --trace-uncaught"):
			setPhase(state, phaseFrames)
			return stepJoin
		case rest == "{" && indent == 0:
			setPhase(state, phaseBlock)
			setWide(state, baseShift, 0)
			return stepJoin
		case *state&loggedBit != 0 && strings.HasPrefix(line, "error: "): // how errors of pg call themselves
			*state &^= loggedBit
			return stepMaybe
		case entryLine(line) || sourceLine(line):
			return stepEnd
		}
		if h, ok := findErrorHead(rest); ok && h.at <= 1 && indent == 0 {
			// Once the error itself may follow its text: a logger wrote that first, or
			// the message was that of another error.
			if *state&loggedBit == 0 && phase != phaseStack {
				return stepEnd
			}
			*state &^= loggedBit
			setPhase(state, phaseText)
			return stepMaybe
		}
		if h, ok := findErrorHead(rest); ok && h.at > 1 && indent == 0 && *state&loggedBit == 0 && *state>>countShift&countMask == 0 && h.message < len(rest) {
			return stepEnd // the program logged one error without a stack, and then another
		}
		bound := maxText
		if strings.HasPrefix(rest, "Invalid `") && strings.Contains(rest, "` invocation") {
			*state |= prismaBit
		}
		if *state&prismaBit != 0 {
			bound = maxPrismaText
		}
		if !counted(state, bound) {
			return stepEnd
		}
		return stepMaybe

	case phaseFrames:
		if _, ok := moreFrames(rest); ok && (indent > 0 || rest != "...") || cutFrame(indent, rest) {
			return stepJoin
		}
		switch {
		case strings.HasPrefix(rest, "Emitted '"), strings.HasPrefix(rest, "[cause]: "), strings.HasPrefix(rest, "Caused by: "),
			strings.HasPrefix(rest, "Thrown at:"), strings.HasPrefix(rest, "(Use `node --trace-uncaught"):
			return stepJoin
		case indent == 0 && (strings.HasPrefix(rest, `digest: "`) || strings.HasPrefix(rest, "digest: '")), codeFrame(indent, rest): // Next.js
			setPhase(state, phaseDone)
			return stepJoin
		}
		return stepEnd

	case phaseBlock:
		return blockNext(indent, rest, state)

	case phaseDone:
		if codeFrame(indent, rest) {
			if strings.HasSuffix(rest, "} {") { // the properties of the error follow its excerpt
				setPhase(state, phaseBlock)
				setWide(state, baseShift, 0)
			}
			return stepJoin
		}
	}
	return stepEnd
}

// frameNext notes a call of the stack.
func frameNext(indent int, opens bool, state *int) {
	if *state&phaseMask != phaseFrames {
		setWide(state, baseShift, max(indent-4, 0))
	}
	setPhase(state, phaseFrames)
	if opens {
		setPhase(state, phaseBlock)
	}
}

// codeFrame reports whether a line is one of the excerpt that Next.js and Babel
// print below an error: "> 3 |   throw new Error('x')", "    |         ^".
func codeFrame(indent int, rest string) bool {
	if indent < 2 && rest[0] != '>' {
		return false
	}
	s := strings.TrimLeft(strings.TrimPrefix(rest, ">"), " ")
	n := digitsLen([]byte(s[:min(len(s), 7)]))
	s = strings.TrimLeft(s[n:], " ")
	return n > 0 && strings.HasPrefix(s, "|") || n == 0 && len(s) > 2 && s[0] == '|' && caretLine(s[1:])
}

// lineNext is traceNext for a line that may have an envelope of its own: some
// programs put a time before each line of a trace. With a level it is an entry,
// unless it is a frame.
func lineNext(e *Envelope, line string, state *int) step {
	if loggerFormat(e.Format) && !isFrame(line) && (e.Format != formatConsole || e.Severity != culprit.SeverityNone || len(e.Attrs) > 0) {
		return stepEnd
	}
	if e.Format != "" && !loggerFormat(e.Format) {
		if f := formatOf(e.Format); f != nil && !f.transport {
			return stepEnd
		}
	}
	return traceNext(line, state)
}

// isFrame reports whether a line is a call of a stack trace.
func isFrame(line string) bool {
	_, _, ok := frameOf(line)
	return ok
}

// frameOf is frameLine for a line with its indentation.
func frameOf(line string) (indent int, opens, ok bool) {
	if line == "" || line[0] != ' ' && line[0] != '\t' && line[0] != 'a' {
		return 0, false, false
	}
	indent, rest := indentOf(line)
	opens, ok = frameLine(indent, rest)
	return indent, opens, ok
}

// openBlock notes that a line opens the braces of an object.
func openBlock(indent int, rest string, state *int) {
	if n := len(rest); rest[n-1] == '{' || rest[n-1] == '[' && n > 1 && rest[n-2] == ' ' {
		setPhase(state, phaseBlock)
		setWide(state, baseShift, indent)
	}
}

// blockNext decides about a line of an inspected object. It ends with the brace
// at the indentation of the line that opened it; a line at that indentation
// which is none ends it before.
func blockNext(indent int, rest string, state *int) step {
	base, prop := wide(*state, baseShift), wide(*state, propShift)
	closer := rest[0] == '}' || rest[0] == ']'
	if prop < 0 {
		if closer && indent == max(base, 0) {
			setPhase(state, phaseDone)
			return stepJoin
		}
		if indent == 0 || base >= 0 && indent <= base {
			return stepEnd
		}
		setWide(state, propShift, indent)
		return stepJoin
	}
	if closer && indent < prop && (base < 0 || indent <= base) {
		setPhase(state, phaseDone)
		return stepJoin
	}
	if indent == 0 || indent <= base {
		return stepEnd
	}
	return stepJoin
}

// entryLine reports whether a line begins an entry of its own, so that it can be
// no part of a message: JSON, a warning of Node, an entry of npm or a logger.
func entryLine(line string) bool {
	if _, n := levelPrefix(line); n > 0 {
		return true
	}
	return foreignLine(line)
}

// foreignLine is entryLine without "error: ", which may also be how an error
// with such a name is printed.
func foreignLine(line string) bool {
	switch line[0] {
	case '{':
		return strings.HasPrefix(line, `{"`)
	case '(':
		return strings.HasPrefix(line, "(node:") || strings.HasPrefix(line, "(node)")
	case '<':
		return strings.HasPrefix(line, "<--- Last few GCs")
	case 'F':
		return strings.HasPrefix(line, "FATAL ERROR: ")
	case 'n':
		return strings.HasPrefix(line, "npm ERR!") || strings.HasPrefix(line, "npm error ") || strings.HasPrefix(line, "npm warn ")
	case 'T':
		return line == "Trace" || strings.HasPrefix(line, "Trace: ")
	case '>':
		return npmScript(line)
	}
	return false
}

// sourceRule: Node dies and quotes the source.
//
//	/srv/app/main.js:41
//	    throw new Error('x');
//	          ^
//
//	Error: x
//	    at main (/srv/app/main.js:41:11)
//
//	Node.js v20.20.2
var sourceRule = &rule{
	name:      "node_source",
	frames:    true,
	enveloped: true,
	head:      func(_ *Envelope, body []byte) bool { return pastedSource(text(body)) != "" },
	next: func(e *Envelope, body []byte, state *int) step {
		if *state == 0 {
			*state = phaseSource
		}
		return lineNext(e, text(body), state)
	},
}

// errorWords are those of findErrorHead.
var errorWords = phrases("Error", "Exception", "UnhandledPromiseRejection")

// errorRule: an error that a program wrote, and its stack.
var errorRule = &rule{
	name:      "node_error",
	words:     errorWords,
	frames:    true,
	enveloped: true,
	head: func(e *Envelope, body []byte) bool {
		if e.Facility == "kernel" || len(body) == 0 || body[0] == '{' && len(body) > 1 && (body[1] != ' ' || !braceHead(text(body))) {
			return false
		}
		h, ok := findErrorHead(text(body))
		return ok && !h.opens
	},
	start: func(body []byte) int { return braceState(text(body), phaseText) },
	next: func(e *Envelope, body []byte, state *int) step {
		if *state == 0 {
			*state = phaseText
		}
		return lineNext(e, text(body), state)
	},
}

// loggerRule: a logger's line of an error, and the error below it.
var loggerRule = &rule{
	name:      "logger_error",
	frames:    true,
	enveloped: true,
	head: func(e *Envelope, body []byte) bool {
		if !loggerFormat(e.Format) || len(body) == 0 || body[0] == '{' || body[len(body)-1] == '{' {
			return false
		}
		// Nest before version 7 wrote no level.
		return e.Severity >= 0 && e.Severity <= culprit.SeverityError || e.Severity == culprit.SeverityNone && (exceptionContext(e) || bytes.HasPrefix(body, []byte("Unable to connect to the database")))
	},
	start: func(body []byte) int { return braceState(text(body), phaseText|loggedBit) },
	next:  loggerNext,
}

func loggerNext(e *Envelope, body []byte, state *int) step {
	if *state == 0 {
		*state = phaseText | loggedBit
	}
	return lineNext(e, text(body), state)
}

// innerRule: what webpack writes between an error and the one inside it.
var innerRule = &rule{
	name:   "inner_error",
	first:  "-",
	frames: true,
	head:   func(_ *Envelope, body []byte) bool { return string(body) == "-- inner error --" },
	next:   loggerNext,
}

var frameWords = phrases("rror", "Trace", "xception", "ailed", "RROR", "arning", "eject", "aught", "rash")

// frameRule: any other line that speaks of an error, if a stack follows at once.
var frameRule = &rule{
	name:      "node_frames",
	words:     frameWords,
	frames:    true,
	enveloped: true,
	head: func(e *Envelope, body []byte) bool {
		return e.Facility != "kernel" && len(body) > 0 && body[0] != ' ' && body[0] != '{'
	},
	start: func(body []byte) int {
		// Winston: "error: uncaughtException: x", then the stack.
		s := text(begin(body))
		if _, n := levelPrefix(s); n > 0 && (strings.HasPrefix(s[n:], "uncaughtException: ") || strings.HasPrefix(s[n:], "unhandledRejection: ")) {
			return phaseText | loggedBit
		}
		return 0
	},
	next: func(e *Envelope, body []byte, state *int) step {
		line := text(body)
		if *state == 0 && !isFrame(line) {
			return stepEnd
		}
		return lineNext(e, line, state)
	},
}

// blockRule: an object that was printed over several lines.
var blockRule = &rule{
	name: "inspected_object",
	head: func(e *Envelope, body []byte) bool {
		n := len(body)
		if n == 0 || e.Facility == "kernel" || body[n-1] != '{' && body[n-1] != '[' {
			return false
		}
		return n == 1 || body[n-2] == ' '
	},
	next: func(_ *Envelope, body []byte, state *int) step {
		if *state == 0 {
			*state = phaseBlock
		}
		line := text(body)
		if *state&phaseMask == phaseDone {
			return traceNext(line, state)
		}
		indent, rest := indentOf(line)
		if rest == "" {
			return stepMaybe
		}
		return blockNext(indent, rest, state)
	},
}

// prettyRule: pino-pretty writes the properties of an entry below it, indented.
var prettyRule = &rule{
	name: "pino_pretty",
	head: func(e *Envelope, _ []byte) bool { return e.Format == formatPinoPretty },
	next: func(_ *Envelope, body []byte, _ *int) step {
		if indent, rest := indentOf(text(body)); rest != "" && indent >= 4 {
			return stepJoin
		}
		return stepEnd
	},
}

var nestWords = phrases("Nest can't resolve dependencies of ")

// nestRule: Nest's advice when it cannot resolve a dependency, printed by its
// logger and once more in the error's own stack.
var nestRule = &rule{
	name:  "nest_dependency",
	words: nestWords,
	head: func(e *Envelope, body []byte) bool {
		return len(body) > 0 && body[0] != '{'
	},
	next: func(_ *Envelope, body []byte, state *int) step {
		if *state == 0 {
			*state = phaseText | loggedBit
		}
		line := text(body)
		if p := *state & phaseMask; p == phaseText {
			_, rest := indentOf(line)
			switch {
			case rest == "":
				return stepMaybe
			case strings.HasPrefix(rest, "Potential solutions:"), strings.HasPrefix(rest, "- "), strings.HasPrefix(rest, "@Module({"), strings.HasPrefix(rest, "imports: ["),
				rest == "})", strings.HasPrefix(rest, "For more common dependency resolution issues"):
				return stepJoin
			case strings.HasPrefix(rest, "+") && strings.HasSuffix(rest, "ms"):
				return stepJoin
			case strings.Contains(rest, "Error: Nest can't resolve dependencies of "), strings.Contains(rest, "[Error]: Nest can't resolve"):
				*state &^= loggedBit
				return stepJoin
			case strings.HasSuffix(rest, " context.") && !entryLine(line) && !strings.Contains(rest, "Nest can't resolve "):
				return stepJoin // the rest of a message that was wrapped
			}
		}
		return traceNext(line, state)
	},
}
