package parsers

import (
	"bytes"
	"strconv"
	"strings"

	"culprit"
)

// traceBodies are asked before all others: what an error with a stack or an
// entry in JSON mentions ("no space left on device") is part of it.
var traceBodies = []body{
	{name: "json_log", parse: parseJSONLog, first: "{"},
	{name: "node", parse: parseTrace},
}

// nodeBodies are the parsers of what Node, its loggers and its package managers
// write, in the order in which they are asked. They come last.
var nodeBodies = []body{
	{name: "v8_report", parse: parseV8, first: v8Bytes},
	{name: "v8_report", parse: parseV8, words: assertionWords},
	{name: "node_warning", parse: parseWarning, first: warningBytes},
	{name: "npm", parse: parseNPM, first: npmBytes},
	{name: "npm", parse: parseNPM, words: npmWords},
	{name: "node", parse: parseNode},
}

// parseTrace reads bodies with a stack of JavaScript calls, and those behind the
// envelope of a logger: no other parser has a claim to them.
func parseTrace(c *clock, e *Envelope, body []byte, r *culprit.Record) bool {
	if bytes.IndexByte(body, '\n') < 0 {
		return ownLogger(e) && parseNode(c, e, body, r)
	}
	seen := c.traces.at(body)
	if seen != nil && seen.recall(e, body, r) {
		return true
	}
	if !ownLogger(e) && !hasStack(text(body)) {
		return false
	}
	if seen == nil {
		return parseNode(c, e, body, r)
	}
	attrs, severity := len(r.Attrs), r.Severity
	if !parseNode(c, e, body, r) {
		return false
	}
	seen.learn(e, severity, body, r, attrs)
	return true
}

// hasStack reports whether a call of JavaScript stands in a line behind the first.
func hasStack(s string) bool {
	i := strings.Index(s, "\n    at ")
	return i >= 0 && !strings.HasPrefix(s, "(node") && isFrame(firstLine(s[i+1:]))
}

// A nodeFailure is an error and what it means.
type nodeFailure struct {
	trace
	finding
	kind  culprit.Kind
	fatal bool // the process died of it, and the record shows it
}

// read finds the error in the text of a record without envelopes.
func (x *nodeFailure) read(e *Envelope, s string) bool {
	logged := loggerFormat(e.Format)
	multi := strings.IndexByte(s, '\n') >= 0
	if !multi {
		return x.readLine(e, s, logged)
	}
	readTrace(&x.trace, s)
	x.plainHead()
	if !x.headed && x.frames == 0 && !x.excerpt && x.summary == "" {
		x.trace = trace{}
		return x.readLine(e, firstLine(s), logged)
	}
	if x.typ == "Trace" && !x.excerpt {
		return false // console.trace
	}
	if !x.headed && x.frames == 0 && !x.excerpt { // an object that was printed
		return x.object()
	}
	x.judge(s)
	return true
}

// plainHead takes "error: relation does not exist" apart once frames show that
// it is an error: libraries give errors names of their own.
func (t *trace) plainHead() {
	if t.headed || t.frames == 0 {
		return
	}
	i := strings.Index(t.message, ": ")
	if i <= 0 || i > 60 {
		return
	}
	for k := range i {
		if !isIdent(t.message[k]) {
			return
		}
	}
	t.typ, t.message, t.headed = t.message[:i], t.message[i+2:], true
}

// tellsNothing reports whether readLine finds no error in a line, by its phrases
// and its level alone.
func tellsNothing(e *Envelope, s string) bool {
	if e.holds(s, errorWords|failureWords) || loggerFormat(e.Format) && bad(e.Severity) {
		return false
	}
	level, _ := levelPrefix(s)
	return !bad(level)
}

// readLine finds the error in a single line: one with a type, or words that
// say what happened. The trace of x is new.
func (x *nodeFailure) readLine(e *Envelope, s string, logged bool) bool {
	x.props, x.inner = noProps(), noProps()
	level, lead := levelPrefix(s)
	var h errorHead
	ok := false
	if e.holds(s, errorWords) {
		h, ok = findErrorHead(s)
	}
	switch {
	case ok && (h.message < len(s) || h.at == 0):
		x.typ, x.code, x.headed = h.typ, h.code, true
		x.before, x.line = strings.TrimSpace(s[:h.at]), s
		x.message = h.text(s)
		if i := traceWord(x.message); i >= 0 {
			x.oneLine(x.message[i:])
			x.message = strings.TrimRight(x.message[:i], " ")
		}
	case logged && bad(e.Severity) || bad(level) || e.holds(s, failureWords) && tellsFailure(s):
		x.message = s[lead:]
	default:
		return false
	}
	x.metadata(s)
	setOnce(&x.props.code, x.code)
	x.props.fromMessage(x.message)
	x.judge(s)
	if x.kind == culprit.KindUncaughtException && x.frames == 0 {
		x.kind = culprit.KindException // the word alone proves nothing: its trace would follow
	}
	if x.mentioned(e, s, h.at) {
		return false
	}
	if x.headed {
		return true
	}
	return x.kind != culprit.KindException || uncaughtWords(s) || exceptionContext(e)
}

