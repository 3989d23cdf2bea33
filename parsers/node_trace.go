package parsers

import (
	"strings"

	"culprit"
)

// maxSite bounds the frames that go into a fingerprint, maxRequireStack the
// entries of a require stack that are kept.
const (
	maxSite         = 5
	maxRequireStack = 64
)

// A trace is an error as Node or a program wrote it: what it was, where, and
// what Node said around it.
type trace struct {
	before  string // what the program wrote before the error on its line
	line    string // that line
	typ     string
	code    string // in the head: "Error [ERR_X]"
	message string // may be several lines
	headed  bool   // a type was found

	thrownAt string // "file:line" above the excerpt
	excerpt  bool   // the excerpt with its caret is there: Node printed it as it died
	promise  bool   // thrown by the handling of a rejected promise
	emitted  bool   // 'error' event without a listener
	version  string // "v20.20.2" of the last line

	frames     int // "at" lines of the error itself, causes not counted
	top, app   culprit.Frame
	hasTop     bool
	hasApp     bool
	site       [maxSite]callSite // calls in the user's own code
	sites      int
	foreign    [maxSite]callSite // and in other code
	foreigners int

	props   errorProps
	inner   errorProps // of causes
	stack   []string   // require stack
	nest    string     // type of the innermost cause
	root    string     // its message
	causes  int
	summary string // of an inspected object: its message
	note    string // and its first other text of several words
}

// A callSite is what a fingerprint takes of a frame.
type callSite struct{ function, file string }

