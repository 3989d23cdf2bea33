package parsers

import (
	"strconv"
	"strings"
	"time"

	"culprit"
)

// A jsonLog is an entry that a logger wrote as one JSON object.
type jsonLog struct {
	severity culprit.Severity
	number   bool // the level is a number
	time     string
	timeAt   int // rank of the key that gave the time
	pid      int
	host     string
	name     string // pino's and bunyan's name
	service  string
	label    string
	context  string
	msg      string
	msgObj   string
	stack    string
	err      string // nested error, as it stands
	errText  string // error that is a string
	version  bool   // "v": bunyan and old pino
	levelled bool
	stamped  bool
	uncaught bool
	reject   bool
	method   string
	path     string
	url      string
	status   int
	address  string // where it listens, or the peer of an error
	port     int
	socket   string
	props    errorProps
	typ      string
}

// read takes the members that loggers write; it reports whether the object is a
// log entry.
func (l *jsonLog) read(s string) bool {
	*l = jsonLog{severity: culprit.SeverityNone, props: noProps(), timeAt: 99}
	j, ok := scanObject(s)
	if !ok {
		return false
	}
	for {
		key, v, ok := j.next()
		if !ok {
			break
		}
		if len(key) > 24 {
			continue
		}
		switch key {
		case "level", "severity", "levelname", "log.level", "lvl":
			l.level(v)
		case "time":
			l.clock(v, 0)
		case "timestamp", "@timestamp":
			l.clock(v, 1)
		case "ts", "datetime", "timeStamp":
			l.clock(v, 2)
		case "date":
			l.clock(v, 3)
		case "pid":
			if n, err := strconv.Atoi(v); err == nil && n > 0 {
				l.pid = n
			}
		case "hostname":
			l.host = jsonText(v)
		case "host":
			if l.host == "" {
				l.host = jsonText(v)
			}
		case "name":
			l.name = jsonText(v)
		case "service":
			l.service = jsonText(v)
		case "label", "logger":
			l.label = jsonText(v)
		case "context":
			l.context = jsonText(v)
		case "msg", "message":
			switch {
			case v[0] == '{':
				l.msgObj = v
			case v[0] == '"' && (l.msg == "" || key == "message"):
				l.msg = jsonText(v)
			}
		case "stack", "trace", "stacktrace", "error.stack_trace":
			switch {
			case v[0] == '"':
				if t := jsonText(v); t != "" {
					l.stack = t
				}
			case v[0] == '[' && l.stack == "": // Nest: [null], ["Error: x\n at"]
				if i := strings.IndexByte(v, '"'); i > 0 {
					k := memberScan{s: v, pos: i}
					if t, ok := k.str(); ok {
						l.stack = unescapeJS(t)
					}
				}
			}
		case "err", "error", "exception", "e", "errors":
			switch v[0] {
			case '{':
				if len(v) > 2 {
					l.err = v
				}
			case '"':
				l.errText = jsonText(v)
			case 't':
				l.uncaught = l.uncaught || key == "exception"
			}
		case "rejection":
			l.reject = v == "true"
		case "v":
			l.version = true
		case "method":
			l.method = jsonText(v)
		case "path":
			l.path = jsonText(v)
		case "url", "originalUrl":
			l.url = jsonText(v)
		case "status", "statusCode":
			l.status, _ = strconv.Atoi(strings.Trim(v, `"`))
		case "address", "addr":
			l.address = jsonText(v)
		case "port":
			if n, err := strconv.Atoi(strings.Trim(v, `"`)); err == nil && n > 0 && n < 65536 {
				l.port = n
			}
		case "sock", "socket":
			l.socket = jsonText(v)
		case "code", "errno", "syscall":
			l.props.set(key, v)
		case "type", "errorType":
			l.typ = jsonText(v)
		}
	}
	// An entry that was cut ends in the middle: what it says is still of use.
	return l.levelled && (l.msg != "" || l.msgObj != "" || l.err != "" || l.stamped) || l.stamped && (l.msg != "" || l.msgObj != "") || l.stack != "" && l.msg != ""
}