// metadata reads the stack in the JSON that winston and others put behind a
// message: error: boom {"code":"EPIPE","stack":"Error: boom\\n    at ..."}
func (x *nodeFailure) metadata(s string) {
	const key = `"stack":"`
	if !strings.HasSuffix(s, "}") {
		return
	}
	i := strings.Index(s, key)
	if i < 0 || strings.LastIndexByte(s[:i], '{') <= 0 {
		return
	}
	stack, _ := unquoteJS(s[i+len(key)-1:])
	var t trace
	readTrace(&t, stack)
	if !t.headed || t.frames == 0 {
		return
	}
	m := x.message
	x.trace = t
	x.props.fromMessage(t.message)
	x.before, x.line, x.message = "", "", before(m, " {")
}

// phraseAt returns where the words begin that tell an error without a type from
// other text, -1 if they are not there.
func phraseAt(s string) int {
	for _, w := range [...]string{"listen EADDRINUSE", "EADDRINUSE", "Cannot find module ", "Cannot find package ", "Can't resolve "} {
		if i := strings.Index(s, w); i >= 0 {
			return i
		}
	}
	return -1
}

// bad reports whether a severity is that of a warning or worse.
func bad(s culprit.Severity) bool { return s >= 0 && s <= culprit.SeverityWarning }

// exceptionContext reports whether Nest's exception handlers logged the line.
func exceptionContext(e *Envelope) bool {
	switch e.Attrs.Get("nest_context") {
	case "ExceptionsHandler", "ExceptionHandler":
		return true
	}
	return false
}

// oneLine reads the frames of a stack whose line breaks were taken out.
func (t *trace) oneLine(s string) {
	for range 100 {
		i := strings.Index(s, " at ")
		if i < 0 {
			return
		}
		s = s[i+1:]
		frame := s
		if j := strings.Index(s, "  "); j > 0 {
			frame = s[:j]
		}
		if call, _, ok := readCall(4, frame); ok {
			t.frames++
			t.frame(&call, true)
		}
		s = s[min(3, len(s)):]
	}
}

// failureWords are those of tellsFailure.
var failureWords = phrases(append(systemCodeNames(), "Cannot find module ", "Nest can't resolve dependencies", "caught", "nvironment variable")...)

// tellsFailure reports whether a line without a type or a level is worth a
// closer look.
func tellsFailure(s string) bool {
	if _, code := systemCode(s); code != "" {
		return true
	}
	return strings.Contains(s, "Cannot find module ") || strings.Contains(s, "Nest can't resolve dependencies") || uncaughtWords(s) ||
		strings.Contains(s, "nvironment variable") && len(s) < 400
}

func uncaughtWords(s string) bool {
	s = s[:min(len(s), 200)]
	return strings.Contains(s, "caught") && (strings.Contains(s, "uncaughtException") || indexFold(s, "uncaught exception") >= 0) && !strings.Contains(s, "process.on(")
}

func rejectionWords(s string) bool {
	s = s[:min(len(s), 200)]
	if !strings.Contains(s, "nhandled") {
		return false
	}
	return strings.Contains(s, "unhandledRejection") || strings.Contains(s, "UnhandledPromiseRejection") || indexFold(s, "unhandled rejection") >= 0 || indexFold(s, "unhandled promise rejection") >= 0
}