// readTrace reads the text of an error into t, which is new. It goes over the
// text once.
func readTrace(t *trace, s string) {
	t.props, t.inner = noProps(), noProps()
	const (
		atStart = iota
		inSource
		atHead
		inMessage
		inFrames
		inBlock
		isDone
	)
	phase := atStart
	var (
		base     int  // indentation of the error's own lines
		propsAt  int  // indentation of its properties, 0 until the first
		linked   bool // behind the line that parts two stacks
		listing  bool // in the require stack
		listed   bool // in the property requireStack
		msgFrom  int  // where the message begins in s
		msgTo    int
		emptyRun bool
		within   bool // the error is a property of the object
		braced   bool // the braces of its properties opened before it
		nestedAt = -1 // indentation of the last error inside the properties
	)
	for pos := 0; pos < len(s); {
		end := strings.IndexByte(s[pos:], '\n')
		if end < 0 {
			end = len(s)
		} else {
			end += pos
		}
		line := s[pos:end]
		if n := len(line); n > 0 && line[n-1] == '\r' {
			line = line[:n-1]
		}
		from := pos
		pos = end + 1
		indent, rest := indentOf(line)

	again:
		switch phase {
		case atStart:
			if rest == "" {
				continue
			}
			if source := pastedSource(line); source != "" {
				t.thrownAt, phase = source, inSource
				continue
			}
			phase = atHead
			goto again

		case inSource:
			switch {
			case caretLine(line):
				t.excerpt, phase = true, atHead
			case strings.HasPrefix(rest, "at "):
				if _, ok := frameLine(indent, rest); ok {
					phase = inFrames
					goto again
				}
			case strings.Contains(line, "fromPromise") || strings.HasPrefix(rest, "new UnhandledPromiseRejection"):
				t.promise = true
			case strings.HasPrefix(rest, "triggerUncaughtException("):
				t.promise = true
			case strings.Contains(line, "// Unhandled 'error' event"):
				t.emitted = true
			default:
				if h, ok := findErrorHead(rest); ok && h.at <= 1 && !strings.HasPrefix(rest, "throw ") {
					phase = atHead
					goto again
				}
			}

		case atHead:
			if rest == "" {
				continue
			}
			phase = inMessage
			msgFrom, msgTo = from, from+len(line)
			base = indent
			h, ok := findErrorHead(line)
			if !ok {
				h, ok = t.lowHead(line, rest)
			}
			if ok {
				t.before, t.line = strings.TrimSpace(line[:h.at]), rest
				t.typ, t.code, t.headed = h.typ, h.code, true
				t.message = h.text(line)
				msgFrom = from + h.message
				if before, ok := strings.CutSuffix(t.before, "{"); ok && h.at >= 2 && !h.opens {
					braced, t.before = true, strings.TrimRight(before, " ")
				}
				if h.opens {
					phase, propsAt = inBlock, 0
				}
				if i := traceWord(t.message); i >= 0 {
					t.message = t.message[:i]
					msgFrom = -1
				}
			} else {
				t.message = rest
				if strings.HasSuffix(rest, "{") && !strings.HasPrefix(rest, "at ") {
					phase, propsAt = inBlock, 0
				}
			}

		case inMessage:
			if strings.HasPrefix(rest, "at ") {
				_, ok := frameLine(indent, rest)
				if !ok {
					_, _, ok = frameProps(rest)
				}
				if ok {
					phase, listing = inFrames, false
					base = max(indent-4, 0)
					goto again
				}
			}
			if braced && indent == 2 {
				if _, _, ok := property(rest); ok {
					phase = inFrames
					goto again
				}
			}
			switch {
			case rest == "":
				emptyRun = true
				continue
			case strings.HasPrefix(rest, "Require stack:"):
				listing = true
				t.stack = t.stack[:0]
				continue
			case listing && strings.HasPrefix(rest, "- "):
				if len(t.stack) < maxRequireStack {
					t.stack = append(t.stack, strings.TrimSpace(rest[2:]))
				}
				continue
			case strings.HasPrefix(rest, "Emitted '"):
				t.emitted = true
				phase = inFrames
				continue
			case nodeTrailer(rest):
				t.version, phase = trailerVersion(rest), isDone
				continue
			case strings.HasPrefix(rest, "(Use `node --trace"), strings.HasPrefix(rest, "Thrown at:"):
				phase = inFrames
				continue
			case stackWord(rest):
				phase = inFrames
				continue
			}
			if indent == base || t.before != "" || !t.headed {
				// The text of a logger comes before the error itself.
				if h, ok := findErrorHead(rest); ok && h.at <= 1 && (!t.headed || t.before != "" || h.typ == t.typ) {
					if !t.headed {
						t.before, t.line = t.message, ""
					}
					t.typ, t.code, t.headed = h.typ, h.code, true
					t.message = h.text(rest)
					msgFrom, msgTo = from+len(line)-len(rest)+h.message, from+len(line)
					listing, emptyRun = false, false
					if h.opens {
						phase, propsAt = inBlock, 0
					}
					continue
				}
			}
			if !t.headed && indent == base && strings.HasPrefix(rest, "error: ") && t.message != "" {
				t.before, t.line = t.message, ""
				t.typ, t.message, t.headed = "error", rest[len("error: "):], true
				msgFrom, msgTo = from+len(line)-len(t.message), from+len(line)
				continue
			}
			if listing {
				listing = false
				continue
			}
			if rest == "{" || strings.HasSuffix(rest, "] {") && strings.HasPrefix(rest, "[") {
				phase, propsAt = inBlock, 0
				continue
			}
			if !emptyRun {
				if t.message == "" && t.headed && msgFrom >= 0 { // Prisma begins its messages with a line break
					t.message, msgFrom = rest, from+len(line)-len(rest)
				}
				msgTo = from + len(line)
			}

		case inFrames:
			if call, opens, ok := readCall(indent, rest); ok {
				if !linked {
					t.frames++
				}
				t.frame(&call, !linked)
				if opens {
					phase, propsAt = inBlock, 0
				}
				continue
			}
			if frame, props, ok := frameProps(rest); ok {
				if !linked {
					t.frames++
				}
				call := readFrame(frame)
				t.frame(&call, !linked)
				t.props.setAll(props)
				continue
			}
			switch {
			case rest == "":
			case cutFrame(indent, rest):
				if !linked {
					t.frames++
				}
			case nodeTrailer(rest):
				t.version, phase = trailerVersion(rest), isDone
			case strings.HasPrefix(rest, "Emitted '"):
				t.emitted = true
			case braced && indent == 2:
				linked = true // frames that follow are those of a property
				if key, value, ok := property(rest); ok {
					t.props.set(key, strings.TrimRight(strings.TrimSuffix(value, "}"), " "))
				}
			case rest[0] == '"': // pino-pretty writes the properties as JSON
				if key, value, ok := property(rest); ok {
					t.props.set(key, value)
				}
			case codeFrame(indent, rest):
				if strings.HasSuffix(rest, "} {") {
					phase, propsAt, base = inBlock, 0, 0
				}
			default:
				if parts, ok := moreFrames(rest); ok && parts {
					linked = true
				} else if h, ok := causeHead(rest); ok {
					t.cause(h, rest)
					linked = true
				}
			}

		case inBlock:
			if indent <= base && (strings.HasPrefix(rest, "}") || strings.HasPrefix(rest, "]")) {
				phase = isDone
				continue
			}
			if strings.HasPrefix(rest, "at ") {
				if call, _, ok := readCall(indent, rest); ok {
					if within && t.causes == 0 {
						t.frames++
					}
					t.frame(&call, within && t.causes == 0)
					continue
				}
			}
			if propsAt == 0 && rest != "" {
				propsAt = indent
			}
			if listed {
				if strings.HasPrefix(rest, "]") {
					listed = false
				} else if v, ok := unquoteJS(strings.TrimSuffix(rest, ",")); ok && len(t.stack) < maxRequireStack {
					t.stack = append(t.stack, v)
				}
				continue
			}
			if h, ok := causeHead(rest); ok {
				t.cause(h, rest)
				nestedAt = indent
				continue
			}
			if reason, ok := strings.CutPrefix(rest, "<rejected> "); ok && !t.headed {
				if h, ok := findErrorHead(reason); ok && h.at <= 1 {
					t.typ, t.code, t.headed, within = h.typ, h.code, true, true
					t.before, t.line = strings.TrimRight(t.message, " {"), ""
					t.message, msgFrom = h.text(reason), -1
					continue
				}
			}
			if h, ok := findErrorHead(rest); ok && h.at <= 1 {
				// One of an AggregateError's errors.
				nestedAt = indent
				if t.message == "" && t.root == "" {
					t.nest, t.root = h.typ, h.text(rest)
					t.inner.fromMessage(t.root)
				}
				continue
			}
			key, value, ok := property(rest)
			if !ok {
				continue
			}
			if !t.headed {
				// An object that was logged, with the error as one of its properties.
				if h, ok := findErrorHead(value); ok && h.at <= 1 {
					t.typ, t.code, t.headed, within = h.typ, h.code, true, true
					t.before, t.line = strings.TrimRight(t.message, " {"), ""
					t.message, msgFrom = h.text(value), -1
					continue
				}
			}
			if indent <= propsAt {
				switch key {
				case "requireStack":
					if len(t.stack) == 0 {
						listed = value == "["
						t.stack = appendList(t.stack, value)
					}
				case "message", "msg", "reason":
					if v, ok := unquoteJS(value); ok && (t.summary == "" || key == "message") {
						t.summary = v
					}
				default:
					t.props.set(key, value)
					if t.note == "" && !t.headed && key != "code" && key != "name" && key != "level" {
						if v, ok := unquoteJS(value); ok && strings.IndexByte(v, ' ') > 0 {
							t.note = v
						}
					}
				}
				if strings.HasSuffix(value, "{") || nestedAt < 0 {
					if h, ok := findErrorHead(value); ok && h.at <= 1 { // parent, original, driverError
						nestedAt = indent
						t.inner.fromMessage(h.text(value))
					}
				}
			} else if nestedAt >= 0 && indent > nestedAt {
				t.inner.set(key, value)
			} else if h, ok := findErrorHead(value); ok && h.at <= 1 {
				nestedAt = indent
			}

		case isDone:
			if nodeTrailer(rest) {
				t.version = trailerVersion(rest)
			}
		}
	}
	if msgFrom >= 0 && t.message != "" && msgTo > msgFrom && msgTo <= len(s) && strings.IndexByte(s[msgFrom:msgTo], '\n') >= 0 {
		t.message = strings.TrimRight(s[msgFrom:msgTo], " \r\n")
	}
	t.props.merge(&t.inner)
	if t.code != "" && t.props.code == "" {
		t.props.code = t.code
	}
	t.props.fromMessage(t.message)
	if t.props.code == "" && t.root != "" {
		t.props.fromMessage(t.root)
	}
}