// level reads a level: a word, or pino's and bunyan's numbers.
func (l *jsonLog) level(v string) {
	if v == "" || l.levelled {
		return
	}
	if v[0] == '{' { // log4js: {"level":20000,"levelStr":"INFO","colour":"green"}
		if t := value(v, `"levelStr":"`, `"`); t != "" {
			v = `"` + t + `"`
		}
	}
	if v[0] == '"' {
		t := jsonText(v)
		if l.severity = culprit.ParseSeverity(strings.TrimSpace(t)); l.severity != culprit.SeverityNone {
			l.levelled = true
		}
		return
	}
	n, err := strconv.Atoi(v)
	if err != nil {
		return
	}
	l.levelled, l.number = true, true
	switch {
	case n >= 60:
		l.severity = culprit.SeverityCritical
	case n >= 50:
		l.severity = culprit.SeverityError
	case n >= 40:
		l.severity = culprit.SeverityWarning
	case n >= 30:
		l.severity = culprit.SeverityInfo
	case n >= 10:
		l.severity = culprit.SeverityDebug
	case n >= 0 && n <= 7:
		l.severity = culprit.Severity(n)
	default:
		l.levelled = false
	}
}

// clock notes the text of a time; rank orders the keys where there are several.
func (l *jsonLog) clock(v string, rank int) {
	if rank >= l.timeAt || v == "" {
		return
	}
	t := v
	if v[0] == '"' {
		t = jsonText(v)
	} else if !digit(v[0]) {
		return
	}
	if len(t) >= 8 && len(t) <= 64 {
		l.time, l.timeAt, l.stamped = t, rank, true
	}
}

// product names the logger by the members that only it writes.
func (l *jsonLog) product() string {
	switch {
	case l.number && l.version && l.name != "" && len(l.time) > 0 && strings.IndexByte(l.time, 'T') > 0:
		return "bunyan"
	case l.number:
		return "pino"
	case l.context != "" && l.pid > 0 || l.pid > 0 && len(l.time) == 13 && digitsLen([]byte(l.time)) == 13:
		return formatNest
	case l.levelled:
		return "winston-json"
	}
	return ""
}

// failure finds the error in an entry.
func (l *jsonLog) failure(x *nodeFailure) bool {
	text := l.stack
	typ := l.typ
	summary := ""
	if l.err != "" || l.msgObj != "" {
		obj := l.err
		if obj == "" {
			obj = l.msgObj
		}
		in := jsonError(obj)
		if in.typ != "" {
			typ = in.typ
		}
		summary = in.message
		if in.stack != "" {
			text = in.stack
		}
		l.props.merge(&in.props)
		if in.first != "" {
			first := jsonError(in.first)
			l.props.merge(&first.props)
			if summary == "" {
				summary = first.message
			}
		}
	}
	if text == "" && l.errText != "" {
		text = l.errText
	}
	if text == "" && strings.Contains(l.msg, "\n    at ") {
		text = l.msg
	}
	var e Envelope
	e.Severity = l.severity
	e.Format = formatConsole
	switch {
	case text != "":
		readTrace(&x.trace, text)
		x.plainHead()
		if !x.headed && x.frames == 0 && !knownError(x, text) {
			if l.stack == "" && l.err == "" {
				return false
			}
		}
	case summary != "" || l.err != "" && (typ != "" || l.props.code != "" && l.severity >= 0 && l.severity <= culprit.SeverityError):
		x.props, x.inner = noProps(), noProps()
		x.message = summary
		if summary == "" {
			x.message = l.msg
		}
	default:
		if l.msg == "" || !x.readLine(&e, l.msg, true) {
			return false
		}
		x.props.merge(&l.props)
		x.listen(l)
		x.judge(l.msg)
		l.words(x)
		return x.kind != culprit.KindException || x.headed
	}
	if x.typ == "" || typ != "" && x.typ == "Error" {
		x.typ = typ
	}
	if x.trace.message == "" {
		x.trace.message = summary
	}
	own := l.props
	own.merge(&x.props)
	x.props = own
	x.listen(l)
	x.props.fromMessage(x.trace.message)
	x.judge(x.trace.message)
	l.words(x)
	return true
}

// listen takes the address that stands beside a system error.
func (x *nodeFailure) listen(l *jsonLog) {
	if x.props.syscall == "" && x.props.code == "" {
		return
	}
	setOnce(&x.props.address, l.address)
	if x.props.port < 0 && l.port > 0 {
		x.props.port = l.port
	}
}

// words lets the text of the entry and winston's marks decide what the error
// itself does not say.
func (l *jsonLog) words(x *nodeFailure) {
	if x.kind != culprit.KindException && x.kind != culprit.KindUncaughtException {
		return
	}
	switch {
	case l.reject || rejectionWords(l.msg):
		x.kind = culprit.KindUnhandledRejection
	case l.uncaught || uncaughtWords(l.msg):
		x.kind = culprit.KindUncaughtException
	}
}