// judge gives the error its kind.
func (x *nodeFailure) judge(s string) {
	x.fatal = x.version != "" || x.excerpt && (x.before == "" || x.typ != "SyntaxError")
	head := firstLine(s)
	m := x.message[:min(len(x.message), 4096)]
	x.finding = meaning(x.typ, x.props.code, m)
	if x.finding.kind == "" && x.root != "" {
		x.finding = meaning(x.nest, x.inner.code, x.root)
	}
	if x.finding.kind == "" && x.before != "" && !uncaughtWords(x.before) {
		x.finding = meaning("", "", x.before)
	}
	x.kind = x.finding.kind
	switch {
	case x.kind != "":
	case x.compiles():
		x.kind = culprit.KindSyntaxError
	case strings.HasPrefix(x.typ, "UnhandledPromiseRejection") || rejectionWords(head):
		x.kind = culprit.KindUnhandledRejection
	case x.fatal || uncaughtWords(head):
		x.kind = culprit.KindUncaughtException
	default:
		x.kind = culprit.KindException
	}
}

// compiles reports whether a SyntaxError is about a source file: JSON.parse and
// the like throw them too.
func (x *nodeFailure) compiles() bool {
	switch x.typ {
	case "TSError":
		return true
	case "SyntaxError":
	default:
		return false
	}
	if strings.Contains(x.message, "JSON") || strings.HasPrefix(x.top.Function, "JSON.parse") || x.top.File == "native" || strings.HasPrefix(x.thrownAt, "<anonymous") || strings.HasPrefix(x.thrownAt, "undefined:") {
		return false
	}
	if x.thrownAt != "" {
		return true
	}
	f := x.top.Function
	return strings.HasPrefix(f, "wrapSafe") || strings.Contains(f, "compileFunction") || strings.Contains(f, "_compile") || strings.Contains(f, "runInThisContext") || strings.Contains(f, "ModuleLoader") || strings.Contains(f, "compileSourceTextModule") || strings.HasPrefix(f, "new Script")
}

// object judges an inspected object that was logged: an error if it has the
// code of one.
func (x *nodeFailure) object() bool {
	x.finding = meaning("", x.props.code, x.summary)
	x.kind = x.finding.kind
	if x.kind == "" {
		return false
	}
	head := strings.TrimRight(strings.TrimSuffix(x.message, "{"), " :")
	x.message = x.summary
	if head == "" {
		head = x.note
	}
	x.before = head
	return true
}

// apply writes the error into r.
func (x *nodeFailure) apply(c *clock, r *culprit.Record) {
	r.Kind = x.kind
	a := &r.Attrs
	if x.typ != "" {
		a.Add("error_type", x.typ)
	}
	a.Add("error_code", x.props.code)
	a.Add("module", x.module)
	a.Add("imported_from", x.importedFrom)
	a.Add("subpath", x.subpath)
	a.Add("package_json", x.packageJSON)
	a.Add("setting", x.setting)
	if len(x.stack) > 0 {
		a.AddValue("require_stack", culprit.Strings(x.stack))
	}
	if x.frames > 0 {
		a.AddInt("frames", int64(x.frames))
	}
	if x.hasTop {
		c.top = x.top
		a.AddValue("top_frame", culprit.FrameOf(&c.top))
	}
	if x.hasApp {
		c.app = x.app
		a.AddValue("first_app_frame", culprit.FrameOf(&c.app))
	}
	a.Add("thrown_at", x.thrownAt)
	a.Add("node_version", x.version)
	if x.props.errno != "" {
		if n, err := strconv.Atoi(x.props.errno); err == nil {
			a.AddInt("errno", int64(n))
		} else {
			a.Add("errno", x.props.errno)
		}
	}
	a.Add("syscall", x.props.syscall)
	a.Add("address", x.props.address)
	if x.props.port > 0 {
		a.AddInt("port", int64(x.props.port))
	}
	a.Add("hostname", x.props.hostname)
	a.Add("path", x.props.path)
	if x.causes > 0 {
		a.AddInt("causes", int64(x.causes))
	}
	if x.root != "" {
		a.Add("root_message", x.root)
	}
	if x.fatal {
		a.AddBool("fatal", true)
	}
	if x.promise {
		a.AddBool("from_promise", true)
	}
	c.parts = x.appendParts(c.parts[:0])
	n := len(c.parts)
	c.parts = appendID(c.parts, c.parts)
	a.Add("fingerprint", text(c.parts[n:]))
}

// text returns the message as it is shown: with what the program wrote before
// the error, where that says something.
func (x *nodeFailure) text() string {
	m := x.trace.message
	if m == "" {
		m = x.root
	}
	if m == "" {
		m = x.typ
	}
	return m
}

// hasLetters reports whether a text says something.
func hasLetters(s string) bool {
	for i := range len(s) {
		if s[i]|0x20 >= 'a' && s[i]|0x20 <= 'z' {
			return true
		}
	}
	return false
}