// lowHead reads the head of an error whose type is no "...Error": thrown by
// Node ("error: terminating connection"), or right before its frames.
func (t *trace) lowHead(line, rest string) (h errorHead, ok bool) {
	if !t.excerpt {
		return h, false
	}
	i := strings.Index(rest, ": ")
	if i <= 0 || i > 60 {
		return h, false
	}
	for k := range i {
		if !isIdent(rest[k]) && rest[k] != '.' {
			return h, false
		}
	}
	at := len(line) - len(rest)
	return errorHead{at: at, typ: rest[:i], message: at + i + 2}, true
}

// frame notes a frame; own says that it counts as one of the error's own.
func (t *trace) frame(f *culprit.Frame, own bool) {
	if t.hasTop && t.hasApp && t.sites == maxSite {
		return
	}
	if !t.hasTop && own {
		t.top, t.hasTop = *f, true
	}
	if userCode(f.File) {
		if !t.hasApp {
			t.app, t.hasApp = *f, true
		}
		if t.sites < maxSite {
			t.site[t.sites] = callSite{f.Function, f.File}
			t.sites++
		}
	} else if t.foreigners < maxSite {
		t.foreign[t.foreigners] = callSite{f.Function, f.File}
		t.foreigners++
	}
}

// cause notes an error that caused the one before it.
func (t *trace) cause(h errorHead, rest string) {
	t.causes++
	t.nest, t.root = h.typ, h.text(rest)
	t.inner.fromMessage(t.root)
}