// knownError reports whether words say more than that something failed.
func knownError(x *nodeFailure, s string) bool {
	f := meaning("", x.props.code, s[:min(len(s), 4096)])
	return f.kind != ""
}

// A nestedError is an error as loggers serialize it.
type nestedError struct {
	typ, message, stack string
	props               errorProps
	first               string // an object: the first of an AggregateError's errors
}

func jsonError(obj string) (n nestedError) {
	n.props = noProps()
	j, ok := scanObject(obj)
	if !ok {
		return n
	}
	for {
		key, v, ok := j.next()
		if !ok {
			return n
		}
		switch key {
		case "type":
			n.typ = jsonText(v)
		case "name":
			if n.typ == "" {
				n.typ = jsonText(v)
			}
		case "message", "msg":
			n.message = jsonText(v)
		case "stack", "stack_trace": // ECS writes the second
			n.stack = jsonText(v)
		case "aggregateErrors": // pino
			if len(v) > 2 && v[0] == '[' && v[1] == '{' {
				n.first = v[1:]
			}
		default:
			n.props.set(key, v)
		}
	}
}

// parseJSONLog reads the entries of pino, bunyan, winston, Nest and the like
// written as JSON. An error inside becomes the event.
func parseJSONLog(c *clock, _ *Envelope, body []byte, r *culprit.Record) bool {
	if len(body) < 2 || body[0] != '{' {
		return false
	}
	var l jsonLog
	if !l.read(text(body)) {
		return false
	}
	if l.severity != culprit.SeverityNone {
		r.Severity = l.severity
	}
	if l.time != "" {
		l.setTime(c, r)
	}
	if l.pid > 0 {
		r.PID = l.pid
	}
	logger := l.product()
	a := &r.Attrs
	a.Add("logger", logger)
	if l.host != "" && (logger == "pino" || logger == "bunyan") {
		r.Host = l.host
	}
	if l.service != "" {
		a.Add("service", l.service)
	} else if logger == "pino" || logger == "bunyan" {
		a.Add("service", l.name)
	}
	a.Add("label", l.label)
	if logger == formatNest {
		a.Add("nest_context", l.context)
	}
	a.Add("method", l.method)
	path := l.path
	if path == "" {
		path = l.url
	}
	if l.status > 0 {
		a.AddInt("status", int64(l.status))
	}

	var x nodeFailure
	if l.failure(&x) {
		r.Message = firstLine(l.msg)
		if m := x.text(); r.Message == "" || !strings.Contains(r.Message, firstLine(m)) && len(r.Message) < 300 {
			r.Message = joinWords(r.Message, m)
			if l.msg == "" {
				r.Message = m
			}
		}
		if path != "" {
			x.props.path = path
		}
		x.apply(c, r)
		return true
	}
	r.Message = l.msg
	if l.msg == "" {
		r.Message = text(body)
	}
	if l.severity > culprit.SeverityError && l.starts(r) {
		return true
	}
	a.Add("path", path)
	r.Kind = culprit.KindAppLog
	return true
}

// setTime sets the time of the entry. A reading of the clock without a zone adds
// nothing to an instant that a transport gave.
func (l *jsonLog) setTime(c *clock, r *culprit.Record) {
	t := l.time
	st := c.scan([]byte(t))
	if st.n == 0 || !st.clock {
		return
	}
	r.TimeText = t
	if st.zoned || r.Time.IsZero() {
		r.Time = st.t
	}
	if st.t.IsZero() && r.Time.IsZero() {
		r.Time = time.Time{}
	}
}

// starts reads what an entry says about the start and the end of the program.
func (l *jsonLog) starts(r *culprit.Record) bool {
	mark := len(r.Attrs)
	if !lifecycle(lineWords.scan(l.msg), l.msg, r) {
		if l.address == "" && l.port == 0 && l.socket == "" {
			return false
		}
		if at, _ := listening(l.msg); at < 0 && indexFold(l.msg, "ready") < 0 && indexFold(l.msg, "started") < 0 {
			return false
		}
		r.Kind = culprit.KindAppStarted
	}
	if r.Kind != culprit.KindAppStarted || len(r.Attrs) > mark {
		return true
	}
	host, port := l.address, l.port
	if h, p, ok := hostPort(l.address); ok && port == 0 {
		host, port = h, p
	}
	addPlace(r, host, port, l.socket)
	return true
}