// parseNode reads traces, and the lines of loggers and of plain console output.
func parseNode(c *clock, e *Envelope, body []byte, r *culprit.Record) bool {
	if len(body) == 0 || notNode(e) {
		return false
	}
	s := text(body)
	head := ""
	if e.Format == formatLambda {
		if before, trace, ok := lambdaError(s); ok {
			head, s = before, trace
		}
	}
	if (strings.IndexByte(s, '\n') >= 0 || !tellsNothing(e, s)) && parseFailure(c, e, head, s, r) {
		return true
	}
	words := s
	sev, n := levelPrefix(s)
	if n > 0 && s[0] >= 'a' && e.Process == "" {
		// Winston's plainest form: "info: message".
		words = s[n:]
		if r.Severity == culprit.SeverityNone {
			r.Severity = sev
		}
		r.Message = words
	}
	if sev > culprit.SeverityError || sev == culprit.SeverityNone {
		if lifecycle(e.words(s), words, r) {
			return true
		}
	}
	if !ownLogger(e) && (loggerFormat(e.Format) || n == 0 || len(words) == len(s)) {
		return false // a time and a level: any program writes that
	}
	r.Kind = culprit.KindAppLog
	return true
}

// parseFailure reads errors; head is what Lambda's runtime wrote before one.
func parseFailure(c *clock, e *Envelope, head, s string, r *culprit.Record) bool {
	var x nodeFailure
	if !x.read(e, s) {
		return false
	}
	if head != "" && x.kind == culprit.KindException {
		switch head {
		case "Uncaught Exception":
			x.kind = culprit.KindUncaughtException
		case "Unhandled Promise Rejection":
			x.kind = culprit.KindUnhandledRejection
		}
	}
	r.Message = x.text()
	if hasLetters(x.before) && !x.excerpt && culprit.ParseSeverity(strings.TrimRight(x.before, ":")) == culprit.SeverityNone {
		r.Message = x.shown(r.Message)
	}
	if r.Severity == culprit.SeverityNone {
		if sev, n := levelPrefix(s); n > 0 {
			r.Severity = sev
		}
	}
	x.apply(c, r)
	return true
}

// ownLogger reports whether a line has the envelope of a logger that only
// programs in Node use.
func ownLogger(e *Envelope) bool {
	if !loggerFormat(e.Format) {
		return false
	}
	_, ok := e.Attrs.Lookup("logger")
	return ok
}

// notNode reports whether the kernel or a daemon wrote a line.
func notNode(e *Envelope) bool { return e.Facility == "kernel" || daemon(e.Process) }

// daemon reports whether a program of the system wrote a line: it listens,
// stops and fails as well, but is no app.
func daemon(process string) bool {
	switch process {
	case "", "node":
		return false
	case "init", "sshd", "cron", "CRON", "crond", "anacron", "rsyslogd", "syslogd", "dbus-daemon", "sudo", "su", "login", "named", "chronyd", "ntpd", "polkitd",
		"dockerd", "containerd", "snapd", "postgres", "postgresql", "mysqld", "mariadbd", "redis-server", "mongod", "nginx", "apache2", "httpd", "haproxy", "supervisord",
		"NetworkManager", "dhclient", "dhcpcd", "ModemManager", "multipathd", "udisksd", "fail2ban-server", "memcached", "influxd", "telegraf", "grafana-server", "prometheus":
		return true
	}
	return strings.HasPrefix(process, "systemd") || strings.HasPrefix(process, "php-fpm") || strings.HasPrefix(process, "postfix/") || strings.HasPrefix(process, "kernel")
}

// shown returns the message behind what the program wrote before it.
func (x *nodeFailure) shown(m string) string {
	if x.line == "" {
		return joinWords(x.before, m)
	}
	_, n := levelPrefix(x.line)
	line := x.line[n:]
	if i := traceWord(line); i >= 0 {
		line = strings.TrimRight(line[:i], " ")
	}
	if bare := strings.TrimRight(line, " "); strings.HasSuffix(bare, x.typ+":") && m != x.typ { // the message begins on the next line
		return bare + " " + m
	}
	return line
}

// joinWords puts what a program wrote before an error and the error together.
func joinWords(before, m string) string {
	before = strings.TrimRight(before, " :-")
	if m == "" || strings.HasSuffix(before, m) {
		return before
	}
	return before + ": " + m
}