// causeHead reads the line that begins the cause of an error.
//
//	[cause]: Error: getaddrinfo ENOTFOUND db
//	cause: Error: Connection terminated
//	Caused by: MongoNetworkError: connect ECONNREFUSED
func causeHead(rest string) (h errorHead, ok bool) {
	switch {
	case strings.HasPrefix(rest, "[cause]: "):
	case strings.HasPrefix(rest, "cause: "):
	case strings.HasPrefix(rest, "Caused by: "), strings.HasPrefix(rest, "caused by: "):
	default:
		return h, false
	}
	if h, ok = findErrorHead(rest); !ok {
		return h, false
	}
	// "cause: [Error: x]" or the error itself, not something that mentions one.
	between := strings.TrimRight(rest[:h.at], " ")
	return h, strings.HasSuffix(between, ":")
}

// nodeTrailer reports whether a line is the last that Node 17 and later write
// as they die of an error.
func nodeTrailer(rest string) bool {
	return strings.HasPrefix(rest, "Node.js v") && len(rest) < 64 && len(rest) > 9 && digit(rest[9])
}

func trailerVersion(rest string) string { return word(rest[len("Node.js "):]) }

// stackWord reports whether a line announces a stack: "Stack Trace: at ...",
// "Stack:", "Trace:".
func stackWord(rest string) bool {
	n := len(rest)
	if n < 6 || n > 200 {
		return false
	}
	for _, w := range [...]string{"Stack Trace:", "Stack trace:", "stack trace:", "Stack:", "stack:", "Stacktrace:", "StackTrace:", "STACK:"} {
		if strings.HasPrefix(rest, w) {
			tail := strings.TrimSpace(rest[len(w):])
			return tail == "" || strings.HasPrefix(tail, "at ") || strings.HasPrefix(tail, "Error")
		}
	}
	return false
}

// traceWord returns where a stack that was written into one line begins in a
// message, -1 if none does.
func traceWord(m string) int {
	if i := strings.Index(m, "    at "); i > 0 && strings.Contains(m[i:], ":") {
		return i
	}
	return -1
}

// appendList appends the strings of "[ 'a', 'b' ]".
func appendList(l []string, value string) []string {
	if !strings.HasPrefix(value, "[") {
		return l
	}
	for rest := value[1:]; len(l) < maxRequireStack; {
		i := strings.IndexAny(rest, `'"`)
		if i < 0 {
			return l
		}
		v, _ := unquoteJS(rest[i:])
		l = append(l, v)
		end := i + 1
		for end < len(rest) && rest[end] != rest[i] {
			if rest[end] == '\\' {
				end++
			}
			end++
		}
		if end+1 >= len(rest) {
			return l
		}
		rest = rest[end+1:]
	}
	return l
}
